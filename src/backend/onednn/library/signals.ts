import { isMainThread } from 'node:worker_threads';
import { openLibc } from '../../../files/system/libc.js';

/*
 * Version 2.6.3's code for matrix products on x64 uses the stack pointer for other purposes: a signal handler that runs on
 * its thread writes into the heap, and the process dies later. So signals are kept from threads that call the library;
 * the system gives them to others.
 */

/** Linux's signals that other programs, timers and terminals send; not those that a faulty instruction causes. */
const SIGNALS = [1, 2, 3, 10, 12, 14, 15, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30];
const [BLOCK, SET] = [0, 2];
/** Bytes of a set of signals in the C library. */
const SET_BYTES = 128;

type Mask = (how: number, set: Uint8Array, before: Uint8Array) => number;

const open = (): Mask | undefined =>
  process.platform === 'linux' && process.arch === 'x64'
    ? (openLibc().func('int pthread_sigmask(int, void *, void *)') as unknown as Mask)
    : undefined;

const set = new Uint8Array(SET_BYTES);
for (const signal of SIGNALS) set[(signal - 1) >> 3]! |= 1 << ((signal - 1) & 7);

/**
 * Keeps signals from the calling thread and from the threads that it starts later, if it is not the main thread. Returns
 * a function that keeps them away while another one runs, for the main thread.
 */
export function keepSignalsAway(): <T>(body: () => T) => T {
  const mask = open();
  if (!mask) return (body) => body();
  if (!isMainThread) {
    mask(BLOCK, set, new Uint8Array(SET_BYTES));
    return (body) => body();
  }
  return (body) => {
    const before = new Uint8Array(SET_BYTES);
    mask(BLOCK, set, before);
    try {
      return body();
    } finally {
      mask(SET, before, new Uint8Array(SET_BYTES));
    }
  };
}
