import { checkOptionNames, shown } from '../../errors/arguments.js';
import { DataError, ShapeError, UsageError } from '../../errors/errors.js';
import { type Node, scalarLeaf } from '../../graph/node.js';
import { sameShape, showShape, sizeOf, type TypedArray } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';

/** How the losses of a batch are reduced to a scalar; `none` returns one loss per element or sample. */
export type Reduction = 'mean' | 'sum' | 'none';

/** Options of a loss that has no others. */
export interface LossOptions {
  readonly reduction?: Reduction;
}

export const REDUCTIONS: readonly Reduction[] = ['mean', 'sum', 'none'];

/** Checks the names of a loss's options, and its reduction. @throws UsageError */
export function checkLoss(
  loss: string,
  options: { readonly reduction?: unknown },
  others: readonly string[] = [],
  reductions: readonly string[] = REDUCTIONS,
): void {
  checkOptionNames(loss, options, ['reduction', ...others]);
  const { reduction = 'mean' } = options;
  if (typeof reduction === 'string' && reductions.includes(reduction)) return;
  const words = reductions.map((word) => `'${word}'`);
  throw new UsageError({
    what: `${loss} got a bad reduction`,
    expected: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    got: typeof reduction === 'string' ? reduction : shown(reduction),
  });
}

/** @throws ShapeError for the mean of zero losses */
export function reduce(loss: string, losses: Node, reduction: Reduction = 'mean'): Tensor {
  if (reduction === 'none') return new Tensor(losses);
  if (reduction === 'sum') return new Tensor(ops.sum(losses));
  if (sizeOf(losses.shape) === 0)
    throw new ShapeError({
      what: `${loss} cannot take the mean of no losses`,
      expected: 'at least one element',
      got: showShape(losses.shape),
    });
  return new Tensor(ops.mean(losses));
}

/** The node of a loss's input. @throws UsageError if it is not a tensor */
export function tensorOf(loss: string, name: string, x: unknown): Node {
  if (x instanceof Tensor) return x.node;
  throw new UsageError({
    what: `${loss} computes on tensors: its ${name}`,
    expected: 'a Tensor',
    got: shown(x),
    next: 'convert numbers with tensor(…), and await promises',
  });
}

/** @throws ShapeError unless an input has the target's shape: PyTorch would broadcast, which is rarely intended */
export function checkSame(loss: string, input: Node, target: Node, names = 'input and target'): void {
  if (sameShape(input.shape, target.shape)) return;
  throw new ShapeError({
    what: `${loss} got ${names} of different shapes`,
    expected: showShape(input.shape),
    got: showShape(target.shape),
    next: 'reshape one of them: [N] against [N, 1] would broadcast to N × N differences',
  });
}

/** A node's values, if they are known without computing anything. */
export function knownValues({ value, source, op, inputs }: Node): TypedArray | undefined {
  const known = value ?? (source?.kind === 'host' ? source.data : undefined);
  const [from] = inputs;
  if (known || !from) return known;
  const same = op === 'reshape' || (op === 'cast' && from.dtype === 'uint8');
  return same ? knownValues(from) : undefined;
}

/**
 * Checks that values are in a range. Known values are checked at once. Values that the device computes become NaN
 * outside of the range, and so does the loss.
 *
 * @throws DataError for a known value that is NaN or outside of the range
 */
export function inRange(
  loss: string,
  name: string,
  x: Node,
  { least, most, expected }: { readonly least: number; readonly most: number; readonly expected: string },
): Node {
  const known = knownValues(x);
  if (!known)
    return ops.where(
      ops.equal(x, ops.clamp(x, { min: least, max: most })),
      x,
      scalarLeaf(Number.NaN, x.dtype),
    );
  for (let i = 0; i < known.length; i++)
    if (!(known[i]! >= least && known[i]! <= most))
      throw new DataError({
        what: `${loss} got a bad ${name} at position ${i}`,
        expected,
        got: String(known[i]),
      });
  return x;
}

/** A weight that broadcasts to the losses' shape. @throws ShapeError, UsageError */
export function weighted(loss: string, losses: Node, weight: Tensor | undefined, name = 'weight'): Node {
  if (weight === undefined) return losses;
  const factor = tensorOf(loss, name, weight);
  const product = ops.mul(losses, factor);
  if (sameShape(product.shape, losses.shape)) return product;
  throw new ShapeError({
    what: `${loss} got a ${name} of a shape that does not fit`,
    expected: `a shape that broadcasts to ${showShape(losses.shape)}`,
    got: showShape(factor.shape),
  });
}
