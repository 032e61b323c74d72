import { DeviceError } from '../../errors/errors.js';
import type { Device } from '../backend.js';
import { findAdapter, openAdapter } from './adapter.js';
import type { Gpu } from './api.js';
import { WebGpuDevice } from './device.js';

/**
 * Opens a device that computes on the GPU with WebGPU, in a page or in a worker of one. In Node use `device.webgpu()`,
 * which brings an implementation of WebGPU.
 *
 * @param options.gpu an implementation of WebGPU; by default the page's own, `navigator.gpu`
 * @throws DeviceError if there is no WebGPU, or no GPU
 * @example
 * const device = await webgpuDevice().catch(() => wasmDevice());
 */
export async function webgpuDevice(options: { readonly gpu?: Gpu } = {}): Promise<Device> {
  const gpu = options.gpu ?? (globalThis as { navigator?: { gpu?: Gpu } }).navigator?.gpu;
  if (gpu) return new WebGpuDevice(await openAdapter(await findAdapter(gpu)));
  throw new DeviceError({
    what: 'There is no WebGPU here',
    expected: 'a browser with WebGPU, and a page that came over https or from localhost',
    got: 'no navigator.gpu',
    next: 'use wasmDevice(), which computes on the processor; in Node, use device.webgpu()',
  });
}
