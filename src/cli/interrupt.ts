/** Two signals within this time are one Ctrl-C: npm passes on the signal that the terminal has sent already. */
const SAME_MS = 300;

/**
 * Calls `handler` for each Ctrl-C (SIGINT), with how many there were so far.
 *
 * @returns stops listening
 */
export function onInterrupt(handler: (times: number) => void): () => void {
  let times = 0;
  let last = Number.NEGATIVE_INFINITY;
  const listener = () => {
    const now = performance.now();
    const same = now - last < SAME_MS;
    last = now;
    if (!same) handler(++times);
  };
  process.on('SIGINT', listener);
  return () => process.off('SIGINT', listener);
}

/** What a command throws when it has stopped because of Ctrl-C: exit code 130. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(message = 'Interrupted.') {
    super(message);
  }
}
