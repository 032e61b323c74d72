import type { Device, Engine } from '../../src/backend/backend.js';
import { InlineDevice } from '../../src/backend/device.js';
import { OneDnnEngine } from '../../src/backend/onednn/engine.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { startNodeThread } from '../../src/backend/simd/threads/node.js';
import { WasmEngine } from '../../src/backend/wasm/engine.js';
import type { GpuPrecision } from '../../src/backend/webgpu/engine.js';
import { openGpu } from '../../src/backend/webgpu/node/open.js';
import type { Subject } from './check.js';
import type { Narrow } from './exact.js';
import { withNumbersAsInputs } from './numbers-as-inputs.js';

/** The device under test. */
export interface Setting {
  readonly device: string;
  readonly precision: GpuPrecision | 'bfloat16';
  readonly threads: number;
  /** Whether plans take numbers as inputs, as they do for those that change. */
  readonly inputs?: boolean;
}

const inline = (engine: Engine): Device => new InlineDevice(engine);

/** Opens the devices. Add a line for a new engine to run the same programs on it. */
const ENGINES: Readonly<Record<string, (setting: Setting) => Device | Promise<Device>>> = {
  onednn: ({ threads, precision }) =>
    inline(new OneDnnEngine({ threads, ...(precision === 'bfloat16' ? { precision } : {}) })),
  wasm: ({ threads }) => inline(new WasmEngine({ threads, start: startNodeThread })),
  // In float16 every product has its factors in it.
  webgpu: async ({ precision }) => (await openGpu({ precision, reuse: 0 })).device,
  reference: () => inline(new ReferenceEngine()),
};
export const ENGINE_NAMES = Object.keys(ENGINES);

/** The type of a device's products, if it is less exact than that of tensors. */
export const narrowOf = ({ precision }: Pick<Setting, 'precision'>): Narrow | undefined =>
  precision === 'float32' ? undefined : precision;

/** Whether a device has a number type. */
export const hasPrecision = (device: string, precision: string): precision is Setting['precision'] =>
  precision === 'float32' ||
  (precision === 'bfloat16' && device === 'onednn') ||
  (precision === 'float16' && device === 'webgpu');

/** Opens a device on this thread, so that the last output line names the program that crashed the process. */
export async function open(setting: Setting): Promise<Subject & { readonly about: string }> {
  const device = await ENGINES[setting.device]!(setting);
  const { version, threads, precision } = await device.info();
  const inputs = setting.inputs ? ', numbers as inputs' : '';
  return {
    device: setting.inputs ? withNumbersAsInputs(device) : device,
    narrow: narrowOf({ precision }),
    about: `${setting.device} ${version}, ${precision}, threads ${threads}${inputs}`,
  };
}
