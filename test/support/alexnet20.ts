import assert from 'node:assert/strict';
import type { Device } from '../../src/backend/backend.js';
import { CrossEntropyLoss } from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { AlexNet } from '../../src/papers/alexnet/model.js';
import { assertNear, batchOf, checkGenerator, loadGenerated, type Recipe, readFixture } from './generated.js';

interface Variant {
  readonly variant: 'notes' | 'kaiming';
  readonly lr: number;
  readonly batches: number;
  readonly labels: number[][];
  readonly losses: { float64: number[]; float32: number[] };
  readonly firstLogits: { data: number[] };
  readonly parameters: readonly (Recipe & {
    gradNorm: number;
    gradSamples: [at: number, value: number][];
    finalNorm: number;
  })[];
}

/** Of 90 kB and only for the tests that need it. */
const fixture = () =>
  readFixture<{
    generator: { checks: Record<string, number | number[]> };
    settings: { steps: number; batch: number; momentum: number };
    variants: Variant[];
  }>('alexnet20.json');

/** How far from PyTorch in float64 a device may be. */
export interface AlexNetTolerances {
  /** Relative, of each loss. */
  loss?: number;
  /** Relative to the length, of the first step's logits and of the gradients' samples. */
  first?: number;
}

/**
 * Trains the notes' AlexNet without dropout on 4 pictures of 224 × 224 a step and compares with PyTorch.
 *
 * @param steps up to 20; the final weights are compared only after 20
 * @returns the losses
 */
export async function alexnet20Case(
  device: Device,
  variant: Variant['variant'],
  steps = 20,
  { loss: lossTolerance = 1e-4, first = 1e-3 }: AlexNetTolerances = {},
): Promise<{ losses: number[] }> {
  const { generator, settings, variants } = fixture();
  checkGenerator(generator.checks);
  const expected = variants.find((v) => v.variant === variant)!;
  const model = new AlexNet({ numClasses: 10, dropout: 0 });
  loadGenerated(model, expected.parameters);
  await model.to(device);
  const criterion = new CrossEntropyLoss();
  const optimizer = new SGD(model.namedParameters(), { lr: expected.lr, momentum: settings.momentum });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = step % expected.batches;
    const [pictures, labels] = batchOf(settings.batch, [3, 224, 224], batch);
    assert.deepEqual([...(await labels.data())], expected.labels[batch]);
    optimizer.zeroGrad();
    const logits = model.forward(pictures);
    const loss = criterion.forward(logits, labels);
    loss.backward();
    const grads = new Map(model.namedParameters().map(([name, p]) => [name, p.grad!]));
    optimizer.step({ compute: step === 0 ? [logits, ...grads.values()] : [] });
    losses.push(await loss.item());
    assertNear(
      [losses[step]!],
      [expected.losses.float64[step]!],
      lossTolerance,
      `${variant}: loss of step ${step}`,
    );
    if (step > 0) continue;
    assertNear(await logits.data(), expected.firstLogits.data, first, `${variant}: first logits`);
    for (const { name, gradNorm, gradSamples } of expected.parameters) {
      const grad = await grads.get(name)!.data();
      const what = `${variant}: first gradient of ${name}`;
      assertNear([norm(grad)], [gradNorm], first, `${what}, its length`);
      const samples = gradSamples.map(([at]) => grad[at]!);
      assertNear(
        samples,
        gradSamples.map(([, value]) => value),
        first,
        what,
      );
    }
  }
  if (steps === settings.steps)
    for (const { name, finalNorm } of expected.parameters) {
      const data = await model.stateDict().get(name)!.data();
      assertNear([norm(data)], [finalNorm], first, `${variant}: ${name} after ${steps} steps`);
    }
  return { losses };
}

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}
