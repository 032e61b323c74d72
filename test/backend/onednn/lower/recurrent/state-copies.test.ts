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
  readonly length?: number;
  readonly count?: number;
  /** Which copies of the states are results, beside the gradients. */
  readonly read: (y: Node) => Node[];
}

/** A layer whose states are read in several ways: what is read, the last state, and the gradients of all inputs. */
function layer({ cell, reverse = false, length = 6, count = 40, read }: Options): Node[] {
  const { gates } = ops.CELLS[cell];
  const size = gates === 1 ? 64 : 32;
  const leaves: Tensor[] = [];
  const leaf = (...shape: number[]): Node => {
    leaves.push(new Tensor(tensor(values(shape, leaves.length + 1, 0.2), { shape }).node, true));
    return leaves.at(-1)!.node;
  };
  const [x, w] = [leaf(length, count, gates * size), leaf(gates * size, size)];
  const begin = Array.from({ length: cell === 'lstm' ? 2 : 1 }, () => leaf(count, size));
  const bias = cell === 'gru' ? leaf(gates * size) : undefined;
  const { y, end } = recurrence({ cell, reverse, x, w, begin, bias });
  const results = [...read(y), end.at(-1)!];
  results
    .map((result) => new Tensor(result).square().sum())
    .reduce((a, b) => a.add(b))
    .backward();
  return [...results, ...leaves.map(({ grad }) => grad!.node)];
}

const batchFirst = (y: Node): Node => ops.permute(y, [1, 0, 2]);

describe('copies of the states of a recurrent layer', () => {
  const engines = twoEngines();

  /** Compares with the reference engine, and returns the operations of the plan. */
  async function operations(options: Options): Promise<string[]> {
    const { graph, key, feeds } = buildGraph(layer(options), []);
    const expected = await engines.reference.run(key, graph, feeds, []);
    // Twice: the second run uses memory that the first has written.
    for (let run = 0; run < 2; run++)
      for (const [k, value] of (await engines.device.run(key, graph, feeds, [])).entries())
        assertNear(value, expected[k]!, 5e-6, `${JSON.stringify(options)}, output ${k}`);
    return (await engines.device.profile(key, graph, feeds, [])).map(({ op }) => op);
  }

  for (const cell of ['lstm', 'gru', 'tanh', 'relu'] as const)
    for (const reverse of [false, true])
      it(`are written by the layer: ${cell}${reverse ? ' from the end' : ''}`, async () => {
        for (const read of [(y: Node) => [y], (y: Node) => [batchFirst(y)]]) {
          const names = await operations({ cell, reverse, read });
          assert.ok(names.includes('recurrent'), String(names));
          // A GRU's gradients are cut into parts; a layer whose record is h alone needs no copy of it. Left is the last c.
          const copies = names.filter((name) => /slice|copyParts/.test(name));
          if (cell === 'lstm') assert.deepEqual(copies, ['copyParts']);
        }
      });

  it('of few positions or examples, and of parts of the states, are right too', async () => {
    for (const cell of ['lstm', 'gru'] as const)
      for (const reverse of [false, true]) {
        for (const [length, count] of [
          [1, 40],
          [2, 40],
          [3, 33],
          [6, 1],
        ] as const)
          await operations({ cell, reverse, length, count, read: (y) => [y, batchFirst(y)] });
        const parts = (y: Node): Node[] => [
          ops.narrow(y, 0, 1, 4),
          ops.narrow(batchFirst(y), 0, 3, 20),
          ops.concat([y, y], 2),
          ops.concat([ops.narrow(y, 0, 0, 5), ops.narrow(y, 0, 2, 1)], 0),
        ];
        await operations({ cell, reverse, read: parts });
      }
  });
});
