import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { buildGraph } from '../../../src/graph/graph.js';
import type { Node } from '../../../src/graph/node.js';
import { recurrence } from '../../../src/nn/sequence/recurrence.js';
import * as ops from '../../../src/ops/index.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertNear, hash32, values } from '../../support/generated.js';

const ENGINES = {
  onednn: () => new OneDnnEngine({ threads: 2 }),
  'onednn, one thread': () => new OneDnnEngine({ threads: 1 }),
  wasm: () => new WasmEngine({ threads: 2 }),
};
const [ROWS, FEATURES] = [12, 24];

/** Leaves with gradients, and what a program computes from them. */
class Program {
  readonly leaves: Tensor[] = [];

  leaf(shape: readonly number[], data = values(shape, this.leaves.length + 1, 0.3)): Node {
    this.leaves.push(new Tensor(tensor(data, { shape }).node, true));
    return this.leaves.at(-1)!.node;
  }

  /** The results, and the gradients of all leaves. */
  outputs(...results: Node[]): Node[] {
    results
      .map((result) => new Tensor(result).square().sum())
      .reduce((a, b) => a.add(b))
      .backward();
    return [...results, ...this.leaves.map(({ grad }) => grad!.node)];
  }
}

/** Indices of any shape; not all rows are among them. */
const indicesOf = (shape: readonly number[], of = (i: number): number => hash32(i) % (ROWS - 2)): Node => {
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Int32Array.from({ length: count }, (_, i) => of(i)),
    { shape },
  ).node;
};

