import { constants } from 'node:os';

/** Ctrl-C, a request to end (`kill`, a job system's time limit), and a terminal that goes away. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Two signals within this time are one Ctrl-C: npm passes on the signal that the terminal has sent already. */
const SAME_MS = 300;

let received: (typeof SIGNALS)[number] = 'SIGINT';

/** The exit code that tells of the signal that came: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP. */
export const interruptCode = (): number => 128 + constants.signals[received];

/** What is told when whoever reads the output has gone. */
const withReader = new Set<(signal: NodeJS.Signals) => void>();
let hungUp = false;

/** Acts as SIGHUP does on what ends together with the reader of its output. */
export function hangUp(): void {
  if (hungUp) return;
  hungUp = true;
  for (const listener of withReader) listener('SIGHUP');
}

/**
 * Calls `handler` for each Ctrl-C (SIGINT), SIGTERM and SIGHUP, with how many there were so far.
 *
 * @param options.reader whether a reader of the output that goes away counts as SIGHUP
 * @returns stops listening
 */
export function onInterrupt(
  handler: (times: number) => void,
  { reader = true }: { readonly reader?: boolean } = {},
): () => void {
  let times = 0;
  let last = Number.NEGATIVE_INFINITY;
  let ending = false;
  const listener = (signal: NodeJS.Signals) => {
    // A terminal that is closed takes its reader along: that is one ending, however far apart the two arrive.
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

/** What a command throws when it has stopped because of a signal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly code = interruptCode();

  constructor(message = 'Interrupted.') {
    super(message);
  }
}
