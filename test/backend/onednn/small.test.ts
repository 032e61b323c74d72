import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isForOneThread, isSmall } from '../../../src/backend/onednn/small.js';
import { buildGraph } from '../../../src/graph/graph.js';
import * as ops from '../../../src/ops/index.js';
import { zeros } from '../../../src/tensor/tensor.js';

/** Whether one thread computes the product of a batch with weights [outputs, inputs], or an elementwise operation. */
function alone(shape: readonly [number, number], outputs: number | undefined, threads: number): boolean {
  const x = zeros([...shape]).node;
  const y = outputs === undefined ? ops.relu(x) : ops.linear(x, zeros([outputs, shape[1]]).node);
  const { graph } = buildGraph([y], []);
  return isForOneThread(graph, graph.nodes.length - 1, threads);
}

describe('nodes for one thread', () => {
  it('do little work, counted in products and in elements', () => {
    assert.equal(alone([64, 784], 256, 2), true);
    assert.equal(alone([128, 784], 256, 2), false);
    assert.equal(alone([4, 1024], 1024, 2), false);
    assert.equal(alone([512, 256], undefined, 2), true);
    assert.equal(alone([1024, 256], undefined, 2), false);
  });

  it('do less where more threads share the work', () => {
    assert.equal(alone([64, 784], 256, 8), false);
    assert.equal(alone([64, 784], 32, 8), true);
  });

  it('as do copies, by the number of their elements', () => {
    assert.deepEqual(
      [isSmall(512 * 256, 2), isSmall(512 * 512, 2), isSmall(512 * 256, 8)],
      [true, false, false],
    );
  });
});