describe('a linear layer of rows that are looked up', () => {
  const devices = new Map<string, Device>();
  before(() => {
    for (const [name, open] of Object.entries(ENGINES)) devices.set(name, new InlineDevice(open()));
    devices.set('reference', new InlineDevice(new ReferenceEngine()));
  });
  after(async () => {
    for (const device of devices.values()) await device.close();
  });

  /** Compares engines with the reference engine; returns the names of steps on each. */
  async function namesOf(build: () => Node[]): Promise<string[][]> {
    const { graph, key, feeds } = buildGraph(build(), []);
    const expected = await devices.get('reference')!.run(key, graph, feeds, []);
    const names: string[][] = [];
    for (const name of Object.keys(ENGINES)) {
      const device = devices.get(name)!;
      // Twice: the second run uses memory that the first has written.
      for (let run = 0; run < 2; run++)
        for (const [k, value] of (await device.run(key, graph, feeds, [])).entries())
          assertNear(value, expected[k]!, 2e-5, `${name}, output ${k}`);
      names.push((await device.profile(key, graph, feeds, [])).map(({ op }) => op));
    }
    return names;
  }
  const isForTable = (names: readonly string[]): boolean => names.includes('usedRows');

  it('is computed for the table, and so are its gradients', async () => {
    for (const bias of [true, false])
      for (const found of await namesOf(() => {
        const p = new Program();
        const x = ops.embedding(indicesOf([60]), p.leaf([ROWS, FEATURES]));
        return p.outputs(ops.linear(x, p.leaf([20, FEATURES]), bias ? p.leaf([20]) : undefined));
      }))
        assert.ok(isForTable(found), String(found));
  });

  it('also in another order of the indices', async () => {
    const orders: ((x: Node) => Node)[] = [
      (x) => ops.transpose(x, 0, 1),
      (x) => ops.permute(ops.reshape(x, [3, 4, 7, FEATURES]), [2, 0, 1, 3]),
      (x) => ops.reshape(ops.permute(ops.reshape(x, [3, 4, 7, FEATURES]), [1, 2, 0, 3]), [14, 6, FEATURES]),
    ];
    for (const order of orders)
      for (const found of await namesOf(() => {
        const p = new Program();
        const x = order(ops.embedding(indicesOf([12, 7]), p.leaf([ROWS, FEATURES])));
        return p.outputs(ops.linear(x, p.leaf([20, FEATURES]), p.leaf([20])));
      }))
        assert.ok(isForTable(found), String(found));
  });

  it('but not where features move, for few indices, nor for few features', async () => {
    const others: Readonly<Record<string, (p: Program) => Node>> = {
      'features move': (p) =>
        ops.linear(
          ops.transpose(ops.embedding(indicesOf([60, 24]), p.leaf([ROWS, FEATURES])), 1, 2),
          p.leaf([20, 24]),
        ),
      'few indices': (p) =>
        ops.linear(ops.embedding(indicesOf([40]), p.leaf([ROWS, FEATURES])), p.leaf([20, FEATURES])),
      'few features': (p) => ops.linear(ops.embedding(indicesOf([60]), p.leaf([ROWS, 8])), p.leaf([20, 8])),
    };
    for (const [what, build] of Object.entries(others))
      for (const found of await namesOf(() => {
        const p = new Program();
        return p.outputs(build(p));
      }))
        assert.ok(!isForTable(found), `${what}: ${found}`);
  });

  it('and where the rows themselves are read too, they are looked up as well', async () => {
    await namesOf(() => {
      const p = new Program();
      const x = ops.embedding(indicesOf([60]), p.leaf([ROWS, FEATURES]));
      return p.outputs(ops.linear(x, p.leaf([20, FEATURES])), ops.tanh(x));
    });
  });

  for (const cell of ['lstm', 'gru', 'tanh', 'relu'] as const)
    for (const reverse of [false, true])
      it(`in front of a recurrent layer: ${cell}${reverse ? ' from the end' : ''}`, async () => {
        const [length, size] = [6, cell === 'lstm' || cell === 'gru' ? 40 : 64];
        for (const count of [9, 70]) {
          const names = await namesOf(() => {
            const p = new Program();
            const rows = ops.CELLS[cell].gates * size;
            const x = ops.transpose(
              ops.embedding(indicesOf([count, length]), p.leaf([ROWS, FEATURES])),
              0,
              1,
            );
            const [wx, w] = [p.leaf([rows, FEATURES]), p.leaf([rows, size])];
            const begin = Array.from({ length: cell === 'lstm' ? 2 : 1 }, () => p.leaf([count, size]));
            const inputs = ops.linear(x, wx, p.leaf([rows]));
            const bias = cell === 'gru' ? p.leaf([rows]) : undefined;
            const { y, end } = recurrence({ cell, reverse, x: inputs, w, begin, bias });
            return p.outputs(y, end.at(-1)!);
          });
          for (const found of names) assert.ok(isForTable(found), String(found));
          // The rows are read from the table, unless the layer is a GRU.
          assert.equal(names[0]!.includes('indexSelect'), cell === 'gru', String(names[0]));
        }
      });

  it('does not pass on NaN of a row that no index names', async () => {
    for (const name of [...Object.keys(ENGINES), 'reference']) {
      const p = new Program();
      const table = values([ROWS, FEATURES], 1, 0.3).fill(Number.NaN, (ROWS - 1) * FEATURES);
      const x = ops.embedding(indicesOf([60]), p.leaf([ROWS, FEATURES], table));
      const outputs = p.outputs(ops.linear(x, p.leaf([20, FEATURES]), p.leaf([20])));
      const { graph, key, feeds } = buildGraph(outputs, []);
      for (const value of await devices.get(name)!.run(key, graph, feeds, []))
        assert.ok(
          value.every((one) => Number.isFinite(one)),
          name,
        );
    }
  });

  it('refuses an index that is not in the table', async () => {
    for (const recurrent of [false, true])
      for (const index of [-1, ROWS])
        for (const name of Object.keys(ENGINES)) {
          const p = new Program();
          const ids = indicesOf([60, 2], (i) => (i === 57 ? index : i % ROWS));
          const inputs = ops.linear(
            ops.embedding(ids, p.leaf([ROWS, FEATURES])),
            p.leaf([recurrent ? 64 : 20, FEATURES]),
          );
          const layer = { cell: 'tanh', reverse: false, x: inputs, bias: undefined } as const;
          const y = recurrent
            ? recurrence({ ...layer, w: p.leaf([64, 64]), begin: [p.leaf([2, 64])] }).y
            : inputs;
          const { graph, key, feeds } = buildGraph([y], []);
          await assert.rejects(
            devices.get(name)!.run(key, graph, feeds, []),
            new RegExp(`indices from 0 to ${ROWS - 1}`),
            name,
          );
        }
  });
});
