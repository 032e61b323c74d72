import { bytesOf } from '../../graph/types.js';

/*
 * How the threads of a rank ask its communication thread for exchanges with other ranks. Everything lies in shared
 * memory, so that a thread that computes can wait without its event loop and is never inside a native call.
 */

/** Indices of the control words that all threads of a rank share. */
export const WORD = {
  /** Number of requests posted so far; the communication thread waits on it. */
  posted: 0,
  /** 1 after a failure, whose text is then in the failure bytes. */
  failed: 1,
  /** Counted up by the main thread's event loop. */
  alive: 2,
  /** 1 + exit code: the process is ending without an agreement. */
  abort: 3,
  /** Microseconds that lanes have waited for exchanges; wraps around. */
  waited: 4,
  /** Never changes: what a thread sleeps on. */
  still: 5,
  /** Numbers of exchanges that are complete, one word for each lane. */
  done: 6,
  /** Microseconds in which an exchange of a lane was in progress; wraps around. */
  exchanged: 8,
} as const;
/** Lanes of exchanges that wait without an event loop: the thread of a device, and a device in the main thread. */
export const LANES = 2;
export const WORDS = 16;
/** Bytes for the text of a failure: its length in the first four, then UTF-8. */
export const FAILURE_BYTES = 4096;

/** What a lane needs to know, and the shared memory of a rank's threads. */
export interface Shared {
  readonly rank: number;
  readonly size: number;
  /** Index of the lane. */
  readonly lane: number;
  readonly words: SharedArrayBuffer;
  readonly failure: SharedArrayBuffer;
}

/** Number type of float32 sums while they travel. */
export type Wire = 'float32' | 'bfloat16';

/**
 * One exchange with all other ranks. The region holds this rank's values and receives the result:
 * - `sum`: `count` values; receives their sums over all ranks, added in the order of ranks unless `paired`.
 * - `scatter`: `count` values in as many parts as there are ranks; receives the sums of this rank's part.
 * - `gather`: `count` values; receives those of all ranks, in their order.
 * - `broadcast`: `count` values of the rank `root`.
 * - `agree`: two halves of `count` bytes in all. The first must be the same on all ranks; the first byte of the result is
 *   1 if the second is, too.
 */
export interface Exchange {
  readonly kind: 'sum' | 'scatter' | 'gather' | 'broadcast' | 'agree';
  readonly dtype: 'float32' | 'float64' | 'int32' | 'uint8';
  readonly count: number;
  readonly root?: number;
  readonly wire?: Wire;
  /** Factor of sums; 1 if left out. */
  readonly scale?: number;
  /** Sums add neighbouring ranks first, then pairs of these, and round each sum to the type. */
  readonly paired?: boolean;
  /** What is exchanged, for messages, such as the module path of a layer. */
  readonly label: string;
}

/** Bytes that the region of an exchange needs. */
export function regionBytes({ kind, dtype, count }: Exchange, ranks: number): number {
  return (kind === 'gather' ? count * ranks : count) * bytesOf(dtype);
}

/** A request to the communication thread. */
export interface Posted {
  readonly exchange: Exchange;
  readonly region: SharedArrayBuffer;
  /** Byte of the region at which the values of a sum begin; 0 if left out. */
  readonly offset?: number;
}

/** Part of a MessagePort that posting needs; the same in Node and in browsers. */
export interface Port {
  postMessage(value: Posted): void;
}

/** Ends all waits of lanes with a failure. */
export function writeFailure(
  { words: memory, failure }: Pick<Shared, 'words' | 'failure'>,
  text: string,
): void {
  const words = new Int32Array(memory);
  const bytes = new TextEncoder().encode(text).subarray(0, FAILURE_BYTES - 4);
  new Int32Array(failure, 0, 1)[0] = bytes.length;
  new Uint8Array(failure, 4).set(bytes);
  Atomics.store(words, WORD.failed, 1);
  for (let lane = 0; lane < LANES; lane++) Atomics.notify(words, WORD.done + lane);
}

/** The text of a failure. */
export function failureText(failure: SharedArrayBuffer): string {
  const length = new Int32Array(failure, 0, 1)[0]!;
  return new TextDecoder().decode(new Uint8Array(failure, 4, length).slice());
}
