// WebGPU for peers in Node: the package that Paperweight's own webgpu device uses, so both compute on one adapter.
import { create, globals } from 'webgpu';

/** Adapters and devices stop working when the adapter is collected as garbage. */
const kept = [];

/** Gives this process `navigator.gpu` and the constants of WebGPU, as a page has them. */
export function providePageGpu() {
  Object.assign(globalThis, globals);
  // Pages may write from shared memory, which this binding refuses.
  const { writeBuffer } = globals.GPUQueue.prototype;
  globals.GPUQueue.prototype.writeBuffer = function (buffer, offset, data, ...range) {
    const isShared = (data.buffer ?? data) instanceof SharedArrayBuffer;
    return writeBuffer.call(this, buffer, offset, isShared ? data.slice() : data, ...range);
  };
  const gpu = create([]);
  kept.push(gpu);
  const requestAdapter = async (options) => {
    const adapter = await gpu.requestAdapter(options);
    kept.push(adapter);
    return adapter;
  };
  const page = {
    requestAdapter,
    getPreferredCanvasFormat: () => 'rgba8unorm',
    wgslLanguageFeatures: new Set(),
  };
  const value = { gpu: page, userAgent: 'node', language: 'en', hardwareConcurrency: 1, platform: '' };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
}
