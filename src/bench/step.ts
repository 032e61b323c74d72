import { CrossEntropyLoss } from '../nn/loss.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import { type Tensor, tensor } from '../tensor/tensor.js';

/** Classes of the measured networks. */
export const CLASSES = 10;

/**
 * A training step of a classifier, always on the same images.
 *
 * @param images [N, …]
 * @param labels int32 [N]; default: 0 to 9 again and again
 * @returns a function that runs the step and resolves to its loss
 */
export function trainingStep(
  model: Module,
  optimizer: Optimizer,
  images: Tensor,
  labels = tensor(Int32Array.from({ length: images.shape[0]! }, (_, i) => i % CLASSES)),
): () => Promise<number> {
  const criterion = new CrossEntropyLoss();
  return () => {
    optimizer.zeroGrad();
    const loss = criterion.forward(model.forward(images), labels);
    loss.backward();
    optimizer.step();
    return loss.item();
  };
}

/** Seconds that one step takes. */
export async function secondsOf(step: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await step();
  return (performance.now() - started) / 1000;
}

/** Mean seconds of several steps, each of which is recorded while the one before it runs, as in the trainer. */
export async function secondsPerStep(step: () => Promise<unknown>, count: number): Promise<number> {
  const all = await secondsOf(async () => {
    let running = step();
    for (let i = 1; i < count; i++) {
      const next = step();
      await running;
      running = next;
    }
    await running;
  });
  return all / count;
}
