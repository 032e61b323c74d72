import { type Node, scalarLeaf } from '../graph/node.js';
import { type Attrs, type DType, isFloat, sameShape, showShape } from '../graph/types.js';
import { sigmoid, sigmoidFormula } from './activations.js';
import { add, div, less, mul } from './binary.js';
import { type Formula, f } from './formula.js';
import { areIntegers, integerAffine } from './math/integers.js';
import { define, floatOf, type NodeMaker, naming, need } from './operation.js';
import { sumTo } from './reduce.js';

type UnaryGradient<A> = (x: Node, y: Node, grad: Node, attrs: A) => Node | null;

/** Adds an operation on one tensor to a graph; its attributes follow if it has any. */
export type Unary<A> = (x: Node, ...attrs: keyof A extends never ? [] : [A]) => Node;

/** An elementwise operation on one tensor, by its formula for an element x. */
function unary<A extends Attrs = Record<never, never>>(
  name: string,
  formula: (x: Formula, attrs: A) => Formula,
  gradient: UnaryGradient<A>,
  numbers: readonly (keyof A & string)[] = [],
): Unary<A> {
  const apply = define<A>({
    name,
    numbers,
    infer: ([x]) => ({ shape: x!.shape, dtype: floatOf(x) }),
    formula: ([x], attrs) => formula(x!, attrs),
    gradient: (node, grad) => [gradient(node.inputs[0]!, node, grad, node.attrs as A)],
  });
  return (x, ...[attrs]) => apply([x], attrs ?? ({} as A));
}

/** y = scale · x + shift, with static scale and shift. */
export const affine: Unary<{ scale: number; shift: number }> = unary<{ scale: number; shift: number }>(
  'affine',
  (x, { scale, shift }) => f.add(f.mul(x, scale), shift),
  (_x, _y, grad, { scale }) => affine(grad, { scale, shift: 0 }),
  ['scale', 'shift'],
);
/**
 * scale · x + shift, of integers too.
 * @param method the method that errors name; the quotients of `div` are no integers
 */
