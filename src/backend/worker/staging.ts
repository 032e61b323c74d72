import { dtypeOf, makeArray, type TypedArray, withMemory } from '../../graph/types.js';

/** From this size in bytes on, a copy in shared memory that several plans use is cheaper than one in a message. */
export const LARGE = 2 ** 16;
/** Number of free buffers kept per size: one is filled while another is read. */
const KEEP = 2;

/**
 * Reusable shared buffers for values sent to another thread. A message would copy the values twice and leave both copies
 * to the garbage collector; here they are copied once, into the same buffer in each step.
 */
export class Staging {
  readonly #free = new Map<number, SharedArrayBuffer[]>();

  /** Copies arrays for a message. Call `release` when the other thread has read them. */
  stage(arrays: readonly TypedArray[]): { readonly staged: TypedArray[]; release(): void } {
    const taken: SharedArrayBuffer[] = [];
    const staged = arrays.map((array) => {
      // A message holds all of the memory in which an array lies.
      if (array.byteLength < LARGE)
        return array.byteLength === array.buffer.byteLength ? array : array.slice();
      const bytes = array.byteLength;
      const room =
        this.#free.get(bytes)?.pop() ??
        withMemory(
          () => `A copy of ${bytes} bytes for the device's thread`,
          () => new SharedArrayBuffer(bytes),
        );
      taken.push(room);
      const copy = makeArray(dtypeOf(array), room, 0, array.length);
      copy.set(array as never);
      return copy;
    });
    return { staged, release: () => this.#release(taken) };
  }

  #release(rooms: readonly SharedArrayBuffer[]): void {
    for (const room of rooms) {
      const free = this.#free.get(room.byteLength) ?? [];
      if (free.length < KEEP) free.push(room);
      this.#free.set(room.byteLength, free);
    }
  }
}
