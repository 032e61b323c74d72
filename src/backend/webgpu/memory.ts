import { DeviceError } from '../../errors/errors.js';
import { Heap } from '../plan/heap.js';
import { type GpuBuffer, type GpuDevice, USAGE } from './api.js';
import { ALIGNMENT } from './builder.js';
import type { Place } from './commands.js';
import { aligned, LARGE_BYTES, type PlannedBuffer, SLAB_BYTES } from './places.js';

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** The first buffer that storages share has this many bytes; each further one four times as many, up to a limit. */
const FIRST_SLAB = 4 * 2 ** 20;

const VALUES = USAGE.storage | USAGE.copyFrom | USAGE.copyTo;

/** Memory of a storage. */
export interface Allocation extends Place {
  readonly bytes: number;
  /** The shared buffer that it is a part of. */
  readonly slab?: { readonly buffer: GpuBuffer; readonly heap: Heap };
}

/** A buffer that plans use for intermediate values, one plan after another. */
interface Shared extends PlannedBuffer {
  readonly buffer: GpuBuffer;
  plans: number;
}

/** Buffers of a device. */
export class Memory {
  readonly #device: GpuDevice;
  readonly #slabs: { readonly buffer: GpuBuffer; readonly heap: Heap }[] = [];
  readonly #shared: Shared[] = [];
  readonly #staging: GpuBuffer[] = [];
  /** The driver's refusals that have not been reported yet. */
  #problems: Promise<DeviceError | undefined>[] = [];
  #bytes = 0;

  readonly #binding: number;

  /** @param binding largest range of a buffer that a kernel can use, in bytes */
  constructor(device: GpuDevice, binding: number) {
    this.#device = device;
    this.#binding = binding;
  }

  /** Bytes of all buffers but those that values are read through. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws DeviceError if the buffer is larger than the device allows; see {@link settle} for a driver's refusal */
  buffer(bytes: number, what: string, usage: number = VALUES): GpuBuffer {
    const most = this.#device.limits.maxBufferSize;
    if (bytes > most) throw this.#short(what, bytes, `at most ${mib(most)} in one buffer`);
    this.#device.pushErrorScope('out-of-memory');
    this.#device.pushErrorScope('validation');
    let thrown: unknown;
    let buffer: GpuBuffer | undefined;
    try {
      buffer = this.#device.createBuffer({ size: Math.max(ALIGNMENT, aligned(bytes)), usage });
    } catch (error) {
      thrown = error;
    }
    const both = [this.#device.popErrorScope(), this.#device.popErrorScope()];
    if (!buffer) {
      for (const one of both) one.catch(() => {});
      throw this.#short(what, bytes, 'memory for it', thrown);
    }
    this.#bytes += buffer.size;
    this.#problems.push(
      Promise.all(both).then(
        (errors) => {
          const error = errors.find((one) => one !== null);
          return error ? this.#short(what, bytes, 'memory for it', new Error(error.message)) : undefined;
        },
        () => undefined,
      ),
    );
    return buffer;
  }

  #short(what: string, bytes: number, expected: string, cause?: unknown): DeviceError {
    return new DeviceError({
      what: `The GPU has no memory for ${what}`,
      expected,
      got: `${mib(bytes)} more, beside ${mib(this.#bytes)} in use${cause instanceof Error ? ` (${cause.message})` : ''}`,
      next: 'use a smaller batch or a smaller model, or close other programs that use the GPU',
      cause,
    });
  }

  /** Waits for the driver's answers. @throws DeviceError if it refused a buffer since the last call */
  async settle(): Promise<void> {
    const problems = this.#problems;
    this.#problems = [];
    const error = (await Promise.all(problems)).find((one) => one !== undefined);
    if (error) throw error;
  }

  destroy(buffer: GpuBuffer): void {
    this.#bytes -= buffer.size;
    buffer.destroy();
  }

  /** Memory that outlives runs. Small storages share buffers, so that one kernel can update many of them. */
  allocate(bytes: number): Allocation {
    const what = 'weights and optimizer state';
    if (bytes > LARGE_BYTES) return { buffer: this.buffer(bytes, what), offset: 0, bytes };
    for (const slab of this.#slabs) {
      const offset = slab.heap.allocate(aligned(bytes));
      if (offset !== undefined) return { buffer: slab.buffer, offset, bytes, slab };
    }
    const most = Math.min(SLAB_BYTES, this.#binding);
    const size = Math.max(aligned(bytes), Math.min(most, FIRST_SLAB * 4 ** this.#slabs.length));
    const slab = { buffer: this.buffer(size, what), heap: new Heap(0, size) };
    this.#slabs.push(slab);
    return { buffer: slab.buffer, offset: slab.heap.allocate(aligned(bytes))!, bytes, slab };
  }

  free({ buffer, offset, slab }: Allocation): void {
    if (slab) slab.heap.free(offset);
    else this.destroy(buffer);
  }

  /** Buffers that plans already use for intermediate values. */
  get shared(): readonly PlannedBuffer[] {
    return this.#shared;
  }

  /** Makes the buffers of a plan. One of `shared` is used by several plans. */
  take(planned: readonly PlannedBuffer[]): {
    readonly buffers: Map<PlannedBuffer, GpuBuffer>;
    readonly release: () => void;
  } {
    const used = planned.map((one): [PlannedBuffer, Shared] => {
      const known = this.#shared.find((shared) => shared === one);
      if (known) return [one, known];
      const made = {
        bytes: aligned(one.bytes),
        buffer: this.buffer(one.bytes, 'intermediate values'),
        plans: 0,
      };
      this.#shared.push(made);
      return [one, made];
    });
    for (const [, shared] of used) shared.plans++;
    const release = (): void => {
      for (const [, shared] of used) {
        if (--shared.plans > 0) continue;
        this.#shared.splice(this.#shared.indexOf(shared), 1);
        this.destroy(shared.buffer);
      }
    };
    return { buffers: new Map(used.map(([one, { buffer }]) => [one, buffer])), release };
  }

  /** A buffer through which values are read; give it back with {@link unstage}. */
  stage(bytes: number): GpuBuffer {
    const fits = this.#staging.findIndex(({ size }) => size >= bytes && size <= 4 * Math.max(bytes, 4096));
    if (fits >= 0) return this.#staging.splice(fits, 1)[0]!;
    return this.#device.createBuffer({
      size: Math.max(256, aligned(bytes)),
      usage: USAGE.mapRead | USAGE.copyTo,
    });
  }

  unstage(buffer: GpuBuffer): void {
    if (this.#staging.length < 8) this.#staging.push(buffer);
    else buffer.destroy();
  }
}
