import type { Node } from '../graph/node.js';
import { type Attrs, type DType, isFloat } from '../graph/types.js';
import { div, equal, mul } from './binary.js';
import { type Builder, define, floatOf, need } from './operation.js';
import { sumTo } from './reduce.js';

type UnaryGradient<A> = (x: Node, y: Node, grad: Node, attrs: A) => Node | null;

type Unary<A> = (x: Node, ...attrs: keyof A extends never ? [] : [A]) => Node;

function unary<A extends Attrs = Record<never, never>>(name: string, gradient: UnaryGradient<A>): Unary<A> {
  const apply = define<A>({
    name,
    infer: ([x]) => ({ shape: x!.shape, dtype: floatOf(x) }),
    gradient: (node, grad) => [gradient(node.inputs[0]!, node, grad, node.attrs as A)],
  });
  return (x, ...[attrs]) => apply([x], attrs ?? ({} as A));
}

/** y = scale · x + shift, with static numbers. */
export const affine: Unary<{ scale: number; shift: number }> = unary<{ scale: number; shift: number }>(
  'affine',
  (_x, _y, grad, { scale }) => affine(grad, { scale, shift: 0 }),
);
export const scaleBy = (x: Node, scale: number): Node => affine(x, { scale, shift: 0 });
export const neg: Unary<Record<never, never>> = unary('neg', (_x, _y, grad) => neg(grad));
export const exp: Unary<Record<never, never>> = unary('exp', (_x, y, grad) => mul(grad, y));
export const log: Unary<Record<never, never>> = unary('log', (x, _y, grad) => div(grad, x));
/** y = √x */
export const sqrt: Unary<Record<never, never>> = unary('sqrt', (_x, y, grad) => div(scaleBy(grad, 0.5), y));
export const square: Unary<Record<never, never>> = unary('square', (x, _y, grad) => mul(grad, scaleBy(x, 2)));
/** y = 2/√π ∫₀ˣ e^−t² dt, the error function. */
export const erf: Unary<Record<never, never>> = unary('erf', (x, _y, grad) =>
  mul(grad, scaleBy(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
);
/** The largest whole number that is not above x. Its gradient is 0. */
export const floor: Unary<Record<never, never>> = unary('floor', () => null);
export const sign: Unary<Record<never, never>> = unary('sign', () => null);
export const abs: Unary<Record<never, never>> = unary('abs', (x, _y, grad) => mul(grad, sign(x)));
/** y = x^exponent, with a static exponent. */
export const pow: Unary<{ exponent: number }> = unary<{ exponent: number }>(
  'pow',
  (x, _y, grad, { exponent }) =>
    // x^0 is 1 everywhere; the general rule would give 0 · ∞ at 0.
    exponent === 0 ? scaleBy(grad, 0) : mul(grad, scaleBy(pow(x, { exponent: exponent - 1 }), exponent)),
);
/** y = x between `min` and `max`, and the nearer of them outside; NaN stays NaN. */
export const clamp: Unary<{ min: number; max: number }> = unary<{ min: number; max: number }>(
  'clamp',
  (x, y, grad) => mul(grad, equal(x, y)),
);
/** Rounds half to even, clamped to bytes: what storing a float image as bytes does. No gradient. */
export const roundToByte: Unary<Record<never, never>> = unary('roundToByte', () => null);

const castOp: Builder<{ dtype: string }> = define<{ dtype: string }>({
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

/** The same values as another element type: floating point, or int32, which cuts fractions off and has no gradient. */
export const cast = (x: Node, dtype: DType): Node => (x.dtype === dtype ? x : castOp([x], { dtype }));

/** y = x · factor per channel + shift per channel; x is [N, C, …]. */
const channelAffineOp: Builder<{ scale: readonly number[]; shift: readonly number[] }> = define<{
  scale: readonly number[];
  shift: readonly number[];
}>({
  name: 'channelAffine',
  infer: ([x], { scale, shift }) => {
    const channels = x!.shape[1] ?? 0;
    need(
      scale.length === channels && shift.length === channels,
      `${channels} values a list, one a channel`,
      `${scale.length} scales and ${shift.length} shifts`,
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

/** a + s · b, with `s` a one-element tensor that is known only when the graph runs (a learning rate, say). */
const addScaledOp: Builder<Record<never, never>> = define<Record<never, never>>({
  name: 'addScaled',
  infer: ([a, b, s]) => {
    need(
      a!.shape.join() === b!.shape.join(),
      'two tensors of one shape',
      `[${a!.shape.join(', ')}] and [${b!.shape.join(', ')}]`,
    );
    need(s!.shape.length === 0, 'a scalar factor', `shape [${s!.shape.join(', ')}]`);
    return { shape: a!.shape, dtype: floatOf(a, b, s) };
  },
  gradient: (node, grad) => {
    const [, b, s] = node.inputs as [Node, Node, Node];
    return [grad, mul(grad, s), sumTo(mul(grad, b), s.shape)];
  },
});
export const addScaled = (a: Node, b: Node, s: Node): Node => addScaledOp([a, b, s], {});

const detachOp: Builder = define({
  name: 'detach',
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  gradient: () => [null],
});
/** The same values; no gradient flows through. */
export const detach = (x: Node): Node => detachOp([x], {});
