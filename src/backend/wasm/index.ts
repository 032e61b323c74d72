import type { Device } from '../backend.js';
import { InlineDevice } from '../device.js';
import { canShareInPage, startWebThread } from '../simd/threads/web.js';
import { WasmEngine } from './engine.js';

/**
 * Opens a device that computes with WebAssembly on the calling thread, for browsers: best in a worker of the page, which
 * then stays responsive. It uses several threads where the page is cross-origin isolated, else one.
 *
 * @param options.threads number of threads; all cores by default
 * @throws DeviceError if the browser has no WebAssembly SIMD, or no memory
 */
export function wasmDevice(options: { readonly threads?: number } = {}): Device {
  const { hardwareConcurrency } =
    (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator ?? {};
  const { threads = hardwareConcurrency ?? 1 } = options;
  return new InlineDevice(new WasmEngine(canShareInPage() ? { threads, start: startWebThread } : {}));
}
