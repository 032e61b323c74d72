import { erf } from './erf.js';

/**
 * The scalar formula of an elementwise operation. The reference loop and the WebAssembly vector code are both generated
 * from it. A formula is a graph of plain data; a shared subexpression is computed once.
 */
export type Formula =
  | { readonly kind: 'input'; readonly index: number }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: UnaryKind; readonly x: Formula }
  | { readonly kind: BinaryKind; readonly a: Formula; readonly b: Formula }
  | { readonly kind: 'select'; readonly condition: Formula; readonly a: Formula; readonly b: Formula };

/** `round` rounds half to even; `sign` of NaN is NaN. */
export type UnaryKind = keyof typeof UNARY;
/** `min` and `max` give NaN if either is NaN; comparisons give 1 or 0. */
export type BinaryKind = keyof typeof BINARY;

const roundHalfEven = (x: number): number => {
  const whole = Math.round(x);
  // Math.round rounds half up: step down if that gives an odd number.
  return whole - x === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
};

/** Each kind as a function of float64 numbers. */
const UNARY = {
  neg: (x: number) => -x,
  abs: Math.abs,
  sqrt: Math.sqrt,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  tanh: Math.tanh,
  erf,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  sign: Math.sign,
};
const BINARY = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
  min: Math.min,
  max: Math.max,
  // As in C: 1^b is 1 for any b, and (−1)^±∞ is 1; JavaScript returns NaN.
  pow: (a: number, b: number) =>
    a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b,
  equal: (a: number, b: number) => (a === b ? 1 : 0),
  less: (a: number, b: number) => (a < b ? 1 : 0),
  lessEqual: (a: number, b: number) => (a <= b ? 1 : 0),
};

type Operand = Formula | number;
const lift = (x: Operand): Formula => (typeof x === 'number' ? { kind: 'constant', value: x } : x);
const unary =
  (kind: UnaryKind) =>
  (x: Operand): Formula => ({ kind, x: lift(x) });
const binary =
  (kind: BinaryKind) =>
  (a: Operand, b: Operand): Formula => ({ kind, a: lift(a), b: lift(b) });

/** Builds formulas: `f.add(f.log1p(f.exp(f.neg(f.abs(x)))), f.max(x, 0))`. */
export const f = {
  input: (index: number): Formula => ({ kind: 'input', index }),
  constant: (value: number): Formula => ({ kind: 'constant', value }),
  neg: unary('neg'),
  abs: unary('abs'),
  sqrt: unary('sqrt'),
  exp: unary('exp'),
  log: unary('log'),
  log1p: unary('log1p'),
  tanh: unary('tanh'),
  erf: unary('erf'),
  floor: unary('floor'),
  ceil: unary('ceil'),
  round: unary('round'),
  sign: unary('sign'),
  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div'),
  min: binary('min'),
  max: binary('max'),
  pow: binary('pow'),
  equal: binary('equal'),
  less: binary('less'),
  lessEqual: binary('lessEqual'),
  /** `a` if the condition is not 0, else `b`; NaN in the one that is not chosen has no effect. */
  select: (condition: Operand, a: Operand, b: Operand): Formula => ({
    kind: 'select',
    condition: lift(condition),
    a: lift(a),
    b: lift(b),
  }),
} as const;

/** All subexpressions of a formula, each once, operands first. */
export function partsOf(formula: Formula): Formula[] {
  const parts = new Set<Formula>();
  const visit = (part: Formula): void => {
    if (parts.has(part)) return;
    for (const operand of operandsOf(part)) visit(operand);
    parts.add(part);
  };
  visit(formula);
  return [...parts];
}

export function operandsOf(part: Formula): readonly Formula[] {
  if (part.kind === 'input' || part.kind === 'constant') return [];
  if (part.kind === 'select') return [part.condition, part.a, part.b];
  return 'x' in part ? [part.x] : [part.a, part.b];
}

/**
 * A formula as a list of its subexpressions, whose operands are positions in the list: plain data that stays small where
 * subexpressions are shared.
 */
export function listed(formula: Formula): readonly (readonly (string | number)[])[] {
  const parts = partsOf(formula);
  const places = new Map(parts.map((part, i) => [part, i]));
  return parts.map((part) => {
    if (part.kind === 'input') return [part.kind, part.index];
    if (part.kind === 'constant') return [part.kind, part.value];
    return [part.kind, ...operandsOf(part).map((operand) => places.get(operand)!)];
  });
}

/** The formula with its inputs replaced by other formulas, as far as there are; shared subexpressions stay shared. */
export function substitute(formula: Formula, inputs: readonly Formula[]): Formula {
  const made = new Map<Formula, Formula>();
  const replace = (part: Formula): Formula => {
    let result = made.get(part);
    if (!result) made.set(part, (result = rebuilt(part)));
    return result;
  };
  const rebuilt = (part: Formula): Formula => {
    if (part.kind === 'input') return inputs[part.index] ?? part;
    if (part.kind === 'constant') return part;
    if (part.kind === 'select')
      return { ...part, condition: replace(part.condition), a: replace(part.a), b: replace(part.b) };
    return 'x' in part
      ? { ...part, x: replace(part.x) }
      : { ...part, a: replace(part.a), b: replace(part.b) };
  };
  return replace(formula);
}

/** Compiles a formula into a function of its input values, in float64. */
export function evaluator(formula: Formula): (inputs: ArrayLike<number>) => number {
  const parts = partsOf(formula);
  const places = new Map(parts.map((part, i) => [part, i]));
  const values = new Float64Array(parts.length);
  const steps = parts.map((part, at): ((inputs: ArrayLike<number>) => void) => {
    const [a, b, c] = operandsOf(part).map((operand) => places.get(operand)!);
    switch (part.kind) {
      case 'input':
        return (inputs) => void (values[at] = inputs[part.index]!);
      case 'constant':
        return () => void (values[at] = part.value);
      case 'select':
        return () => void (values[at] = values[a!] !== 0 ? values[b!]! : values[c!]!);
      default: {
        if ('x' in part) {
          const compute = UNARY[part.kind];
          return () => void (values[at] = compute(values[a!]!));
        }
        const compute = BINARY[part.kind];
        return () => void (values[at] = compute(values[a!]!, values[b!]!));
      }
    }
  });
  return (inputs) => {
    for (const step of steps) step(inputs);
    return values[parts.length - 1]!;
  };
}
