import { constants } from 'node:os';

/** Ctrl-C, a request to end (`kill`, a job system's time limit), and a terminal that goes away. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Two signals within this time are one Ctrl-C: npm passes on the signal that the terminal has sent already. */
const SAME_MS = 300;

let received: (typeof SIGNALS)[number] = 'SIGINT';

/** The exit code that tells of the signal that came: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP. */
export const interruptCode = (): number => 128 + constants.signals[received];

/**
 * Calls `handler` for each Ctrl-C (SIGINT), SIGTERM and SIGHUP, with how many there were so far.
 *
 * @returns stops listening
 */
export function onInterrupt(handler: (times: number) => void): () => void {
  let times = 0;
  let last = Number.NEGATIVE_INFINITY;
  const listener = (signal: NodeJS.Signals) => {
    const now = performance.now();
    const same = now - last < SAME_MS;
    last = now;
    if (same) return;
    received = signal as typeof received;
    handler(++times);
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
}

/** What a command throws when it has stopped because of a signal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly code = interruptCode();

  constructor(message = 'Interrupted.') {
    super(message);
  }
}
