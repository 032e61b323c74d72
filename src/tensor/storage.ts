import type { Device } from '../backend/backend.js';
import type { Storage } from '../graph/node.js';
import {
  bytesOf,
  type DType,
  makeArray,
  type Shape,
  type Spec,
  sizeOf,
  type TypedArray,
} from '../graph/types.js';

let nextId = 1;

/** Errors of runs that a caller has received. */
const received = new WeakSet<object>();

/** Notes that a caller receives an error, so that it is reported once. */
export function receive(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) received.add(error);
  return error;
}

/** The error of a run that was to update one of some storages, if no caller has received it. */
export function failureOf(storages: readonly Storage[]): object | undefined {
  const failed = storages.find(({ failure }) => failure !== undefined && !received.has(failure));
  return failed?.failure;
}

const PIECE_BYTES = 4 * 1024 * 1024;
/** Unused buffers, for reuse: saving a model often must not create garbage of its size each time. */
const idle: { room: ArrayBufferLike; own: ArrayBuffer }[] = [];

/** Memory shared with the device's thread. A web page without cross-origin isolation has neither. */
const newRoom = (): ArrayBufferLike =>
  typeof SharedArrayBuffer === 'undefined'
    ? new ArrayBuffer(PIECE_BYTES)
    : new SharedArrayBuffer(PIECE_BYTES);

/** Frees the device memory of garbage-collected storages, so that users never free anything. */
const registry = new FinalizationRegistry<{ device: Device; id: number }>(({ device, id }) =>
  device.free(id),
);

/** Values kept on a device between runs. */
export class DeviceStorage implements Storage {
  readonly id = nextId++;
  readonly shape: Shape;
  readonly dtype: DType;
  version = 0;
  failure: object | undefined;

  constructor(
    readonly device: Device,
    spec: Spec,
    data: TypedArray,
  ) {
    this.shape = spec.shape;
    this.dtype = spec.dtype;
    device.write(this.id, this, data);
    registry.register(this, { device, id: this.id });
  }

  /** @throws the error of an update that has failed, if no caller has received it */
  async read(): Promise<TypedArray> {
    const values = await this.device.read(this.id);
    this.#check();
    return values;
  }

  /** Row-major values, a few megabytes at a time. A piece is valid until the next one is requested. */
  async *pieces(): AsyncGenerator<TypedArray, void, void> {
    const size = sizeOf(this.shape);
    const each = PIECE_BYTES / bytesOf(this.dtype);
    const staging = idle.pop() ?? { room: newRoom(), own: new ArrayBuffer(PIECE_BYTES) };
    try {
      for (let start = 0; start < size; start += each) {
        const count = Math.min(each, size - start);
        const room = makeArray(this.dtype, staging.room, 0, count);
        await this.device.readInto(this.id, start, room);
        this.#check();
        const piece = makeArray(this.dtype, staging.own, 0, count);
        piece.set(room as never);
        yield piece;
      }
    } finally {
      idle.push(staging);
    }
  }

  /** Overwrites the values; graphs that use the old ones become stale. */
  write(data: TypedArray): void {
    this.version++;
    this.device.write(this.id, this, data);
  }

  #check(): void {
    const failure = failureOf([this]);
    if (failure !== undefined) throw receive(failure);
  }
}
