import type { WebGpuDevice } from '../../../src/backend/webgpu/device.js';
import type { EngineOptions } from '../../../src/backend/webgpu/engine.js';
import { openGpu } from '../../../src/backend/webgpu/node/open.js';

/**
 * Why tests on a GPU cannot run here; false if they can. Where PAPERWEIGHT_WEBGPU is `required`, as in continuous
 * integration, a missing adapter is a failure instead.
 */
export async function withoutGpu(): Promise<string | false> {
  try {
    const { device } = await openGpu();
    await device.close();
    return false;
  } catch (error) {
    if (process.env.PAPERWEIGHT_WEBGPU === 'required') throw error;
    return `no WebGPU adapter: ${(error as Error).message}`;
  }
}

/** Opens the adapter of this machine. Kernels are chosen by rule, unless the options say otherwise. */
export const openWebGpu = async (options: EngineOptions = {}): Promise<WebGpuDevice> =>
  (await openGpu(options)).device;
