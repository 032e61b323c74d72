import { type Batch, imagesOf } from '../data/batch.js';
import { compose, type Transform, type TransformContext, tenCrop } from '../data/transforms/index.js';
import { applied } from '../data/transforms/transform.js';
import type { Module } from '../nn/module.js';
import { classesBefore, softmax } from '../ops/index.js';
import { evaluate as compute, Tensor } from '../tensor/tensor.js';

/** For each image: whether the top-1 and the top-k prediction are correct, and the cross-entropy. */
export type Scores = readonly [first: ArrayLike<number>, among: ArrayLike<number>, losses: ArrayLike<number>];

/**
 * Ten crops of an image, each followed by `transform`. Their side is the model's input size if the images are larger,
 * else 7/8 of the side of the images (such as 224 of 256).
 */
export function tenViews(
  transform: Transform,
  size: number,
  [, height, width]: readonly [channels: number, height: number, width: number],
): Transform[] {
  const shorter = Math.min(height, width);
  const side = size < shorter ? size : Math.max(1, Math.round((shorter * 7) / 8));
  return tenCrop(side).map((view) => compose([view, transform]));
}

/**
 * Scores a batch by the model's probabilities averaged over several views of each image. The views run one after
 * another, so that they share one plan and its memory.
 */
export async function scoreViews(
  model: Module,
  batch: Batch,
  labels: Int32Array,
  views: readonly Transform[],
  context: TransformContext,
  k: number,
): Promise<Scores> {
  let mean = new Float64Array(0);
  for (const view of views) {
    const logits = model.forward(applied(view, imagesOf(batch), context));
    const [probabilities] = await compute(new Tensor(softmax(logits.node)));
    if (mean.length === 0) mean = new Float64Array(probabilities!.length);
    for (let i = 0; i < mean.length; i++) mean[i]! += probabilities![i]! / views.length;
  }
  const classes = mean.length / labels.length;
  const before = Array.from(labels, (label, i) =>
    classesBefore(mean.subarray(i * classes, (i + 1) * classes), label),
  );
  return [
    before.map((n) => (n < 1 ? 1 : 0)),
    before.map((n) => (n < k ? 1 : 0)),
    Array.from(labels, (label, i) => -Math.log(mean[i * classes + label]!)),
  ];
}
