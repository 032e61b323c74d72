import { type Formula, operandsOf, partsOf } from '../../../ops/formula.js';
import { literal } from './wgsl.js';

/** Powers with small integer exponents are products. */
const MOST_PRODUCT = 4;

function power(a: string, b: Formula, exponent: string): string {
  if (b.kind !== 'constant') return `powerOf(${a}, ${exponent})`;
  const { value } = b;
  if (value === 0) return '1f';
  if (Number.isInteger(value) && Math.abs(value) <= MOST_PRODUCT) {
    const product = Array(Math.abs(value)).fill(a).join(' * ');
    return value > 0 ? product : `1f / (${product})`;
  }
  if (value === -0.5) return `1f / rootOf(${a})`;
  return `powerOf(${a}, ${exponent})`;
}

/**
 * WGSL statements that evaluate a formula, and the expression of its result.
 *
 * @param inputs expressions of the inputs
 * @param prefix of the variables' names
 */
export function renderFormula(
  formula: Formula,
  inputs: readonly string[],
  prefix = 't',
): { readonly lines: string; readonly result: string } {
  const names = new Map<Formula, string>();
  const lines: string[] = [];
  for (const part of partsOf(formula)) {
    if (part.kind === 'constant') {
      names.set(part, literal(part.value));
      continue;
    }
    const operands = operandsOf(part).map((operand) => names.get(operand)!);
    const name = `${prefix}${lines.length}`;
    lines.push(`let ${name} = ${expression(part, operands, inputs)};`);
    names.set(part, name);
  }
  return { lines: lines.join('\n  '), result: names.get(formula)! };
}

const SIGNS = { equal: '==', less: '<', lessEqual: '<=' } as const;

/** A comparison, which does not hold with NaN. */
function compared(sign: string, left: Formula, right: Formula, a: string, b: string): string {
  const checks = [
    [left, a],
    [right, b],
  ] as const;
  const unknown = checks.filter(([of]) => of.kind !== 'constant' || Number.isNaN(of.value));
  const numbers = new Set(unknown.map(([, text]) => `!isNaN(${text})`));
  return [`${a} ${sign} ${b}`, ...numbers].join(' && ');
}

function expression(part: Formula, [a, b, c]: readonly string[], inputs: readonly string[]): string {
  switch (part.kind) {
    case 'input':
      return inputs[part.index]!;
    case 'constant':
      return literal(part.value);
    case 'neg':
      return `-${a}`;
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'round':
      return `${part.kind}(${a})`;
    case 'sqrt':
      return `rootOf(${a})`;
    case 'sign':
    case 'exp':
    case 'log':
    case 'log1p':
    case 'tanh':
    case 'erf':
      return `${part.kind}Of(${a})`;
    case 'add':
      return `${a} + ${b}`;
    case 'sub':
      return `${a} - ${b}`;
    case 'mul':
      return `${a} * ${b}`;
    case 'div':
      return `${a} / ${b}`;
    case 'min':
    case 'max':
      return `${part.kind}Of(${a}, ${b})`;
    case 'pow':
      return power(a!, part.b, b!);
    case 'equal':
    case 'less':
    case 'lessEqual':
      return `select(0f, 1f, ${compared(SIGNS[part.kind], part.a, part.b, a!, b!)})`;
    case 'select': {
      // NaN is not 0.
      const holds = part.condition.kind in SIGNS ? `${a} != 0f` : `(${a} != 0f || isNaN(${a}))`;
      return `select(${c}, ${b}, ${holds})`;
    }
  }
}
