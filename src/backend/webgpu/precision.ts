import { DeviceError } from '../../errors/errors.js';
import type { Precision } from '../backend.js';
import { describeAdapter, findAdapter, openAdapter } from './adapter.js';
import type { Gpu, GpuAdapter } from './api.js';
import { WebGpuDevice } from './device.js';
import type { EngineOptions, GpuPrecision } from './engine.js';
import type { ChoiceStore } from './trials.js';

/** The feature of WebGPU with which kernels have float16. */
const FEATURE = 'shader-f16';

/** Side of the matrices whose products are compared, and how often each is computed. */
const SIDE = 2048;
const RUNS = 3;
/** float16 must be faster by this factor, since its results are less exact. */
const WORTH_IT = 1.2;

const KEY = 'webgpu precision';

export const hasHalf = ({ features }: GpuAdapter): boolean => [...features].includes(FEATURE);

/**
 * Opens a device that computes with a number type. `auto` is the one whose matrix products are faster, measured once; it
 * is float32 where there is no place to keep the result.
 *
 * @param adapter what `gpu` has; each device is opened on an adapter of its own, which is the same one
 * @throws DeviceError if the adapter does not have the number type
 */
export async function openWithPrecision(
  gpu: Gpu,
  adapter: GpuAdapter,
  wanted: Precision,
  options: Omit<EngineOptions, 'precision'>,
): Promise<{ readonly device: WebGpuDevice; readonly precision: GpuPrecision }> {
  const open = async (precision: GpuPrecision): Promise<WebGpuDevice> =>
    new WebGpuDevice(await openAdapter(await findAdapter(gpu)), { ...options, precision });
  const precision = await precisionOf(adapter, wanted, options.choices, open);
  return { device: await open(precision), precision };
}

async function precisionOf(
  adapter: GpuAdapter,
  wanted: Precision,
  choices: ChoiceStore | undefined,
  open: (precision: GpuPrecision) => Promise<WebGpuDevice>,
): Promise<GpuPrecision> {
  if (wanted === 'bfloat16')
    throw new DeviceError({
      what: 'Device "webgpu" cannot compute with bfloat16',
      expected: 'precision float32, float16 or auto',
      got: 'bfloat16',
      next: 'use --precision float16 if the GPU has it (paperweight doctor shows it), or --device onednn',
    });
  if (wanted === 'float16' && !hasHalf(adapter))
    throw new DeviceError({
      what: 'Device "webgpu" cannot compute with float16 here',
      expected: `an adapter with the feature ${FEATURE}`,
      got: `${describeAdapter(adapter.info)}, which does not have it`,
      next: 'use --precision float32',
    });
  if (wanted !== 'auto') return wanted;
  return choices && hasHalf(adapter) ? fasterPrecision(choices, open) : 'float32';
}

async function fasterPrecision(
  choices: ChoiceStore,
  open: (precision: GpuPrecision) => Promise<WebGpuDevice>,
): Promise<GpuPrecision> {
  const known = choices.get(KEY);
  if (known === 'float32' || known === 'float16') return known;
  const rate = async (precision: GpuPrecision): Promise<number> => {
    const device = await open(precision);
    try {
      return (await device.sgemmRate(SIDE, RUNS)) ?? 0;
    } finally {
      await device.close();
    }
  };
  const chosen = (await rate('float16')) > WORTH_IT * (await rate('float32')) ? 'float16' : 'float32';
  choices.set(KEY, chosen);
  choices.save();
  return chosen;
}
