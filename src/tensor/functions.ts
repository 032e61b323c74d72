import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import type { Node } from '../graph/node.js';
import { type DType, isFloat } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { full, operand, Tensor } from './tensor.js';

/** @throws UsageError unless the value is an array of tensors */
function nodesOf(name: string, tensors: readonly Tensor[]): Node[] {
  if (!Array.isArray(tensors))
    throw new UsageError({
      what: `${name}() takes an array of tensors`,
      expected: `${name}([a, b])`,
      got: shown(tensors),
    });
  return tensors.map((each) => operand(name, each, false));
}

/** Joins tensors along an axis; all other sizes are equal. */
export const cat = (tensors: readonly Tensor[], axis = 0): Tensor =>
  new Tensor(ops.concat(nodesOf('cat', tensors), axis));

/** Joins tensors of one shape along a new axis. */
export const stack = (tensors: readonly Tensor[], axis = 0): Tensor =>
  new Tensor(ops.stack(nodesOf('stack', tensors), axis));

/**
 * Sums of products by Einstein's convention.
 *
 * @example
 * einsum('nhid,nhjd->nhij', queries, keys);
 */
export function einsum(equation: string, ...tensors: readonly Tensor[]): Tensor {
  if (typeof equation !== 'string')
    throw new UsageError({
      what: 'einsum() begins with an equation',
      expected: "einsum('ij,jk->ik', a, b)",
      got: shown(equation),
    });
  return new Tensor(ops.einsum(equation, nodesOf('einsum', tensors)));
}

/**
 * a where the condition is not 0, else b; all three broadcast. A number gets the type of the other value.
 *
 * @throws UsageError for a number that this type cannot represent
 */
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  const typed = [a, b].find((value) => value instanceof Tensor) as Tensor | undefined;
  const dtype: DType = typed?.dtype ?? (isFloat(condition.dtype) ? condition.dtype : 'float32');
  const nodeOf = (value: Tensor | number): Node =>
    typeof value === 'number' ? full([], value, dtype).node : operand('where', value);
  return new Tensor(ops.where(operand('where', condition, false), nodeOf(a), nodeOf(b)));
}

/** The larger elements; NaN where either is NaN. */
export const maximum = (a: Tensor, b: Tensor): Tensor =>
  new Tensor(ops.maximum(operand('maximum', a, false), operand('maximum', b, false)));

/** The smaller elements; NaN where either is NaN. */
export const minimum = (a: Tensor, b: Tensor): Tensor =>
  new Tensor(ops.minimum(operand('minimum', a, false), operand('minimum', b, false)));
