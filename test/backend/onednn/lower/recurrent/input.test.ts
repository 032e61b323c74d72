import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildGraph } from '../../../../../src/graph/graph.js';
import type { Node } from '../../../../../src/graph/node.js';
import { recurrence } from '../../../../../src/nn/sequence/recurrence.js';
import * as ops from '../../../../../src/ops/index.js';
import { Tensor, tensor } from '../../../../../src/tensor/tensor.js';
import { assertNear, values } from '../../../../support/generated.js';
import { twoEngines } from '../../two-engines.js';

interface Options {
  readonly cell: ops.Cell;
  readonly reverse?: boolean;
  readonly bias?: boolean;
  /** Reads the result of the linear layer too. */
  readonly read?: boolean;
  readonly count?: number;
}

const [length, features] = [8, 24];

/** A linear layer and a recurrent layer that reads its result: their results, and the gradients of all inputs. */
function layers({ cell, reverse = false, bias = true, read = false, count = 70 }: Options): Node[] {
  const { gates } = ops.CELLS[cell];
  // Smaller layers do not use the library's products.
  const size = gates === 1 ? 64 : 32;
  const rows = gates * size;
  const leaves: Tensor[] = [];
  const leaf = (...shape: number[]): Node => {
    const data = values(shape, leaves.length + 1, 0.2);
    leaves.push(new Tensor(tensor(data, { shape }).node, true));
    return leaves.at(-1)!.node;
  };
  const [x, wx, w] = [leaf(length, count, features), leaf(rows, features), leaf(rows, size)];
  const begin = Array.from({ length: cell === 'lstm' ? 2 : 1 }, () => leaf(count, size));
  const inputs = ops.linear(x, wx, bias ? leaf(rows) : undefined);
  const own = cell === 'gru' ? leaf(rows) : undefined;
  const { y, end } = recurrence({ cell, reverse, x: inputs, w, begin, bias: own });
  const results = [y, end.at(-1)!];
  results
    .map((result) => new Tensor(result).square().sum())
    .reduce((a, b) => a.add(b))
    .backward();
  return [...results, ...leaves.map(({ grad }) => grad!.node), ...(read ? [ops.tanh(inputs)] : [])];
}

describe('the linear layer in front of a recurrent layer', () => {
  const engines = twoEngines();

  /** Compares with the reference engine, and returns whether the linear layer is part of the recurrent layer. */
  async function joins(options: Options): Promise<boolean> {
    const { graph, key, feeds } = buildGraph(layers(options), []);
    const expected = await engines.reference.run(key, graph, feeds, []);
    // Twice: the second run uses memory that the first has written.
    for (let run = 0; run < 2; run++)
      for (const [k, value] of (await engines.device.run(key, graph, feeds, [])).entries())
        assertNear(value, expected[k]!, 5e-6, `${JSON.stringify(options)}, output ${k}`);
    const names = (await engines.device.profile(key, graph, feeds, [])).map(({ op }) => op);
    assert.ok(names.includes('recurrent'), String(names));
    return !names.includes('linear');
  }

  for (const cell of ['lstm', 'tanh', 'relu'] as const)
    for (const reverse of [false, true])
      it(`is computed position by position: ${cell}${reverse ? ' from the end' : ''}`, async () => {
        assert.ok(await joins({ cell, reverse }));
      });

  it('also without a bias, and for any number of examples', async () => {
    assert.ok(await joins({ cell: 'lstm', bias: false }));
    for (const count of [65, 96]) assert.ok(await joins({ cell: 'lstm', count }), String(count));
  });

  it('but not for a GRU, nor where its result is read elsewhere', async () => {
    assert.equal(await joins({ cell: 'gru', count: 96 }), false);
    assert.equal(await joins({ cell: 'lstm', read: true }), false);
  });
});
