import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { hostLeaf, type Node } from '../../../src/graph/node.js';
import { sizeOf } from '../../../src/graph/types.js';
import { recurrence, withUnrolled } from '../../../src/nn/sequence/recurrence.js';
import * as ops from '../../../src/ops/index.js';
import { grad } from '../../../src/tensor/grad.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { evaluate, Tensor } from '../../../src/tensor/tensor.js';
import { assertClose } from '../../support/close.js';

const [LENGTH, N, SIZE] = [4, 3, 5];
const noise = (shape: readonly number[], stream: number): Tensor =>
  new Tensor(
    hostLeaf(
      Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(12.9898 * i + 78.233 * (stream + 1))),
      shape,
      'float64',
    ),
    true,
  );

/** A layer's results, its gradients, and the gradients of a sum over those. */
function everything(cell: ops.Cell, reverse: boolean, length: number): Tensor[] {
  const rows = ops.CELLS[cell].gates * SIZE;
  const states = cell === 'lstm' ? 2 : 1;
  const inputs = [
    noise([length, N, rows], 0),
    noise([rows, SIZE], 1),
    ...Array.from({ length: states }, (_, k) => noise([N, SIZE], 2 + k)),
    ...(cell === 'gru' ? [noise([rows], 4)] : []),
  ];
  const nodes = inputs.map(({ node }) => node);
  const { y, end } = recurrence({
    cell,
    reverse,
    x: nodes[0]!,
    w: nodes[1]!,
    begin: nodes.slice(2, 2 + states),
    bias: cell === 'gru' ? nodes.at(-1) : undefined,
  });
  const results = [y, ...end];
  const weighted = (values: readonly Node[], stream: number): Tensor =>
    values
      .map((value, k) => new Tensor(value).mul(noise(value.shape, stream + k).detach()).sum())
      .reduce((a, b) => a.add(b));
  const first = grad(weighted(results, 10), inputs);
  const sums = weighted(
    first.map(({ node }) => node),
    20,
  );
  // The squares make each input count, also where a ReLU has no second derivative.
  const second = grad(
    inputs.reduce((sum, input) => sum.add(input.square().sum()), sums),
    inputs,
  );
  return [...results.map((node) => new Tensor(node)), ...first, ...second];
}

describe('a recurrent layer is the same as its operations of single positions', () => {
  before(() => setDefaultDevice(referenceDevice()));
  for (const cell of Object.keys(ops.CELLS) as ops.Cell[])
    for (const [reverse, length] of [
      [false, LENGTH],
      [true, LENGTH],
      [false, 1],
    ] as const)
      it(`${cell}, ${length} positions${reverse ? ' from the end' : ''}`, async () => {
        const actual = await evaluate(...everything(cell, reverse, length));
        const wanted = await evaluate(...withUnrolled(() => everything(cell, reverse, length)));
        assert.equal(actual.length, wanted.length);
        for (const [k, values] of actual.entries())
          assertClose(values, wanted[k]!, { rtol: 1e-9, atol: 1e-11 }, `value ${k}`);
      });
});
