import { DeviceError } from '../../../errors/errors.js';
import { Heap } from '../../plan/memory/heap.js';
import { type GpuBuffer, type GpuDevice, USAGE } from '../api.js';
import { ALIGNMENT } from '../builder.js';
import type { Place } from '../commands.js';
import type { Shortage } from './fit.js';
import { aligned, LARGE_BYTES, type PlannedBuffer, SLAB_BYTES, shown } from './places.js';

/** The first buffer that storages share has this many bytes; each further one four times as many, up to a limit. */
const FIRST_SLAB = 4 * 2 ** 20;

const total = (sizes: readonly number[]): number => sizes.reduce((sum, bytes) => sum + bytes, 0);

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
  readonly #free: () => number;

  /**
   * @param binding largest range of a buffer that a kernel can use, in bytes
   * @param free bytes of memory that there are for further buffers, if that is known before the driver refuses one
   */
  constructor(device: GpuDevice, binding: number, free: () => number = () => Number.POSITIVE_INFINITY) {
    this.#device = device;
    this.#binding = binding;
    this.#free = free;
  }

  /** Bytes of all buffers but those that values are read through. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @throws DeviceError if the buffer is larger than the device allows, or than the memory that is free; see
   *   {@link settle} for a driver's refusal
   */
  buffer(bytes: number, what: string, usage: number = VALUES): GpuBuffer {
    const most = this.#device.limits.maxBufferSize;
    if (bytes > most) throw this.#short(what, bytes, `at most ${shown(most)} in one buffer`);
    // Small buffers are many, and asking takes longer than making one.
    const free = bytes > LARGE_BYTES ? this.#free() : bytes;
    if (bytes > free) throw this.#short(what, bytes, `at most the ${shown(free)} that are free`);
    const { buffer, refusal } = this.#create(bytes, usage);
    this.#problems.push(
      refusal.then((message) =>
        message === undefined ? undefined : this.#short(what, bytes, 'memory for it', message),
      ),
    );
    return buffer;
  }

  /** Asks the driver for a buffer. `refusal` resolves to what it says if it has no memory for it. */
  #create(
    bytes: number,
    usage: number,
  ): { readonly buffer: GpuBuffer; readonly refusal: Promise<string | undefined> } {
    this.#device.pushErrorScope('out-of-memory');
    this.#device.pushErrorScope('validation');
    const answers: Promise<{ readonly message: string } | null>[] = [];
    let buffer: GpuBuffer;
    try {
      buffer = this.#device.createBuffer({ size: Math.max(ALIGNMENT, aligned(bytes)), usage });
    } finally {
      answers.push(this.#device.popErrorScope(), this.#device.popErrorScope());
      for (const one of answers) one.catch(() => {});
    }
    this.#bytes += buffer.size;
    // The loss of the GPU is reported by what waits for it.
    const refusal = Promise.all(answers).then(
      (errors) => errors.find((one) => one !== null)?.message,
      () => undefined,
    );
    return { buffer, refusal };
  }

  #short(what: string, bytes: number, expected: string, refusal?: string): DeviceError {
    return new DeviceError({
      what: `The GPU has no memory for ${what}`,
      expected,
      got: `${shown(bytes)} more, beside ${shown(this.#bytes)} in use${refusal === undefined ? '' : ` (${refusal})`}`,
      next: 'use a smaller model or a smaller batch, or close other programs that use the GPU',
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

  /**
   * Memory that outlives runs. Small storages share buffers, so that one kernel can update many of them.
   * @throws DeviceError if there is none
   */
  async allocate(bytes: number): Promise<Allocation> {
    if (bytes > LARGE_BYTES) return { buffer: await this.#lasting(bytes), offset: 0, bytes };
    for (const slab of this.#slabs) {
      const offset = slab.heap.allocate(aligned(bytes));
      if (offset !== undefined) return { buffer: slab.buffer, offset, bytes, slab };
    }
    const least = aligned(bytes);
    const wanted = Math.min(SLAB_BYTES, this.#binding, FIRST_SLAB * 4 ** this.#slabs.length);
    const buffer = await this.#lasting(Math.max(least, wanted)).catch((error: unknown) => {
      if (least >= wanted || !(error instanceof DeviceError)) throw error;
      return this.#lasting(least);
    });
    const slab = { buffer, heap: new Heap(0, buffer.size) };
    this.#slabs.push(slab);
    return { buffer: slab.buffer, offset: slab.heap.allocate(aligned(bytes))!, bytes, slab };
  }

  async #lasting(bytes: number): Promise<GpuBuffer> {
    const buffer = this.buffer(bytes, 'weights and optimizer state');
    try {
      await this.settle();
      return buffer;
    } catch (error) {
      this.destroy(buffer);
      throw error;
    }
  }

  free({ buffer, offset, slab }: Allocation): void {
    if (slab) slab.heap.free(offset);
    else this.destroy(buffer);
  }

  /** Buffers that plans already use for intermediate values. */
  get shared(): readonly PlannedBuffer[] {
    return this.#shared;
  }

  /**
   * Makes the buffers of a plan. One of `shared` is used by several plans.
   * @param refuse makes the error if they do not fit; nothing is kept then
   */
  async take(
    planned: readonly PlannedBuffer[],
    refuse: (shortage: Shortage) => DeviceError,
  ): Promise<{ readonly buffers: Map<PlannedBuffer, GpuBuffer>; readonly release: () => void }> {
    const fresh = planned.filter((one) => !this.#shared.some((shared) => shared === one));
    const sizes = fresh.map(({ bytes }) => aligned(bytes));
    const shortage = {
      wanted: total(sizes),
      largest: Math.max(0, ...sizes),
      room: this.#free(),
      most: this.#device.limits.maxBufferSize,
      used: this.#bytes,
    };
    if (shortage.largest > shortage.most || shortage.wanted > shortage.room) throw refuse(shortage);
    const made = sizes.map((bytes) => ({ bytes, plans: 0, ...this.#create(bytes, VALUES) }));
    const refusals = await Promise.all(made.map(({ refusal }) => refusal));
    const refusal = refusals.find((one) => one !== undefined);
    if (refusal !== undefined) {
      for (const { buffer } of made) this.destroy(buffer);
      const room = total(sizes.filter((_, n) => refusals[n] === undefined));
      throw refuse({ ...shortage, room, refusal });
    }
    this.#shared.push(...made);
    const used = planned.map((one): [PlannedBuffer, Shared] => {
      const at = fresh.indexOf(one);
      return [one, at < 0 ? (one as Shared) : made[at]!];
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
