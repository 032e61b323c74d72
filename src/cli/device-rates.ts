import type { Device } from '../backend/backend.js';
import type { EngineName } from '../backend/device-names.js';
import { PaperweightError } from '../errors/errors.js';
import { sizeOf } from '../graph/types.js';

/** How fast a device computes a small plan, or why it does not. */
export interface DeviceRate {
  readonly device: EngineName;
  /** GFLOP/s of float32 in a convolution, forward and backward. */
  readonly gflops: number | null;
  readonly problem: string | null;
}

/** Images of 16 × 16, channels in and out, and side of the filters. */
const [IMAGES, SIDE, CHANNELS, FILTER] = [4, 16, 64, 3];
/** Forward, gradient of the weights and gradient of the input have as many multiply-adds each. */
const FLOP = 3 * 2 * IMAGES * SIDE ** 2 * CHANNELS ** 2 * FILTER ** 2;
/** Runs until this time has passed, after a first run that compiles the plan. */
const MILLISECONDS = 300;

/** Runs one small plan on every device of the processor: a convolution with its gradients. */
export async function deviceRates(threads?: number): Promise<DeviceRate[]> {
  const [{ openDevice }, { ENGINES }] = await Promise.all([
    import('../backend/open.js'),
    import('../backend/device-names.js'),
  ]);
  const rates: DeviceRate[] = [];
  for (const name of ENGINES) {
    try {
      const { device } = await openDevice(name, threads === undefined ? {} : { threads });
      try {
        rates.push({ device: name, gflops: await rateOf(device), problem: null });
      } finally {
        await device.close();
      }
    } catch (error) {
      if (!(error instanceof PaperweightError)) throw error;
      rates.push({ device: name, gflops: null, problem: error.message });
    }
  }
  return rates;
}

async function rateOf(device: Device): Promise<number> {
  const [ops, { evaluate, Tensor }, { Parameter }] = await Promise.all([
    import('../ops/index.js'),
    import('../tensor/tensor.js'),
    import('../tensor/parameter.js'),
  ]);
  const placed = async (shape: readonly number[]) => {
    const made = new Parameter(new Float32Array(sizeOf(shape)).fill(1), shape);
    await made.place(device);
    return made;
  };
  const images = await placed([IMAGES, CHANNELS, SIDE, SIDE]);
  const weights = await placed([CHANNELS, CHANNELS, FILTER, FILTER]);
  const once = async (): Promise<number> => {
    images.grad = null;
    weights.grad = null;
    new Tensor(ops.conv2d(images.node, weights.node, undefined, { padding: [1, 1] })).relu().sum().backward();
    const started = performance.now();
    await evaluate(weights.grad!, images.grad!);
    return performance.now() - started;
  };
  let best = await once();
  const end = performance.now() + MILLISECONDS;
  while (performance.now() < end) best = Math.min(best, await once());
  return FLOP / best / 1e6;
}
