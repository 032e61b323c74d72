import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildGraph } from '../../../src/graph/graph.js';
import type { Node } from '../../../src/graph/node.js';
import * as ops from '../../../src/ops/index.js';
import { tensor } from '../../../src/tensor/tensor.js';
import { assertNear, values } from '../../support/generated.js';
import { twoEngines } from './two-engines.js';

const [n, length, inputs, outputs] = [8, 40, 24, 16];
const leaf = (shape: readonly number[], stream: number): Node =>
  tensor(values(shape, stream, 1), { shape }).node;

describe('a sum after a linear layer of many rows', () => {
  const engines = twoEngines();

  /** Compares with the reference engine. Returns whether the linear layer adds. */
  async function adds(build: (y: Node, x: Node) => readonly Node[]): Promise<boolean> {
    // No elementwise operation, which would be joined with the sum.
    const x = ops.transpose(leaf([length, n, outputs], 1), 0, 1);
    const y = ops.linear(leaf([n, length, inputs], 2), leaf([outputs, inputs], 3), leaf([outputs], 4));
    const { graph, key, feeds } = buildGraph(build(y, x), []);
    const expected = await engines.reference.run(key, graph, feeds, []);
    for (const [k, value] of (await engines.device.run(key, graph, feeds, [])).entries())
      assertNear(value, expected[k]!, 2e-6, `output ${k}`);
    const names = (await engines.device.profile(key, graph, feeds, [])).map(({ op }) => op);
    return !names.some((op) => op.includes('add'));
  }

  it('is computed by the layer, in either order', async () => {
    assert.ok(await adds((y, x) => [ops.add(x, y)]));
    assert.ok(await adds((y, x) => [ops.add(y, x), ops.tanh(x)]));
  });

  it('but not if the result is read elsewhere, or the other value is smaller or the same', async () => {
    assert.equal(await adds((y, x) => [ops.add(x, y), y]), false);
    assert.equal(await adds((y) => [ops.add(y, leaf([outputs], 5))]), false);
    assert.equal(await adds((y) => [ops.add(y, y)]), false);
  });
});
