/*
 * The part of WebGPU that this engine uses, with the names of the standard. A page's `navigator.gpu` and the npm package
 * `webgpu` have these types; they are written here since neither is part of this package.
 */

export interface GpuBuffer {
  readonly size: number;
  mapAsync(mode: number): Promise<unknown>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

export interface GpuLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupStorageSize: number;
}

export interface GpuAdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
  /** Lanes of the smallest subgroup. */
  readonly subgroupMinSize?: number;
}

export type GpuPipeline = object;
export type GpuBindGroup = object;
export type GpuLayout = object;

export interface GpuPass {
  setPipeline(pipeline: GpuPipeline): void;
  setBindGroup(index: number, group: GpuBindGroup): void;
  dispatchWorkgroups(x: number, y?: number, z?: number): void;
  end(): void;
}

export interface GpuEncoder {
  beginComputePass(): GpuPass;
  copyBufferToBuffer(from: GpuBuffer, fromAt: number, to: GpuBuffer, toAt: number, bytes: number): void;
  finish(): object;
}

export interface GpuBinding {
  readonly binding: number;
  readonly resource: { readonly buffer: GpuBuffer; readonly offset: number; readonly size: number };
}

export interface GpuDevice {
  readonly limits: GpuLimits;
  readonly features: Iterable<string>;
  readonly adapterInfo?: GpuAdapterInfo;
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  readonly queue: {
    submit(commands: readonly object[]): void;
    writeBuffer(buffer: GpuBuffer, offset: number, data: ArrayBufferLike, from: number, bytes: number): void;
    onSubmittedWorkDone(): Promise<unknown>;
  };
  createBuffer(options: { size: number; usage: number }): GpuBuffer;
  createShaderModule(options: { code: string }): object;
  createBindGroupLayout(options: { entries: readonly object[] }): GpuLayout;
  createPipelineLayout(options: { bindGroupLayouts: readonly GpuLayout[] }): object;
  createComputePipelineAsync(options: {
    layout: object;
    compute: { module: object; entryPoint: string };
  }): Promise<GpuPipeline>;
  createBindGroup(options: { layout: GpuLayout; entries: readonly GpuBinding[] }): GpuBindGroup;
  createCommandEncoder(): GpuEncoder;
  pushErrorScope(filter: 'validation' | 'out-of-memory' | 'internal'): void;
  popErrorScope(): Promise<{ readonly message: string } | null>;
  destroy(): void;
}

export interface GpuAdapter {
  readonly info: GpuAdapterInfo;
  readonly limits: GpuLimits;
  readonly features: Iterable<string>;
  requestDevice(options: {
    requiredLimits: Record<string, number>;
    requiredFeatures?: readonly string[];
  }): Promise<GpuDevice>;
}

/** `navigator.gpu`. */
export interface Gpu {
  requestAdapter(options?: {
    powerPreference?: 'high-performance' | 'low-power';
    forceFallbackAdapter?: boolean;
  }): Promise<GpuAdapter | null>;
}

/** `GPUBufferUsage`. */
export const USAGE = { mapRead: 1, copyFrom: 4, copyTo: 8, uniform: 64, storage: 128 } as const;
/** `GPUMapMode.READ`. */
export const MAP_READ = 1;
/** `GPUShaderStage.COMPUTE`. */
export const COMPUTE = 4;
