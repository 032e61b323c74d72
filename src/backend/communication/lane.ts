import { DeviceError } from '../../errors/errors.js';
import { makeArray } from '../../graph/types.js';
import { type Exchange, failureText, type Port, regionBytes, type Shared, WORD } from './protocol.js';

/** Exchanges between this thread and the same thread of all other ranks. All ranks start them in the same order. */
export interface Communicator {
  readonly rank: number;
  readonly size: number;
  /**
   * Starts a run of a plan. The regions of the previous run may be reused from now on.
   * @param signature must be the same on all ranks; the next exchange starts only if it is
   * @param device a hash of what decides which kernels this rank's device uses
   */
  begin(signature: Uint8Array, device: Uint8Array): void;
  /** Whether the devices of all ranks use the same kernels. Waits for the beginning of the run. */
  alike(): boolean;
  /** Checks that a hash is the same on all ranks; the next exchange starts only if it is. */
  agree(signature: Uint8Array, label: string): void;
  /** Starts an exchange. `fill` writes this rank's values into the region. @returns its number */
  start(exchange: Exchange, fill: (region: ArrayBufferLike) => void): number;
  /** Starts a sum in the place of its values, which nobody may touch until it is complete. @returns its number */
  startAt(exchange: Exchange, memory: SharedArrayBuffer, offset: number): number;
  /** Waits for an exchange. @throws DeviceError if a rank has failed */
  wait(ticket: number): void;
  /** Waits for an exchange of this run. @returns its region. @throws DeviceError if a rank has failed */
  finish(ticket: number): ArrayBufferLike;
}

/** How often a waiting thread looks for a failure, in milliseconds. */
const LOOK_MS = 500;

/** Keeps the regions of a run, and reuses their memory in the next one. */
class Regions<B extends ArrayBufferLike> {
  readonly #free: B[] = [];
  readonly #taken = new Map<number, B>();

  constructor(readonly make: (bytes: number) => B) {}

  take(ticket: number, bytes: number): B {
    const at = this.#free.findIndex(({ byteLength }) => byteLength === bytes);
    const region = at >= 0 ? this.#free.splice(at, 1)[0]! : this.make(bytes);
    this.#taken.set(ticket, region);
    return region;
  }

  of(ticket: number): B {
    const region = this.#taken.get(ticket);
    if (region) return region;
    throw new DeviceError({
      what: 'The result of an exchange was read after its run had ended',
      next: 'use the results of an exchange in the same computation',
    });
  }

  releaseAll(): void {
    this.#free.push(...this.#taken.values());
    this.#taken.clear();
  }
}

/** Passes exchanges to the communication thread, which a world of several ranks has. */
export class Lane implements Communicator {
  readonly #words: Int32Array;
  readonly #done: number;
  readonly #regions = new Regions((bytes) => new SharedArrayBuffer(bytes));
  #started: number;
  /** The first exchange of the run. */
  #begun = 0;

  constructor(
    readonly shared: Shared,
    readonly port: Port,
  ) {
    this.#words = new Int32Array(shared.words);
    this.#done = WORD.done + shared.lane;
    // A device before this one may have used the lane.
    this.#started = Atomics.load(this.#words, this.#done);
  }

  get rank(): number {
    return this.shared.rank;
  }
  get size(): number {
    return this.shared.size;
  }

  begin(signature: Uint8Array, device: Uint8Array): void {
    this.#regions.releaseAll();
    this.#begun = this.#agree(signature, device, 'the order of exchanges');
  }

  alike(): boolean {
    return new Uint8Array(this.finish(this.#begun))[0] === 1;
  }

  agree(signature: Uint8Array, label: string): void {
    this.#agree(signature, signature, label);
  }

  #agree(signature: Uint8Array, other: Uint8Array, label: string): number {
    const { length } = signature;
    return this.start({ kind: 'agree', dtype: 'uint8', count: 2 * length, label }, (region) => {
      new Uint8Array(region).set(signature);
      new Uint8Array(region).set(other, length);
    });
  }

  start(exchange: Exchange, fill: (region: SharedArrayBuffer) => void): number {
    const region = this.#regions.take(this.#started + 1, regionBytes(exchange, this.size));
    fill(region);
    return this.startAt(exchange, region, 0);
  }

  startAt(exchange: Exchange, region: SharedArrayBuffer, offset: number): number {
    this.port.postMessage({ exchange, region, offset });
    Atomics.add(this.#words, WORD.posted, 1);
    Atomics.notify(this.#words, WORD.posted);
    return ++this.#started;
  }

  finish(ticket: number): SharedArrayBuffer {
    this.wait(ticket);
    return this.#regions.of(ticket);
  }

  wait(ticket: number): void {
    const began = performance.now();
    for (let done: number; (done = Atomics.load(this.#words, this.#done)) < ticket; ) {
      if (Atomics.load(this.#words, WORD.failed) !== 0)
        throw new DeviceError({ what: failureText(this.shared.failure) });
      Atomics.wait(this.#words, this.#done, done, LOOK_MS);
    }
    Atomics.add(this.#words, WORD.waited, Math.round((performance.now() - began) * 1000));
  }
}

/** A world of one process, where the sum over all ranks is the value itself. */
export class Alone implements Communicator {
  readonly rank = 0;
  readonly size = 1;
  readonly #regions = new Regions((bytes) => new ArrayBuffer(bytes));
  #started = 0;

  begin(): void {
    this.#regions.releaseAll();
  }

  alike(): boolean {
    return true;
  }

  agree(): void {}

  start(exchange: Exchange, fill: (region: ArrayBuffer) => void): number {
    const region = this.#regions.take(++this.#started, regionBytes(exchange, 1));
    fill(region);
    scale(exchange, region, 0);
    return this.#started;
  }

  startAt(exchange: Exchange, memory: SharedArrayBuffer, offset: number): number {
    scale(exchange, memory, offset);
    return ++this.#started;
  }

  wait(): void {}

  finish(ticket: number): ArrayBuffer {
    return this.#regions.of(ticket);
  }
}

/** Multiplies the values of an exchange by its factor. */
function scale({ dtype, count, scale: factor = 1 }: Exchange, memory: ArrayBufferLike, offset: number): void {
  if (factor === 1) return;
  const values = makeArray(dtype, memory, offset, count);
  for (let i = 0; i < count; i++) values[i] = values[i]! * factor;
}
