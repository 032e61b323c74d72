import type { Shape } from '../../graph/types.js';

/**
 * One dimension of an elementwise operation: its size, and the stride of each input along it in elements, which is 0 if
 * the input is broadcast.
 */
export interface Dimension {
  readonly size: number;
  readonly steps: readonly number[];
}

/**
 * Dimensions of an operation whose inputs broadcast to its output, outermost first. Adjacent dimensions are merged if
 * every input has a uniform stride across them: equal shapes become one dimension, as does a shape with a scalar.
 */
export function broadcastDimensions(inputs: readonly Shape[], out: Shape): Dimension[] {
  const joined: { size: number; steps: readonly number[] }[] = [];
  const strides = inputs.map(() => 1);
  for (let i = out.length - 1; i >= 0; i--) {
    const size = out[i]!;
    const sizes = inputs.map((shape) => shape[i - out.length + shape.length] ?? 1);
    if (size === 1) continue;
    const steps = sizes.map((own, k) => (own === 1 ? 0 : strides[k]!));
    const inner = joined.at(-1);
    if (inner && steps.every((step, k) => step === inner.steps[k]! * inner.size)) inner.size *= size;
    else joined.push({ size, steps });
    for (const [k, own] of sizes.entries()) strides[k]! *= own;
  }
  return joined.length > 0 ? joined.reverse() : [{ size: 1, steps: inputs.map(() => 0) }];
}
