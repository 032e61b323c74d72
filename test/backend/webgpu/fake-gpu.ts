import type { GpuBuffer, GpuDevice, GpuLimits } from '../../../src/backend/webgpu/api.js';

/** The limits of Mesa's lavapipe: its bindings are smaller than AlexNet's largest weight. */
const LAVAPIPE: GpuLimits = {
  maxBufferSize: 2 ** 32 - 1,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 16,
  maxComputeWorkgroupsPerDimension: 65_535,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupStorageSize: 32_768,
};

interface Scope {
  readonly filter: string;
  error: { readonly message: string } | null;
}

/**
 * A GPU that computes nothing, for tests of what is sent to one: all results are 0, whatever is computed.
 * @param options.memory bytes of all its buffers; it refuses those that are more
 */
export function fakeGpu(
  options: { readonly limits?: Partial<GpuLimits>; readonly memory?: number } = {},
): GpuDevice & { readonly used: () => number } {
  const { memory = Number.POSITIVE_INFINITY } = options;
  const scopes: Scope[] = [];
  let used = 0;
  const pass = {
    setPipeline: () => {},
    setBindGroup: () => {},
    dispatchWorkgroups: () => {},
    end: () => {},
  };
  const createBuffer = ({ size }: { size: number }): GpuBuffer => {
    const refused = used + size > memory;
    if (refused) {
      const scope = scopes.findLast(({ filter }) => filter === 'out-of-memory');
      if (scope) scope.error = { message: 'out of device memory' };
    } else used += size;
    let kept = !refused;
    return {
      size,
      mapAsync: async () => {},
      getMappedRange: () => new ArrayBuffer(size),
      unmap: () => {},
      destroy: () => {
        if (kept) used -= size;
        kept = false;
      },
    };
  };
  return {
    limits: { ...LAVAPIPE, ...options.limits },
    features: ['subgroups'],
    adapterInfo: { vendor: 'test', architecture: '', device: '', description: '', subgroupMinSize: 8 },
    lost: new Promise(() => {}),
    queue: { submit: () => {}, writeBuffer: () => {}, onSubmittedWorkDone: async () => {} },
    createBuffer,
    createShaderModule: () => ({}),
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createComputePipelineAsync: async () => ({}),
    createBindGroup: () => ({}),
    createCommandEncoder: () => ({
      beginComputePass: () => pass,
      copyBufferToBuffer: () => {},
      finish: () => ({}),
    }),
    pushErrorScope: (filter) => void scopes.push({ filter, error: null }),
    popErrorScope: async () => scopes.pop()!.error,
    destroy: () => {},
    used: () => used,
  };
}
