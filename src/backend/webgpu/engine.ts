import { DeviceError } from '../../errors/errors.js';
import { bytesOf, type DType, makeArray, type Spec, sizeOf, type TypedArray } from '../../graph/types.js';
import type { EngineInfo, Precision } from '../backend.js';
import { checkFits } from '../check-values.js';
import { describeAdapter, isSoftware } from './adapter.js';
import {
  COMPUTE,
  type GpuBuffer,
  type GpuDevice,
  type GpuLayout,
  type GpuPipeline,
  MAP_READ,
  USAGE,
} from './api.js';

import { type Limits, roomFor } from './builder.js';
import type { Binder, Place } from './commands.js';
import { Gate } from './gate.js';
import type { Slot } from './kernels/program.js';
import { type Allocation, Memory } from './memory/memory.js';
import { type ChoiceStore, Trials } from './trials.js';

/** A value that outlives runs. */
export interface Stored {
  readonly spec: Spec;
  readonly place: Allocation;
}

/**
 * Windows resets a GPU that works on one command for two seconds; a slow GPU computes 10⁹ multiply-adds in about 10 ms.
 */
const LONGEST_COMMAND = 8e9;

/**
 * With fewer reads of each element, a copy in float16 takes longer than it saves. Layers of small batches, which read
 * their weights once, stay in float32.
 */
const REUSE = 64;

/** Plans keep their own kernels as well. A driver takes about half a megabyte for each. */
const KEPT_PIPELINES = 512;

/** @throws DeviceError for float64, which WebGPU does not have */
export function checkType(dtype: DType, what: string): void {
  if (dtype !== 'float64') return;
  throw new DeviceError({
    what: `${what} is float64, which device "webgpu" does not have`,
    expected: 'float32, int32 or uint8',
    got: 'float64',
    next: 'convert with toFloat(), or use --device wasm or reference',
  });
}

/** Number types of this engine. */
export type GpuPrecision = Exclude<Precision, 'auto' | 'bfloat16'>;

export interface EngineOptions {
  /** Largest range of a buffer that a kernel may use, in bytes; default what the device allows. */
  readonly binding?: number;
  /** Most multiply-adds, or steps of loops, of one command. */
  readonly longest?: number;
  /** Number type of the factors of products that read each of their elements often; default float32. */
  readonly precision?: GpuPrecision;
  /** How often that is at least, on average. */
  readonly reuse?: number;
  /** Whether kernels that compute the same are tried, and the fastest one used; by default on a GPU only. */
  readonly trials?: boolean;
  /** Where the choices are kept. */
  readonly choices?: ChoiceStore | undefined;
  /** Bytes of memory that there are for further buffers, if that is known before the driver refuses one. */
  readonly free?: (() => number) | undefined;
  /** Most compiled kernels that are kept for later plans; the least recently used one is dropped first. */
  readonly kept?: number;
}

/**
 * Divides values over as few buffers of a largest size as there may be.
 * @returns bytes of each buffer, of which there is at least one, and the place of each value
 */
function shares(
  values: readonly { readonly dtype: DType; readonly count: number }[],
  most: number,
): [number[], { readonly share: number; readonly at: number }[]] {
  const sizes = [0];
  const places = values.map(({ dtype, count }) => {
    const bytes = Math.ceil(roomFor(dtype, count) / 8) * 8;
    if (sizes.at(-1)! > 0 && sizes.at(-1)! + bytes > most) sizes.push(0);
    const share = sizes.length - 1;
    const at = sizes[share]!;
    sizes[share] = at + bytes;
    return { share, at };
  });
  return [sizes.map((bytes) => Math.max(4, bytes)), places];
}

/** Storages, compiled kernels and plans of one WebGPU device. All its work is asynchronous. */
export class WebGpuEngine {
  readonly info: EngineInfo;
  readonly memory: Memory;
  readonly gate: Gate;
  readonly limits: Limits;
  readonly #storages = new Map<number, Stored>();
  readonly #pipelines = new Map<string, Promise<GpuPipeline>>();
  readonly #layouts = new Map<string, GpuLayout>();
  readonly #longest: number;
  readonly #kept: number;
  /** Absent if kernels are chosen by rule. */
  readonly #trials: Trials | undefined;

