import type { DeviceName } from '../backend/device-names.js';
import { Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from '../nn/index.js';
import { SGD } from '../optim/index.js';
import { Generator } from '../random.js';
import { manualSeed } from '../tensor/random.js';
import { tensor } from '../tensor/tensor.js';
import { CapturingDevice } from './capture.js';
import { openBenchDevice } from './device.js';
import { resultHead } from './machine.js';
import { checkBatch } from './network.js';
import type { OverheadResult } from './result.js';
import { spread } from './stats.js';
import { secondsPerStep, trainingStep } from './step.js';

/** Four layers on 32 × 32 images: steps take a few milliseconds, so overhead is visible. */
function smallNet(): Sequential {
  manualSeed(0);
  return new Sequential(
    new Conv2d(3, 16, 5, { padding: 2 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(16, 32, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(32 * 8 * 8, 64),
    new ReLU(),
    new Linear(64, 10),
  );
}

/** Returns a function that runs one training step of the small network, always on the same images. */
export async function smallStep(device: CapturingDevice, batch: number): Promise<() => Promise<number>> {
  checkBatch(batch, [3, 32, 32]);
  const model = await smallNet().to(device);
  const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const generator = new Generator(1);
  const images = tensor(
    Float32Array.from({ length: batch * 3 * 32 * 32 }, () => generator.uniform(-1, 1)),
    { shape: [batch, 3, 32, 32] },
  );
  return trainingStep(model, optimizer, images);
}

export interface OverheadOptions {
  readonly batch: number;
  readonly threads: number;
  readonly device: DeviceName;
  readonly steps: number;
}

const WARMUP = 20;
const AT_ONCE = 20;

/** Measures the cost of a step beyond its primitives: building the graph, its key, messages to and from the device's thread. */
export async function measureOverhead(options: OverheadOptions): Promise<OverheadResult> {
  const { batch, threads, steps } = options;
  const device = new CapturingDevice(await openBenchDevice({ ...options, precision: 'float32' }));
  try {
    const step = await smallStep(device, batch);
    for (let i = 0; i < WARMUP; i++) await step();
    const running = async () => (await device.stats()).reduce((sum, plan) => sum + (plan.runSeconds ?? 0), 0);
    const wall: number[] = [];
    const primitives: number[] = [];
    const overhead: number[] = [];
    const count = Math.min(AT_ONCE, steps);
    for (let turn = 0; turn < Math.ceil(steps / count); turn++) {
      const before = await running();
      const milliseconds = 1000 * (await secondsPerStep(step, count));
      const within = ((await running()) - before) * (1000 / count);
      wall.push(milliseconds);
      primitives.push(within);
      overhead.push(milliseconds - within);
    }
    const [stepMs, primitivesMs] = [spread(wall), spread(primitives)];
    return {
      what: 'step-overhead',
      ...resultHead(threads),
      batch,
      stepMs,
      primitivesMs,
      overheadMs: spread(overhead).median,
    };
  } finally {
    await device.close();
  }
}
