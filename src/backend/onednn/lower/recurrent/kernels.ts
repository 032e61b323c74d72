import { CELLS } from '../../../../ops/sequence/recurrent.js';
import { ordered } from '../../../simd/kernel-module.js';
import type { KernelPool } from '../../../simd/pool.js';
import {
  BACKWARD_ARGS,
  encodeBackwardPosition,
  encodeForwardPosition,
  FORWARD_ARGS,
  type Prepared,
} from '../../../simd/recurrent/position.js';
import { along, type Sequence } from '../../../simd/recurrent/recurrent.js';
import { nativeModule } from '../../native/load.js';

/** @param from what the kernel adds the products of the next position to */
export const forwardKernel = (pool: KernelPool, { cell }: Sequence, from: Prepared): number =>
  pool.compile({ native: cell, forward: true, from }, (pages) =>
    nativeModule('forward', encodeForwardPosition(cell, from, pages)),
  );

/** @param copies whether the kernel copies the gradients that the products read */
export const backwardKernel = (pool: KernelPool, { cell }: Sequence, copies: boolean): number =>
  pool.compile({ native: cell, forward: false, copies }, (pages) =>
    nativeModule('backward', encodeBackwardPosition(cell, copies, pages)),
  );

/** The kernel's arguments without position and mode. */
const withoutPosition = <Name extends string>(
  names: readonly Name[],
  values: Readonly<Record<Exclude<Name, 't' | 'mode'>, number>>,
): number[] => ordered(names.slice(0, -2) as Exclude<Name, 't' | 'mode'>[], values);

/**
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
  }: { product: number; inner: number; state: number; features: number; indices: number | undefined },
): number[] {
  const { cell, count, size, length } = layer;
  const { gates, record } = CELLS[cell];
  const x = along(layer, indices === undefined ? features || gates * size : 1);
  const kept = along(layer, record * size);
  return withoutPosition(FORWARD_ARGS, {
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
}

/** @param operands addresses of the node's inputs and of its result */
export function backwardArgs(
  layer: Sequence,
  operands: readonly number[],
  { product, dh, dc }: { readonly product: number; readonly dh: number; readonly dc: number },
): number[] {
  const { cell, count, size, length } = layer;
  const { record, grads } = CELLS[cell];
  const [dy, kept, made] = [along(layer, size), along(layer, record * size), along(layer, grads * size)];
  return withoutPosition(BACKWARD_ARGS, {
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