  constructor(
    readonly device: GpuDevice,
    options: EngineOptions = {},
  ) {
    const { limits, adapterInfo } = device;
    const software = isSoftware(adapterInfo);
    const { binding = limits.maxStorageBufferBindingSize, trials = !software, choices, free } = options;
    const { precision = 'float32', reuse = REUSE } = options;
    this.#longest = options.longest ?? LONGEST_COMMAND;
    this.#kept = options.kept ?? KEPT_PIPELINES;
    this.#trials = trials ? new Trials(this, choices) : undefined;
    const subgroup = [...device.features].includes('subgroups') ? adapterInfo?.subgroupMinSize : undefined;
    this.memory = new Memory(device, binding, free);
    this.gate = new Gate(device);
    this.limits = {
      binding,
      bindings: limits.maxStorageBuffersPerShaderStage,
      lanes: limits.maxComputeInvocationsPerWorkgroup,
      shared: limits.maxComputeWorkgroupStorageSize,
      ...(subgroup === undefined ? {} : { subgroup }),
      trials,
      ...(precision === 'float16' ? { half: reuse } : {}),
    };
    this.info = {
      engine: 'webgpu',
      version: describeAdapter(adapterInfo),
      software,
      threads: 1,
      precision,
    };
  }

  /** Number of compiled kernels that are kept for later plans. */
  get pipelines(): number {
    return this.#pipelines.size;
  }

  /** How plans compile and bind kernels. @param constants receives the buffers of constants */
  binder(constants: GpuBuffer[]): Binder {
    return {
      limit: this.limits.binding,
      bindings: this.limits.bindings,
      most: this.device.limits.maxComputeWorkgroupsPerDimension,
      longest: this.#longest,
      choose: async (choice) => this.#trials?.choose(choice) ?? choice.variants[0],
      pipeline: (code, slots, uniform) => this.#pipeline(code, slots, uniform),
      bindGroup: (slots, uniform, ranges) =>
        this.device.createBindGroup({
          layout: this.#layout(slots, uniform),
          entries: ranges.map(({ buffer, offset, bytes }, binding) => ({
            binding,
            resource: { buffer, offset, size: bytes },
          })),
        }),
      constant: (data, uniform) => {
        const usage = (uniform ? USAGE.uniform : USAGE.storage) | USAGE.copyTo;
        const buffer = this.memory.buffer(data.byteLength, 'tables of kernels', usage);
        this.device.queue.writeBuffer(buffer, 0, data.buffer, 0, data.byteLength);
        constants.push(buffer);
        return buffer;
      },
    };
  }

