import { webgpuAdapter, webgpuDevice } from '../../../src/backend/webgpu/index.js';
import { NETS, trainSteps } from '../nets/steps.js';

/* Networks trained in a page on its GPU: see test/web/webgpu.test.ts. */

/** @returns the adapter's name, and the losses on the GPU */
async function train(name: keyof typeof NETS, steps: number) {
  const adapter = await webgpuAdapter();
  if (!adapter) return undefined;
  const device = await webgpuDevice();
  try {
    return { adapter: adapter.name, losses: await trainSteps(device, NETS[name], steps) };
  } finally {
    await device.close();
  }
}

Object.assign(globalThis, { train });
