import { type Formula, operandsOf, partsOf } from '../../../ops/formula.js';
import { literal } from './wgsl.js';

/** Powers with small integer exponents are products. */
const MOST_PRODUCT = 4;

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

/** WGSL of what a comparison asks; undefined for other parts. */
function questionOf(part: Formula, [a, b]: readonly string[]): string | undefined {
  if (part.kind !== 'equal' && part.kind !== 'less' && part.kind !== 'lessEqual') return undefined;
  return compared(SIGNS[part.kind], part.a, part.b, a!, b!);
}

/** Stands for a constant among the terms of a sum. */
const CONSTANT = -1;

/**
 * Compilers for GPUs compute as with real numbers: they make x of (1 + x) - 1, and 0 of x - x and of 0 * x, also where x is
 * NaN or infinite. This finds the operand that must be hidden from the compiler, so that it does not see such a relation.
 */
class Relations {
  /** Indices of the inputs that a part is computed from, and `CONSTANT`. */
  readonly #sources = new Map<Formula, ReadonlySet<number>>();

  /** Which operand of a part must be hidden; -1 for none. */
  hidden(part: Formula): number {
    const operands = operandsOf(part);
    const scaled = part.kind === 'mul' || part.kind === 'div';
    const sum = part.kind === 'add' || part.kind === 'sub';
    const sets = operands.map((operand) => this.#sourcesOf(operand, sum));
    const passed = sets.map((set) =>
      sum || scaled ? set : [...set].filter((source) => source !== CONSTANT),
    );
    this.#sources.set(
      part,
      new Set(part.kind === 'input' ? [part.index] : passed.flatMap((set) => [...set])),
    );
    if (scaled) {
      const trivial = operands.findIndex(isTrivial);
      if (trivial >= 0) return trivial;
    }
    const [first, second] = sets;
    if (!first || !second || part.kind === 'select') return -1;
    const related = [...first].some((source) => second.has(source));
    const cancels =
      sum || part.kind === 'div' || operands.some(({ kind }) => kind === 'div' || kind === 'pow');
    return related && (sum || scaled) && cancels ? 1 : -1;
  }

  #sourcesOf(part: Formula, term: boolean): ReadonlySet<number> {
    if (part.kind !== 'constant') return this.#sources.get(part)!;
    return new Set(term && part.value !== 0 ? [CONSTANT] : []);
  }
}

/** A factor for which compilers leave out the multiplication. */
function isTrivial(part: Formula): boolean {
  if (part.kind !== 'constant') return false;
  const value = Math.fround(part.value);
  return value === 0 || !Number.isFinite(value);
}

function power(a: string, b: Formula, exponent: string): string {
  if (b.kind !== 'constant') return `powerOf(${a}, ${exponent})`;
  const { value } = b;
  if (value === 0) return '1f';
  if (Number.isInteger(value) && Math.abs(value) <= MOST_PRODUCT) {
    const product = Array(Math.abs(value)).fill(a).join(' * ');
    return value > 0 ? product : `1f / (${product})`;
  }
  if (value === -0.5) return `inverseRootOf(${a})`;
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
  const questions = new Map<Formula, string>();
  const relations = new Relations();
  let opaque = 0;
  const hide = (text: string): string => `opaque(${text}, ${++opaque}u)`;
  const lines: string[] = [];
  for (const part of partsOf(formula)) {
    if (part.kind === 'constant') {
      names.set(part, literal(part.value));
      continue;
    }
    const hidden = relations.hidden(part);
    const operands = operandsOf(part).map((operand, k) => {
      const text = names.get(operand)!;
      return k === hidden ? hide(text) : text;
    });
    const name = `${prefix}${lines.length}`;
    const question = questionOf(part, operands);
    if (question) questions.set(part, question);
    // NaN is not 0.
    if (part.kind === 'select')
      operands[0] = questions.get(part.condition) ?? `${operands[0]} != 0f || isNaN(${operands[0]})`;
    const made = expression(part, operands, inputs);
    // A product with a truth value would become a choice.
    lines.push(`let ${name} = ${question ? hide(made) : made};`);
    names.set(part, name);
  }
  return { lines: lines.join('\n  '), result: names.get(formula)! };
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
      return `select(0f, 1f, ${questionOf(part, [a!, b!])!})`;
    case 'select':
      return `select(${c}, ${b}, ${a})`;
  }
}
