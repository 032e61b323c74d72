import assert from 'node:assert/strict';
import type { Device } from '../../../src/backend/backend.js';
import { CrossEntropyLoss } from '../../../src/nn/index.js';
import { SGD } from '../../../src/optim/index.js';
import { AlexNet } from '../../../src/papers/alexnet/model.js';
import {
  assertNear,
  batchOf,
  checkGenerator,
  distance,
  loadGenerated,
  type Recipe,
  readFixture,
} from '../generated.js';

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

interface Fixture {
  readonly generator: { checks: Record<string, number | number[]> };
  readonly settings: { steps: number; batch: number; input: [number, number, number]; momentum: number };
  readonly variants: Variant[];
}

export interface AlexNetOptions {
  /** 4 images of 224 × 224 a step, or 2 of 63 × 63. */
  fixture?: 'alexnet20.json' | 'alexnet20-small.json';
  /** Up to 20; the final weights are compared only after 20. */
  steps?: number;
  /**
   * How far each loss may be from PyTorch's in float64, relative to it; and so each parameter's first gradient, in
   * length and in sampled elements, and the first logits. The final weights' lengths may be off ten times as far.
   */
  tolerance?: number;
}

/**
 * Trains the notes' AlexNet without dropout and compares with PyTorch in float64. Throws where they differ.
 *
 * @returns the largest relative distances that were found
 */
export async function alexnet20Case(
  device: Device,
  variant: Variant['variant'],
  { fixture = 'alexnet20.json', steps = 20, tolerance = 1e-4 }: AlexNetOptions = {},
): Promise<{ loss: number; gradient: number }> {
  const { generator, settings, variants } = readFixture<Fixture>(fixture);
  checkGenerator(generator.checks);
  const expected = variants.find((v) => v.variant === variant)!;
  const model = new AlexNet({ numClasses: 10, dropout: 0 });
  loadGenerated(model, expected.parameters);
  await model.to(device);
  const criterion = new CrossEntropyLoss();
  const optimizer = new SGD(model.namedParameters(), { lr: expected.lr, momentum: settings.momentum });
  const worst = { loss: 0, gradient: 0 };
  const compare = (kind: keyof typeof worst, a: ArrayLike<number>, b: ArrayLike<number>, what: string) => {
    assertNear(a, b, tolerance, `${variant}: ${what}`);
    worst[kind] = Math.max(worst[kind], distance(a, b));
  };
  for (let step = 0; step < steps; step++) {
    const batch = step % expected.batches;
    const [images, labels] = batchOf(settings.batch, settings.input, batch);
    assert.deepEqual([...(await labels.data())], expected.labels[batch]);
    optimizer.zeroGrad();
    const logits = model.forward(images);
    const loss = criterion.forward(logits, labels);
    loss.backward();
    const grads = new Map(model.namedParameters().map(([name, p]) => [name, p.grad!]));
    optimizer.step({ compute: step === 0 ? [logits, ...grads.values()] : [] });
    compare('loss', [await loss.item()], [expected.losses.float64[step]!], `loss of step ${step}`);
    if (step > 0) continue;
    assertNear(await logits.data(), expected.firstLogits.data, tolerance, `${variant}: first logits`);
    for (const { name, gradNorm, gradSamples } of expected.parameters) {
      const grad = await grads.get(name)!.data();
      const samples = gradSamples.map(([at]) => grad[at]!);
      const values = gradSamples.map(([, value]) => value);
      compare('gradient', [norm(grad)], [gradNorm], `length of the first gradient of ${name}`);
      compare('gradient', samples, values, `first gradient of ${name}`);
    }
  }
  if (steps === settings.steps)
    for (const { name, finalNorm } of expected.parameters) {
      const length = norm(await model.stateDict().get(name)!.data());
      assertNear([length], [finalNorm], 10 * tolerance, `${variant}: ${name} after ${steps} steps`);
    }
  return worst;
}

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}
