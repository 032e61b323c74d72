import { checkOptionNames, shown } from '../errors/arguments.js';
import { ShapeError, UsageError } from '../errors/errors.js';
import type { Node } from '../graph/node.js';
import { sameShape, showShape } from '../graph/types.js';
import { custom } from '../ops/custom.js';
import { operand, Tensor } from './tensor.js';

/** A user-defined operation: see {@link define}. */
export interface OwnOperation {
  /** Name for messages. */
  name: string;
  /** Computes the result from the inputs by other operations. */
  forward(...inputs: Tensor[]): Tensor;
  /**
   * Gradients with respect to the inputs by other operations, null for an input that gets none.
   *
   * @param grad gradient with respect to the result, of the result's shape
   */
  backward(grad: Tensor, inputs: readonly Tensor[], output: Tensor): readonly (Tensor | null)[];
}

/**
 * Makes an operation with a custom gradient, like PyTorch's `autograd.Function`: `forward` is not differentiated,
 * `backward` computes the gradients of the inputs. Both are made of other operations, so the operation runs on
 * every device.
 *
 * @throws UsageError for wrong arguments; ShapeError where a gradient does not fit its input
 * @example
 * // Rounds, and passes the gradient as if it did not: the straight-through estimator.
 * const round = define({
 *   name: 'round',
 *   forward: (x) => x.add(0.5).floor(),
 *   backward: (grad) => [grad],
 * });
 * round(weights).sum().backward();
 */
export function define(operation: OwnOperation): (...inputs: Tensor[]) => Tensor {
  checkOptionNames('define', operation, ['name', 'forward', 'backward']);
  const { name, forward, backward } = operation;
  if (typeof name !== 'string' || name === '')
    throw new UsageError({ what: 'define got a bad name', expected: 'a text', got: shown(name) });
  for (const [key, value] of Object.entries({ forward, backward }))
    if (typeof value !== 'function')
      throw new UsageError({
        what: `define got a bad ${key} for ${name}`,
        expected: 'a function of tensors',
        got: shown(value),
      });
  return (...inputs) => {
    const nodes = inputs.map((input) => operand(name, input, false));
    const result: unknown = forward(...inputs);
    if (!(result instanceof Tensor))
      throw new UsageError({
        what: `forward of ${name} gives no tensor`,
        expected: 'a Tensor',
        got: shown(result),
        ...(result instanceof Promise ? { next: 'write it without async: nothing is computed there' } : {}),
      });
    return new Tensor(
      custom(name, result.node, nodes, (node, grad) => {
        const given: unknown = backward(new Tensor(grad), inputs, new Tensor(node));
        return checkedGradients(name, given, nodes);
      }),
    );
  };
}

function checkedGradients(name: string, given: unknown, inputs: readonly Node[]): (Node | null)[] {
  if (!Array.isArray(given) || given.length !== inputs.length)
    throw new UsageError({
      what: `backward of ${name} gives the wrong number of gradients`,
      expected: `an array of ${inputs.length}, one for each input, with null for one that gets none`,
      got: shown(given),
    });
  return given.map((grad: unknown, i) => {
    if (grad === null) return null;
    const { shape, dtype } = inputs[i]!;
    if (!(grad instanceof Tensor) || !sameShape(grad.shape, shape) || grad.dtype !== dtype)
      throw new ShapeError({
        what: `backward of ${name} gives a gradient that does not fit input ${i}`,
        expected: `${dtype} ${showShape(shape)}`,
        got: grad instanceof Tensor ? `${grad.dtype} ${showShape(grad.shape)}` : shown(grad),
        next: 'sum a broadcast gradient back to the shape of its input',
      });
    return grad.node;
  });
}
