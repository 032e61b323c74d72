import { instantiate, type LoadKernel, type Memory, type Run } from '../../../webassembly/runtime.js';
import { controlOf, type Place, poll, readCalls, WORD, work } from '../jobs.js';

/** Data passed to a thread at its start. */
export interface ThreadData {
  readonly control: SharedArrayBuffer;
  /** Modules of kernels, at places that each job names. */
  readonly module: SharedArrayBuffer;
  readonly memory: Memory;
  /** Its number; the pool's own thread has number 0. */
  readonly thread: number;
}

/** A thread that computes pieces. */
export interface Thread {
  stop(): void;
}

/** Starts a thread. If a thread cannot start, or ends, that is not an error: the other threads compute all pieces. */
export type StartThread = (data: ThreadData) => Thread;

/**
 * Computes pieces until the pool is closed, and sleeps between jobs. Does not return before that.
 * @param load makes kernels, as that of the pool does
 */
export function serve(
  { control: buffer, module, memory, thread }: ThreadData,
  load: LoadKernel = instantiate,
): void {
  const control = controlOf(buffer);
  const known = new Map<number, Run>();
  // A job's modules are not replaced while one of its pieces is being computed.
  const kernelOf = (id: number, { at, bytes }: Place): Run => {
    let run = known.get(id);
    if (!run) {
      run = load(new Uint8Array(module, at, bytes).slice(), memory);
      known.set(id, run);
    }
    return run;
  };
  for (let seen = 0; Atomics.load(control.words, WORD.stop) === 0; ) {
    poll(control.words, WORD.wake, seen);
    Atomics.wait(control.words, WORD.wake, seen);
    seen = Atomics.load(control.words, WORD.wake);
    work(control, () => readCalls(control.words, kernelOf), thread);
  }
}
