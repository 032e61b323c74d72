import { CELLS } from '../../../../ops/sequence/recurrent.js';
import { ordered } from '../../../simd/kernel-module.js';
import type { KernelPool } from '../../../simd/pool.js';
import {
  BACKWARD_ARGS,
  encodeBackwardPosition,
  encodeForwardPosition,
  FORWARD_ARGS,
  type ForwardShape,
} from '../../../simd/recurrent/position.js';
import { along, type Sequence } from '../../../simd/recurrent/recurrent.js';
import { nativeModule } from '../../native/load.js';

export const forwardKernel = (pool: KernelPool, { cell }: Sequence, shape: ForwardShape): number =>
  pool.compile({ native: cell, forward: true, ...shape }, (pages) =>
    nativeModule('forward', encodeForwardPosition(cell, shape, pages)),
  );

/** @param copies whether the kernel copies the gradients that the products read */
export const backwardKernel = (pool: KernelPool, { cell }: Sequence, copies: boolean): number =>
  pool.compile({ native: cell, forward: false, copies }, (pages) =>
    nativeModule('backward', encodeBackwardPosition(cell, copies, pages)),
  );

/** A copy of the states, with its address and distances in bytes. */
export interface PlacedCopy {
  readonly at: number;
  readonly step: number;
  readonly row: number;
}

/**
 * The kernel's arguments without position and mode.
 *
 * @param operands addresses of the node's inputs and of its result; the first may be the layer's input, or a table
 * @param features numbers of the layer's input for each example, if the first operand is that, otherwise 0
 * @param indices address of the rows of the table, if the first operand is one
 */
export function forwardArgs(
  layer: Sequence,
  operands: readonly number[],
  {
    product,
    inner,
    state,
    features,
    indices,
    copies,
  }: {
    product: number;
    inner: number;
    state: number;
    features: number;
    indices: number | undefined;
    copies: readonly PlacedCopy[];
  },
): number[] {
  const { cell, count, size, length } = layer;
  const { gates, record } = CELLS[cell];
  const x = along(layer, indices === undefined ? features || gates * size : 1);
  const kept = along(layer, record * size);
  const values = ordered(FORWARD_ARGS, {
    x: indices === undefined ? operands[0]! + x.first : operands[0]!,
    indices: indices === undefined ? 0 : indices + x.first,
    h: operands[2]!,
    c: cell === 'lstm' ? operands[3]! : 0,
    bias: cell === 'gru' ? operands[3]! : 0,
    record: operands.at(-1)! + kept.first,
    product,
    inner,
    state,
    count,
    size,
    features,
    xStep: x.step,
    recordStep: kept.step,
    length,
  });
  return [...values, ...copies.flatMap(({ at, step, row }) => [at, step, row])];
}

/**
 * The kernel's arguments without position and mode.
 *
 * @param operands addresses of the node's inputs and of its result
 */
export function backwardArgs(
  layer: Sequence,
  operands: readonly number[],
  { product, dh, dc }: { readonly product: number; readonly dh: number; readonly dc: number },
): number[] {
  const { cell, count, size, length } = layer;
  const { record, grads } = CELLS[cell];
  const [dy, kept, made] = [along(layer, size), along(layer, record * size), along(layer, grads * size)];
  return ordered(BACKWARD_ARGS, {
    dy: operands[0]! + dy.first,
    record: operands[1]! + kept.first,
    h: operands[3]!,
    c: cell === 'lstm' ? operands[4]! : 0,
    end: cell === 'lstm' ? operands[5]! : 0,
    grads: operands.at(-1)! + made.first,
    dh,
    dc,
    product,
    count,
    size,
    dyStep: dy.step,
    recordStep: kept.step,
    gradsStep: made.step,
    length,
  });
}
