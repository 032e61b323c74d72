import { type Formula, operandsOf, partsOf } from '../../ops/formula.js';
import type { Code } from '../../webassembly/encoder.js';
import { V } from '../../webassembly/instructions.js';
import { exp } from './functions/exponential.js';
import { log, log1p } from './functions/logarithm.js';
import { power } from './functions/power.js';
import { erf, tanh } from './functions/sigmoids.js';

const UNARY = {
  neg: V.f32Neg,
  abs: V.f32Abs,
  sqrt: V.f32Sqrt,
  floor: V.f32Floor,
  ceil: V.f32Ceil,
  round: V.f32Nearest,
};
const BINARY = { add: V.f32Add, sub: V.f32Sub, mul: V.f32Mul, div: V.f32Div, min: V.f32Min, max: V.f32Max };
const COMPARE = { equal: V.f32Equal, less: V.f32Less, lessEqual: V.f32LessEqual };
const FUNCTIONS = { exp, log, log1p, tanh, erf };

const isKey = <T extends object>(table: T, key: PropertyKey): key is keyof T => Object.hasOwn(table, key);

/** Whether a formula can be compiled to vector code: not if it has a power whose exponent is not constant. */
export const canRender = (formula: Formula): boolean =>
  partsOf(formula).every((part) => part.kind !== 'pow' || part.b.kind === 'constant');

/** Time of functions, in that of one exp. */
const COST: Readonly<Partial<Record<Formula['kind'], number>>> = {
  exp: 1,
  log: 1,
  log1p: 1.2,
  tanh: 1.2,
  erf: 1.5,
  pow: 2.5,
};
/** Time to load and store an element, and of a simple operation, likewise. */
const [COST_OF_MEMORY, COST_OF_OTHERS] = [0.25, 0.03];

/** About how long a formula takes for an element, in the time of one exp (1 ns). */
export const costOf = (formula: Formula): number =>
  partsOf(formula).reduce((sum, { kind }) => sum + (COST[kind] ?? COST_OF_OTHERS), COST_OF_MEMORY);

/**
 * Emits code that evaluates a formula for four elements.
 *
 * @param inputs variables that contain the inputs
 * @returns the variable that contains the result
 */
export function render(code: Code, formula: Formula, inputs: readonly number[]): number {
  const locals = new Map<Formula, number>();
  const masks = new Map<Formula, number>();
  const keep = (): number => {
    const local = code.vector();
    code.set(local);
    return local;
  };
  /** Pushes the value of a subexpression: a constant, or the variable that contains it. */
  const push = (part: Formula): Code =>
    part.kind === 'constant' ? code.f32(part.value) : code.get(locals.get(part)!);
  for (const part of partsOf(formula)) {
    if (part.kind === 'constant') continue;
    const operands = operandsOf(part);
    if (part.kind === 'input') locals.set(part, inputs[part.index]!);
    else if (isKey(UNARY, part.kind)) {
      push(operands[0]!).v(UNARY[part.kind]);
      locals.set(part, keep());
    } else if (isKey(BINARY, part.kind)) {
      push(operands[0]!);
      push(operands[1]!).v(BINARY[part.kind]);
      locals.set(part, keep());
    } else if (isKey(COMPARE, part.kind)) {
      push(operands[0]!);
      push(operands[1]!).v(COMPARE[part.kind]);
      masks.set(part, keep());
      code.get(masks.get(part)!).f32(1).v(V.and);
      locals.set(part, keep());
    } else if (isKey(FUNCTIONS, part.kind)) {
      push(operands[0]!);
      locals.set(part, FUNCTIONS[part.kind](code, keep()));
    } else if (part.kind === 'select') {
      push(operands[1]!);
      push(operands[2]!);
      const mask = masks.get(part.condition);
      if (mask !== undefined) code.get(mask);
      // Not equal to 0: also true for NaN.
      else push(part.condition).f32(0).v(V.f32Equal).v(V.not);
      code.v(V.bitselect);
      locals.set(part, keep());
    } else if (part.kind === 'sign') {
      push(operands[0]!);
      const x = keep();
      // ±1 with the sign of x; 0 and NaN stay unchanged.
      code.f32(1).get(x).bits(0x80000000).v(V.and).v(V.or).get(x);
      code.get(x).f32(0).v(V.f32Less).f32(0).get(x).v(V.f32Less).v(V.or).v(V.bitselect);
      locals.set(part, keep());
    } else if (part.kind === 'pow') {
      push(part.a);
      locals.set(part, power(code, keep(), (part.b as { value: number }).value));
    }
  }
  if (formula.kind === 'constant') {
    code.f32(formula.value);
    return keep();
  }
  return locals.get(formula)!;
}
