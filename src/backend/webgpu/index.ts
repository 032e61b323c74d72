import { DeviceError } from '../../errors/errors.js';
import type { Device, Precision } from '../backend.js';
import { describeAdapter, findAdapter, isSoftware } from './adapter.js';
import type { Gpu } from './api.js';
import { pageChoices } from './page-choices.js';

const pageGpu = (): Gpu | undefined => (globalThis as { navigator?: { gpu?: Gpu } }).navigator?.gpu;

/** What `webgpuDevice()` would compute on. */
export interface WebGpuAdapter {
  readonly name: string;
  /** Whether it is a software adapter, so that `wasmDevice()` is faster. */
  readonly software: boolean;
}

/**
 * Looks for a GPU in a page or in a worker of one; undefined without WebGPU or an adapter.
 *
 * @param options.gpu an implementation of WebGPU; by default the page's own, `navigator.gpu`
 * @example
 * const gpu = await webgpuAdapter();
 * const device = gpu && !gpu.software ? await webgpuDevice() : wasmDevice();
 */
export async function webgpuAdapter(
  options: { readonly gpu?: Gpu } = {},
): Promise<WebGpuAdapter | undefined> {
  const gpu = options.gpu ?? pageGpu();
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  return adapter ? { name: describeAdapter(adapter.info), software: isSoftware(adapter.info) } : undefined;
}

/**
 * Opens a device that computes on the GPU with WebGPU, in a page or in a worker of one. In Node use `device.webgpu()`,
 * which brings an implementation of WebGPU.
 *
 * @param options.gpu an implementation of WebGPU; by default the page's own, `navigator.gpu`
 * @param options.precision number type of large layers: float32 (the default), float16, or auto, the faster one
 * @throws DeviceError if there is no WebGPU, or no GPU, or one without float16
 * @example
 * const device = await webgpuDevice().catch(() => wasmDevice());
 */
export async function webgpuDevice(
  options: { readonly gpu?: Gpu; readonly precision?: Precision } = {},
): Promise<Device> {
  const gpu = options.gpu ?? pageGpu();
  if (gpu) {
    const adapter = await findAdapter(gpu);
    const choices = isSoftware(adapter.info) ? undefined : await pageChoices(describeAdapter(adapter.info));
    // Where choices cannot be stored, a rule chooses: measuring again in each page would give different choices.
    const engine = { trials: choices !== undefined, choices };
    // Loaded when a GPU is used, so that a page that computes on the processor does not wait for it.
    const { openWithPrecision } = await import('./precision.js');
    return (await openWithPrecision(gpu, adapter, options.precision ?? 'float32', engine)).device;
  }
  throw new DeviceError({
    what: 'There is no WebGPU here',
    expected: 'a browser with WebGPU, and a page that came over https or from localhost',
    got: 'no navigator.gpu',
    next: 'use wasmDevice(), which computes on the processor; in Node, use device.webgpu()',
  });
}
