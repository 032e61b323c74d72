import type { Engine } from '../../src/backend/backend.js';
import { InlineDevice } from '../../src/backend/device.js';
import { OneDnnEngine } from '../../src/backend/onednn/engine.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { startNodeThread } from '../../src/backend/simd/threads/node.js';
import { WasmEngine } from '../../src/backend/wasm/engine.js';
import type { Subject } from './check.js';

/** The device under test. */
export interface Setting {
  readonly device: string;
  readonly precision: 'float32' | 'bfloat16';
  readonly threads: number;
}

/** Creates the engines. Add a line for a new engine to run the same programs on it. */
const ENGINES: Readonly<Record<string, (setting: Setting) => Engine>> = {
  onednn: ({ threads, precision }) => new OneDnnEngine({ threads, precision }),
  wasm: ({ threads }) => new WasmEngine({ threads, start: startNodeThread }),
  reference: () => new ReferenceEngine(),
};
export const ENGINE_NAMES = Object.keys(ENGINES);

/** Opens a device on this thread, so that the last output line names the program that crashed the process. */
export function open(setting: Setting): Subject & { readonly about: string } {
  const engine = ENGINES[setting.device]!(setting);
  const { version, threads, precision } = engine.info;
  return {
    device: new InlineDevice(engine),
    bfloat16: precision === 'bfloat16',
    about: `${setting.device} ${version}, ${precision}, threads ${threads}`,
  };
}
