import assert from 'node:assert/strict';
import type { Device } from '../../../src/backend/backend.js';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  CrossEntropyLoss,
  Flatten,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  ReLU,
  Sequential,
  Tanh,
} from '../../../src/nn/index.js';
import { SGD } from '../../../src/optim/index.js';
import { evaluate } from '../../../src/tensor/tensor.js';
import {
  assertNear,
  batchOf,
  checkGenerator,
  loadGenerated,
  type Recipe,
  readFixture,
} from '../generated.js';

interface Saved {
  readonly shape: number[];
  readonly data: number[];
}

export const smallnet = readFixture<{
  generator: { checks: Record<string, number | number[]> };
  net: string[];
  settings: { steps: number; batch: number; lr: number; momentum: number; weightDecay: number };
  parameters: Recipe[];
  labels: number[][];
  losses: { float64: number[]; float32: number[] };
  firstLogits: Saved;
  firstGrads: Record<string, Saved>;
  finalParameters: Record<string, Saved>;
  runningMean: Saved;
  runningVar: Saved;
  evaluation: { batchIndex: number; loss: number; logits: Saved };
}>('smallnet.json');

/** The fixture's net: each kind of layer that AlexNet has, and batch norm and groups. */
export const makeSmallnet = (): Sequential =>
  new Sequential(
    new Conv2d(3, 8, 5, { stride: 2, padding: 2 }),
    new LocalResponseNorm(5, { alpha: 0.05 }),
    new ReLU(),
    new MaxPool2d(3, { stride: 2 }),
    new Conv2d(8, 12, 3, { padding: 1, groups: 2 }),
    new BatchNorm2d(12),
    new ReLU(),
    new AdaptiveAvgPool2d(3),
    new Flatten(),
    new Linear(108, 20),
    new Tanh(),
    new Linear(20, 10),
  );

/**
 * Trains the small net for 20 steps on a device and compares with PyTorch in float64: losses, the first step's
 * logits and gradients, the last parameters, running statistics, and an evaluation. Throws where they differ.
 *
 * @returns the losses, and how many plans were compiled for the 20 steps
 */
export async function smallnetCase(
  device: Device,
  { tolerance = 1e-4 }: { tolerance?: number } = {},
): Promise<{ losses: number[]; plans: number }> {
  checkGenerator(smallnet.generator.checks);
  const { steps, batch, lr, momentum, weightDecay } = smallnet.settings;
  const model = makeSmallnet();
  loadGenerated(model, smallnet.parameters);
  await model.to(device);
  const criterion = new CrossEntropyLoss();
  const optimizer = new SGD(model.namedParameters(), { lr, momentum, weightDecay });
  const before = (await device.stats()).length;
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const [images, labels] = batchOf(batch, [3, 32, 32], step);
    assert.deepEqual([...(await labels.data())], smallnet.labels[step]);
    optimizer.zeroGrad();
    const logits = model.forward(images);
    const loss = criterion.forward(logits, labels);
    loss.backward();
    const grads = model.namedParameters().map(([name, p]) => [name, p.grad!] as const);
    optimizer.step({ compute: step === 0 ? [logits, ...grads.map(([, grad]) => grad)] : [] });
    losses.push(await loss.item());
    if (step > 0) continue;
    assertNear(await logits.data(), smallnet.firstLogits.data, tolerance, 'first logits');
    for (const [name, grad] of grads) {
      // In front of batch norm a bias has no effect: its gradient is rounding error, as in PyTorch.
      if (name === '4.bias') continue;
      assertNear(await grad.data(), smallnet.firstGrads[name]!.data, tolerance, `first gradient of ${name}`);
    }
  }
  const plans = (await device.stats()).length - before;
  for (const [step, loss] of losses.entries())
    assertNear([loss], [smallnet.losses.float64[step]!], tolerance, `loss of step ${step}`);
  const state = model.stateDict();
  for (const [name, { data }] of Object.entries(smallnet.finalParameters))
    if (name !== '4.bias')
      assertNear(await state.get(name)!.data(), data, 10 * tolerance, `${name} after ${steps} steps`);
  assertNear(await state.get('5.running_mean')!.data(), smallnet.runningMean.data, tolerance, 'running mean');
  assertNear(await state.get('5.running_var')!.data(), smallnet.runningVar.data, tolerance, 'running var');
  model.eval();
  const [images, labels] = batchOf(batch, [3, 32, 32], smallnet.evaluation.batchIndex);
  const logits = model.forward(images);
  const [predictions, loss] = await evaluate(logits, criterion.forward(logits, labels));
  assertNear(predictions!, smallnet.evaluation.logits.data, 10 * tolerance, 'logits in evaluation');
  assertNear(loss!, [smallnet.evaluation.loss], 10 * tolerance, 'loss in evaluation');
  return { losses, plans };
}
