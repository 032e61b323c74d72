import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import type { Node } from './node.js';

let recording = true;
/** Results of operations that were added without recording: no gradient flows through them. */
const constants = new WeakSet<Node>();

/** Whether a value is a constant for gradients, since it was computed in `noGrad`. */
export const isConstant = (node: Node): boolean => constants.has(node);

/** Makes a value a constant for gradients. */
export function fix(node: Node): Node {
  constants.add(node);
  return node;
}

/** Marks an operation's result if gradients are not recorded. */
export function mark(node: Node): Node {
  return recording ? node : fix(node);
}

/** Whether operations are recorded for gradients: false in `noGrad`. */
export const isGradEnabled = (): boolean => recording;

/**
 * Runs a function whose results are constants for gradients, as in `torch.no_grad()`. What they are computed from keeps its
 * own gradients.
 *
 * @throws UsageError for an asynchronous function, of which only a part would be covered
 * @example
 * const target = noGrad(() => teacher.forward(images));
 */
export function noGrad<T>(body: () => T): T {
  if (typeof body !== 'function')
    throw new UsageError({
      what: 'noGrad takes a function',
      expected: 'noGrad(() => model.forward(x))',
      got: shown(body),
    });
  const before = recording;
  recording = false;
  let result: T;
  try {
    result = body();
  } finally {
    recording = before;
  }
  if (result instanceof Promise)
    throw new UsageError({
      what: 'noGrad got an asynchronous function',
      expected: 'a function that describes a computation and returns at once',
      got: 'a promise',
      next: 'describe the tensors in noGrad, and await their data() outside of it',
    });
  return result;
}
