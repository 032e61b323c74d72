import { DeviceError } from '../../errors/errors.js';
import type { Gpu, GpuAdapter, GpuAdapterInfo, GpuDevice } from './api.js';

/** Limits that are raised to what the adapter has; the rest stay at their defaults. */
const RAISED = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
] as const;

/** Features that kernels may use where an adapter has them. */
const FEATURES = ['timestamp-query', 'subgroups', 'shader-f16'];

/** Name of an adapter, such as `nvidia ampere (NVIDIA GeForce RTX 3060)`. */
export function describeAdapter(info: GpuAdapterInfo | undefined): string {
  if (!info) return 'unknown adapter';
  const { vendor, architecture, device, description } = info;
  const name = description || device;
  const family = [vendor, architecture].filter(Boolean).join(' ');
  if (!family) return name || 'unknown adapter';
  return name ? `${family} (${name})` : family;
}

/** Whether an adapter computes on the processor. */
export function isSoftware(info: GpuAdapterInfo | undefined): boolean {
  if (!info) return false;
  const { vendor, architecture, device, description } = info;
  return (
    info.isFallbackAdapter === true ||
    /swiftshader|llvmpipe|lavapipe|software|basic render|warp\b/i.test(
      `${vendor} ${architecture} ${device} ${description}`,
    )
  );
}

/** @param reasons why, if it is known */
export const noAdapter = (reasons = ''): DeviceError =>
  new DeviceError({
    what: 'Device "webgpu" does not work here',
    expected: 'a GPU with a driver for Vulkan, Metal or Direct3D 12',
    got: `no adapter${reasons && ` (${reasons})`}`,
    next: 'install the driver of the GPU, or use --device onednn or wasm, which compute on the processor',
  });

/**
 * The fastest adapter.
 * @throws DeviceError if there is none
 */
export async function findAdapter(gpu: Gpu): Promise<GpuAdapter> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter) return adapter;
  throw noAdapter();
}

/** Opens an adapter's device with the adapter's limits. */
export function openAdapter(adapter: GpuAdapter): Promise<GpuDevice> {
  const own = new Set(adapter.features);
  return adapter.requestDevice({
    requiredLimits: Object.fromEntries(RAISED.map((name) => [name, adapter.limits[name]])),
    requiredFeatures: FEATURES.filter((feature) => own.has(feature)),
  });
}