  #layout(slots: readonly Slot[], uniform: boolean): GpuLayout {
    const types = [
      ...slots.map(({ writable }) => (writable ? 'storage' : 'read-only-storage')),
      ...(uniform ? ['uniform'] : []),
    ];
    const key = types.join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.device.createBindGroupLayout({
        entries: types.map((type, binding) => ({ binding, visibility: COMPUTE, buffer: { type } })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  #pipeline(code: string, slots: readonly Slot[], uniform: boolean): Promise<GpuPipeline> {
    const known = this.#pipelines.get(code);
    const made = known ?? this.gate.waited(this.#compiled(code, slots, uniform));
    if (!known) made.catch(() => this.#pipelines.delete(code));
    // The one that was used last is the last one.
    this.#pipelines.delete(code);
    this.#pipelines.set(code, made);
    if (this.#pipelines.size > this.#kept) this.#pipelines.delete(this.#pipelines.keys().next().value!);
    return made;
  }

  async #compiled(code: string, slots: readonly Slot[], uniform: boolean): Promise<GpuPipeline> {
    const { result: module, accepted } = this.gate.scoped('a kernel', () =>
      this.device.createShaderModule({ code }),
    );
    const layout = this.device.createPipelineLayout({ bindGroupLayouts: [this.#layout(slots, uniform)] });
    const [pipeline] = await Promise.all([
      this.device
        .createComputePipelineAsync({ layout, compute: { module, entryPoint: 'main' } })
        .catch(async (error: unknown) => {
          await accepted;
          throw new DeviceError({
            what: 'The GPU’s driver could not compile a kernel',
            got: error instanceof Error ? error.message : String(error),
            next: 'update the driver of the GPU, or use --device onednn or wasm',
            cause: error,
          });
        }),
      accepted,
    ]);
    return pipeline;
  }

  async write(id: number, spec: Spec, data: TypedArray): Promise<void> {
    checkType(spec.dtype, `Storage ${id}`);
    checkFits(`Values for storage ${id}`, spec, data);
    const { shape, dtype } = spec;
    const bytes = roomFor(dtype, data.length);
    const before = this.#storages.get(id)?.place;
    const place = before?.bytes === bytes ? before : await this.memory.allocate(bytes);
    if (before && before !== place) this.memory.free(before);
    this.#storages.set(id, { spec: { shape, dtype }, place });
    await this.gate.scoped('values', () => this.upload(place, data)).accepted;
  }

  /** Copies values to the GPU. */
  upload({ buffer, offset }: Place, data: TypedArray): void {
    const { byteLength: bytes } = data;
    if (bytes === 0) return;
    if (bytes % 4 === 0) {
      this.device.queue.writeBuffer(buffer, offset, data.buffer, data.byteOffset, bytes);
      return;
    }
    const padded = new Uint8Array(roomFor('uint8', bytes));
    padded.set(new Uint8Array(data.buffer, data.byteOffset, bytes));
    this.device.queue.writeBuffer(buffer, offset, padded.buffer, 0, padded.byteLength);
  }

  async read(id: number): Promise<TypedArray> {
    const { spec, place } = this.stored(id);
    const count = sizeOf(spec.shape);
    return (await this.download([{ ...place, dtype: spec.dtype, count }]))[0]!;
  }

  async readInto(id: number, start: number, into: TypedArray): Promise<void> {
    const { spec, place } = this.stored(id);
    if (into.length === 0) return;
    const size = bytesOf(spec.dtype);
    // Copies begin at whole words.
    const lead = ((start * size) % 4) / size;
    const offset = place.offset + (start - lead) * size;
    const [values] = await this.download([
      { buffer: place.buffer, offset, dtype: spec.dtype, count: into.length + lead },
    ]);
    into.set(values!.subarray(lead) as never);
  }

  /** Reads values back. */
  async download(
    values: readonly (Place & { readonly dtype: DType; readonly count: number })[],
  ): Promise<TypedArray[]> {
    return (await this.downloading(values, () => {}))();
  }

  /**
   * Sends commands and the copies of values behind them.
   * @returns a function that waits for the values
   */
  async downloading(
    values: readonly (Place & { readonly dtype: DType; readonly count: number })[],
    encode: (encoder: ReturnType<GpuDevice['createCommandEncoder']>) => void,
  ): Promise<() => Promise<TypedArray[]>> {
    const [sizes, places] = shares(values, this.device.limits.maxBufferSize);
    const { result: staging, accepted } = this.gate.scoped('the commands of a run', () => {
      const buffers = sizes.map((bytes) => this.memory.stage(bytes));
      const encoder = this.device.createCommandEncoder();
      encode(encoder);
      values.forEach(({ buffer, offset, dtype, count }, n) => {
        const { share, at } = places[n]!;
        encoder.copyBufferToBuffer(buffer, offset, buffers[share]!, at, roomFor(dtype, count));
      });
      this.device.queue.submit([encoder.finish()]);
      return buffers;
    });
    // Why commands were refused says more than that their results cannot be read.
    const readable = staging.map((buffer) =>
      buffer.mapAsync(MAP_READ).catch(async (error: unknown) => {
        await accepted;
        throw error;
      }),
    );
    const mapped = this.gate.waited(Promise.all([accepted, ...readable]));
    mapped.catch(() => {});
    return async () => {
      try {
        await mapped;
      } catch (error) {
        for (const buffer of staging) buffer.destroy();
        throw error;
      }
      const ranges = staging.map((buffer) => buffer.getMappedRange());
      const results = values.map(({ dtype, count }, n) => {
        const { share, at } = places[n]!;
        return makeArray(dtype, ranges[share]!, at, count).slice();
      });
      for (const buffer of staging) {
        buffer.unmap();
        this.memory.unstage(buffer);
      }
      return results;
    };
  }

  stored(id: number): Stored {
    const stored = this.#storages.get(id);
    if (stored) return stored;
    throw new DeviceError({ what: `The webgpu device holds no storage ${id}`, next: 'write it first' });
  }

  free(id: number): void {
    const stored = this.#storages.get(id);
    if (!stored) return;
    this.memory.free(stored.place);
    this.#storages.delete(id);
  }

  close(): void {
    this.#storages.clear();
    this.#pipelines.clear();
    this.device.destroy();
  }
}
