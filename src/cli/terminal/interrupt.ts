import { constants } from 'node:os';
import { note } from './output.js';

/** Ctrl-C, a request to end (`kill`, a job system's time limit), a closed terminal, and Windows' Ctrl-Break. */
const SIGNALS = [
  ...(['SIGINT', 'SIGTERM', 'SIGHUP'] as const),
  ...(process.platform === 'win32' ? (['SIGBREAK'] as const) : []),
];
/** Signals within this time count as one Ctrl-C: npm forwards a signal that the terminal has already sent. */
const SAME_MS = 300;

let received: (typeof SIGNALS)[number] = 'SIGINT';

/** Exit code for the received signal: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, 149 for Ctrl-Break. */
export const interruptCode = (): number => 128 + constants.signals[received];

/** Called when the reader of the output has gone. */
const withReader = new Set<(signal: NodeJS.Signals) => void>();
let hungUp = false;

/** Acts like SIGHUP on commands that end when the reader of their output has gone. */
export function hangUp(): void {
  if (hungUp) return;
  hungUp = true;
  for (const listener of withReader) listener('SIGHUP');
}

/**
 * Calls `handler` for each Ctrl-C (SIGINT), SIGTERM, SIGHUP and Ctrl-Break, with the number received so far.
 *
 * @param options.reader whether the loss of the output's reader counts as SIGHUP
 * @returns a function that stops listening
 */
export function onInterrupt(
  handler: (times: number) => void,
  { reader = true }: { readonly reader?: boolean } = {},
): () => void {
  let times = 0;
  let last = Number.NEGATIVE_INFINITY;
  let ending = false;
  const listener = (signal: NodeJS.Signals) => {
    // A closed terminal also closes the reader: both count as one, even if they arrive far apart.
    if (signal === 'SIGHUP' && hungUp && ending) return;
    ending = true;
    const now = performance.now();
    const same = now - last < SAME_MS;
    last = now;
    if (same) return;
    received = signal as typeof received;
    handler(++times);
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  if (reader) withReader.add(listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
    withReader.delete(listener);
  };
}

/**
 * For commands that train: the first interrupt aborts the signal, so that training stops with a checkpoint; the second
 * ends the process at once.
 */
export function stopWithCheckpoint(): { readonly signal: AbortSignal; readonly stopListening: () => void } {
  const abort = new AbortController();
  const stopListening = onInterrupt((times) => {
    if (times > 1) process.exit(interruptCode());
    note('\nStopping after this step, with a checkpoint. Ctrl-C again ends at once.');
    abort.abort();
  });
  return { signal: abort.signal, stopListening };
}

/** Thrown by a command that has stopped because of a signal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(
    message = 'Interrupted.',
    readonly code = interruptCode(),
  ) {
    super(message);
  }
}
