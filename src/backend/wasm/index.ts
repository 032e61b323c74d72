import { checkInteger, checkOptionNames } from '../../errors/arguments.js';
import type { Device } from '../backend.js';
import { InlineDevice } from '../device.js';
import { MAX_THREADS } from '../device-names.js';
import { canShareInPage, startWebThread } from '../simd/threads/web.js';
import { WasmEngine } from './engine.js';

/**
 * Opens a device that computes with WebAssembly on the calling thread, for browsers: best in a worker of the page, which
 * then stays responsive. It uses several threads where the page is cross-origin isolated, else one.
 *
 * @param options.threads number of threads; all cores by default
 * @throws UsageError if an option is not valid, DeviceError if the browser has no WebAssembly SIMD, or no memory
 */
export function wasmDevice(options: { readonly threads?: number } = {}): Device {
  checkOptionNames('wasmDevice', options, ['threads']);
  const { hardwareConcurrency } =
    (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator ?? {};
  const { threads = hardwareConcurrency ?? 1 } = options;
  checkInteger('wasmDevice', 'threads', threads, { least: 1, most: MAX_THREADS });
  return new InlineDevice(new WasmEngine(canShareInPage() ? { threads, start: startWebThread } : {}));
}
