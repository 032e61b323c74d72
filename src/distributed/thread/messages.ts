import type { MessagePort } from 'node:worker_threads';
import type { PlainError } from '../../errors/errors.js';
import type { Launcher } from '../mpi/launcher.js';

/** Start data of the communication thread. */
export interface ThreadData {
  readonly launcher: Launcher;
  readonly files: readonly string[];
  readonly words: SharedArrayBuffer;
  readonly failure: SharedArrayBuffer;
  /** Requests of the main thread for exchanges. */
  readonly lane: MessagePort;
  /** Orders of the main thread. */
  readonly orders: MessagePort;
  readonly self: RankProcess;
  /**
   * Limits in milliseconds: the silence after which a rank counts as lost, the wait after which an exchange counts as
   * failed, and the wait for all ranks to join.
   */
  readonly limits: { readonly silence: number; readonly waiting: number; readonly joining: number };
}

/** The process of a rank, as ranks describe theirs to each other. */
export interface RankProcess {
  readonly host: string;
  readonly pid: number;
  /** Cores that the process may use, as the system lists them, such as `0-3`. */
  readonly cores: string;
}

/** An order of the main thread. */
export type Order =
  /** A lane posts its requests through this port from now on; without a port the lane is not used. */
  | { readonly kind: 'lane'; readonly lane: number; readonly port: MessagePort | undefined }
  /** Waits until all ranks end: without limit for code 0, otherwise for a short time. */
  | { readonly kind: 'ending'; readonly code: number; readonly digest: number }
  | { readonly kind: 'finish'; readonly how: 'finalize' | 'abort'; readonly code: number };

/** Messages from the communication thread. */
export type ThreadMessage =
  | {
      readonly kind: 'ready';
      readonly rank: number;
      readonly size: number;
      readonly library: string;
      readonly abi: string;
      readonly file: string;
      readonly processes: readonly RankProcess[];
    }
  | { readonly kind: 'refused'; readonly error: PlainError }
  | { readonly kind: 'failed'; readonly text: string }
  /** Code and digest of every rank; undefined if not all of them are ending. */
  | { readonly kind: 'ended'; readonly all: readonly Ending[] | undefined }
  | { readonly kind: 'finished' };

export interface Ending {
  readonly code: number;
  readonly digest: number;
}
