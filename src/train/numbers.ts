import { join } from 'node:path';
import { PaperweightError } from '../errors.js';

/** Loss of a net that gives every class the same probability, to within this much, has not begun to learn. */
const FLAT = 0.005;

/** The loss of a run is no longer a finite number. */
export class DivergedError extends PaperweightError {
  static {
    DivergedError.prototype.name = 'DivergedError';
  }
}

/** @param run folder of the run */
export const diverged = (run: string, step: number, loss: number): DivergedError =>
  new DivergedError({
    what: `Training diverged at step ${step}`,
    expected: 'a finite loss',
    got: String(loss),
    next: `start again with a lower --lr, or look at ${join(run, 'metrics.jsonl')}; checkpoints from before are kept`,
  });

/** A net that has not begun to learn looks like one that is broken: says which it may be, where the loss is so. */
export function flatNote(
  loss: number,
  subject: string,
  { classes, recipe }: { classes: number; recipe: string },
): string | undefined {
  const chance = Math.log(classes);
  if (Math.abs(loss - chance) >= FLAT) return undefined;
  return (
    `${subject} that of guessing (ln ${classes} = ${chance.toFixed(3)}). ` +
    (recipe === 'notes'
      ? "The notes' recipe stays there for about 170 steps and then leaves; nothing is broken."
      : 'If it stays there, try another learning rate or initialisation.')
  );
}