export function scaled(method: string, x: Node, attrs: { scale: number; shift: number }): Node {
  if (areIntegers(x) && method !== 'div') return integerAffine(method, x, attrs.scale, attrs.shift);
  naming(method, [x], () => floatOf(x));
  return affine(x, attrs);
}
export const scaleBy = (x: Node, scale: number): Node => affine(x, { scale, shift: 0 });
export const neg: Unary<Record<never, never>> = unary('neg', f.neg, (_x, _y, grad) => neg(grad));
export const exp: Unary<Record<never, never>> = unary('exp', f.exp, (_x, y, grad) => mul(grad, y));
export const log: Unary<Record<never, never>> = unary('log', f.log, (x, _y, grad) => div(grad, x));
/** y = √x */
export const sqrt: Unary<Record<never, never>> = unary('sqrt', f.sqrt, (_x, y, grad) =>
  div(scaleBy(grad, 0.5), y),
);
export const square: Unary<Record<never, never>> = unary(
  'square',
  (x) => f.mul(x, x),
  (x, _y, grad) => mul(grad, scaleBy(x, 2)),
);
/** y = 2/√π ∫₀ˣ e^−t² dt, the error function. */
export const erf: Unary<Record<never, never>> = unary('erf', f.erf, (x, _y, grad) =>
  mul(grad, scaleBy(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
);
/** The largest integer not above x. Its gradient is 0. */
export const floor: Unary<Record<never, never>> = unary('floor', f.floor, () => null);
export const sign: Unary<Record<never, never>> = unary('sign', f.sign, () => null);
export const abs: Unary<Record<never, never>> = unary('abs', f.abs, (x, _y, grad) => mul(grad, sign(x)));
/** y = x^exponent, with a static exponent. */
export const pow: Unary<{ exponent: number }> = unary<{ exponent: number }>(
  'pow',
  // Roots, as in PyTorch: NaN for −∞.
  (x, { exponent }) =>
    exponent === 0.5 ? f.sqrt(x) : exponent === -0.5 ? f.div(1, f.sqrt(x)) : f.pow(x, exponent),
  (x, _y, grad, { exponent }) =>
    // x^0 is 1 everywhere; the general rule would give 0 · ∞ at 0.
    exponent === 0 ? scaleBy(grad, 0) : mul(grad, scaleBy(pow(x, { exponent: exponent - 1 }), exponent)),
);
/** y = log(1 + e^x), which is close to x for large x and to e^x for small ones. */
export const softplus: Unary<Record<never, never>> = unary(
  'softplus',
  (x) => f.add(f.log1p(f.exp(f.neg(f.abs(x)))), f.max(x, 0)),
  (x, _y, grad) => mul(grad, sigmoid(x)),
);
/** y = x · sigmoid(x), also called swish. */
export const silu: Unary<Record<never, never>> = unary(
  'silu',
  (x) => f.mul(x, sigmoidFormula(x)),
  (x, y, grad) => {
    const gate = sigmoid(x);
    return mul(grad, add(gate, mul(y, affine(gate, { scale: -1, shift: 1 }))));
  },
);
/** y = x limited to [min, max]; NaN stays NaN. The gradient at the limits is 0, as in PyTorch. */
export const clamp: Unary<{ min: number; max: number }> = unary<{ min: number; max: number }>(
  'clamp',
  (x, { min, max }) => f.min(f.max(x, min), max),
  (x, _y, grad, { min, max }) => {
    const limit = (value: number): Node => scalarLeaf(value, x.dtype);
    return mul(grad, mul(less(limit(min), x), less(x, limit(max))));
  },
  ['min', 'max'],
);
/** Rounds half to even and clamps to 0…255, as when a float image is stored as bytes. No gradient. */
export const roundToByte: Unary<Record<never, never>> = unary(
  'roundToByte',
  (x) => f.min(f.max(f.round(x), 0), 255),
  () => null,
);

const castOp: NodeMaker<{ dtype: string }> = define<{ dtype: string }>({
  name: 'cast',
  infer: ([x], { dtype }) => {
    need(isFloat(dtype as DType) || dtype === 'int32', 'a floating-point or int32 target', dtype);
    return { shape: x!.shape, dtype: dtype as DType };
  },
  gradient: (node, grad) => {
    const from = node.inputs[0]!.dtype;
    return [isFloat(from) && isFloat(node.dtype) ? cast(grad, from) : null];
  },
});

/** Converts to another element type: floating point, or int32, which truncates and has no gradient. */
export const cast = (x: Node, dtype: DType): Node => (x.dtype === dtype ? x : castOp([x], { dtype }));

/** y = x · factor per channel + shift per channel; x is [N, C, …]. */
const channelAffineOp: NodeMaker<{ scale: readonly number[]; shift: readonly number[] }> = define<{
  scale: readonly number[];
  shift: readonly number[];
}>({
  name: 'channelAffine',
  infer: ([x], { scale, shift }) => {
    const channels = x!.shape[1] ?? 0;
    need(
      scale.length === channels && shift.length === channels,
      () => `lists of ${channels} values, one per channel`,
      () => `${scale.length} scales and ${shift.length} shifts`,
      'give one mean and one standard deviation for each channel of the images',
    );
    return { shape: x!.shape, dtype: floatOf(x) };
  },
  gradient: (node, grad) => {
    const { scale } = node.attrs as { scale: readonly number[] };
    return [
      channelAffine(
        grad,
        scale,
        scale.map(() => 0),
      ),
    ];
  },
});
export const channelAffine = (x: Node, scale: readonly number[], shift: readonly number[]): Node =>
  channelAffineOp([x], { scale, shift });

/** a + s · b, where `s` is a scalar tensor whose value may change with each run, such as a learning rate. */
const addScaledOp: NodeMaker<Record<never, never>> = define<Record<never, never>>({
  name: 'addScaled',
  infer: ([a, b, s]) => {
    need(
      sameShape(a!.shape, b!.shape),
      'two tensors of one shape',
      () => `${showShape(a!.shape)} and ${showShape(b!.shape)}`,
    );
    need(s!.shape.length === 0, 'a scalar factor', () => `shape ${showShape(s!.shape)}`);
    return { shape: a!.shape, dtype: floatOf(a, b, s) };
  },
  formula: ([a, b, s]) => f.add(a!, f.mul(b!, s!)),
  gradient: (node, grad) => {
    const [, b, s] = node.inputs as [Node, Node, Node];
    return [grad, mul(grad, s), sumTo(mul(grad, b), s.shape)];
  },
});
export const addScaled = (a: Node, b: Node, s: Node): Node => addScaledOp([a, b, s], {});

const detachOp: NodeMaker = define({
  name: 'detach',
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  gradient: () => [null],
});
/** The same values; no gradient flows through. */
export const detach = (x: Node): Node => detachOp([x], {});
