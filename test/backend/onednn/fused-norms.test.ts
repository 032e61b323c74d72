import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildGraph } from '../../../src/graph/graph.js';
import type { Node } from '../../../src/graph/node.js';
import * as ops from '../../../src/ops/index.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertNear, values } from '../../support/generated.js';
import { twoEngines } from './two-engines.js';

const leaf = (shape: readonly number[], stream: number): Tensor =>
  new Tensor(tensor(values(shape, stream, 1), { shape }).node, true);

/** A value, its gradients with respect to some leaves, and further values. */
type Case = () => { y: Node; leaves: readonly Tensor[]; more?: readonly Node[] };

describe('normalisations that are written as several operations', () => {
  const engines = twoEngines();

  /** Compares with the reference engine, and returns the names of the steps. */
  async function namesOf(build: Case): Promise<string[]> {
    const { y, leaves, more = [] } = build();
    // Turned, so that the gradient of y is no elementwise operation, which would be joined with what reads it.
    const turned = ops.transpose(y, 0, 1);
    const weights = tensor(values(turned.shape, 99, 1), { shape: turned.shape });
    new Tensor(turned, true).mul(weights).sum().backward();
    const outputs = [y, ...leaves.map(({ grad }) => grad!.node), ...more];
    const { graph, key, feeds } = buildGraph(outputs, []);
    const [ours, expected] = [
      await engines.device.run(key, graph, feeds, []),
      await engines.reference.run(key, graph, feeds, []),
    ];
    for (const [k, value] of ours.entries()) assertNear(value, expected[k]!, 2e-6, `output ${k}`);
    const rows = await engines.device.profile(key, graph, feeds, []);
    return rows.filter(({ kernel }) => kernel !== 'corrected').map(({ op }) => op);
  }

  const [n, length, size] = [6, 5, 16];
  const operands = () => ({
    x: leaf([n, length, size], 1),
    gamma: leaf([size], 2),
    beta: leaf([size], 3),
  });
  const fused = (names: readonly string[]): string[] =>
    names.filter((op) => /layerNorm|normalizeRows|softmax/.test(op));

  it('layer normalisation with scale and shift is one primitive, and so are its gradients', async () => {
    const names = await namesOf(() => {
      const { x, gamma, beta } = operands();
      return { y: ops.layerNorm(x.node, [size], gamma.node, beta.node), leaves: [x, gamma, beta] };
    });
    assert.deepEqual(fused(names), ['layerNorm', 'layerNormGrad']);
    assert.ok(!names.some((op) => /mul\+(add|sum)/.test(op)), String(names));
  });

  it('also where only some of the gradients are needed', async () => {
    for (const wanted of [['gamma'], ['beta'], ['x'], ['gamma', 'beta'], ['x', 'beta']] as const) {
      const names = await namesOf(() => {
        const all = operands();
        const y = ops.layerNorm(all.x.node, [size], all.gamma.node, all.beta.node);
        return { y, leaves: wanted.map((name) => all[name]) };
      });
      assert.ok(names.includes('layerNorm'), `${wanted}: ${names}`);
    }
  });

  it('over several axes, and one after another', async () => {
    const names = await namesOf(() => {
      const [x, gamma, beta] = [leaf([n, length, size], 1), leaf([length, size], 2), leaf([length, size], 3)];
      const first = ops.layerNorm(x.node, [length, size], gamma.node, beta.node);
      return {
        y: ops.layerNorm(first, [length, size], gamma.node, beta.node),
        leaves: [x, gamma, beta],
      };
    });
    assert.deepEqual(fused(names), ['layerNorm', 'layerNorm', 'layerNormGrad', 'layerNormGrad']);
  });

  it('the same values in rows of another length keep statistics of their own', async () => {
    await namesOf(() => {
      const x = leaf([n, length, size], 1);
      const [one, two] = [leaf([size], 2), leaf([2 * size], 3)];
      const wide = ops.reshape(x.node, [(n * length) / 2, 2 * size]);
      const first = ops.layerNorm(x.node, [size], one.node, one.node);
      const second = ops.layerNorm(wide, [2 * size], two.node, two.node);
      return { y: ops.add(first, ops.reshape(second, x.shape)), leaves: [x, one, two] };
    });
  });

  it('but not if something else reads the normalised rows', async () => {
    const names = await namesOf(() => {
      const { x, gamma, beta } = operands();
      const plain = ops.layerNorm(x.node, [size]);
      const y = ops.add(ops.mul(plain, gamma.node), beta.node);
      return { y: ops.add(y, ops.tanh(plain)), leaves: [x, gamma, beta], more: [plain] };
    });
    assert.ok(!names.includes('layerNorm'), String(names));
  });

  it('nor with a scale for each channel, as of group normalisation', async () => {
    const names = await namesOf(() => {
      const x = leaf([n, 8, 4, 4], 1);
      const [gamma, beta] = [leaf([8], 2), leaf([8], 3)];
      return { y: ops.groupNorm(x.node, 2, gamma.node, beta.node), leaves: [x, gamma, beta] };
    });
    assert.ok(!names.includes('layerNorm'), String(names));
  });

  it('the gradient of softmax is one primitive', async () => {
    for (const axis of [0, 1, -1]) {
      const names = await namesOf(() => {
        const x = leaf([n, length, size], 1);
        return { y: ops.softmax(x.node, axis), leaves: [x] };
      });
      assert.deepEqual(fused(names), ['softmax', 'softmaxGrad'], `axis ${axis}`);
    }
  });

  it('but not if a vector kernel computes it together with what follows', async () => {
    const names = await namesOf(() => {
      const x = leaf([n, size], 1);
      const y = ops.softmax(ops.affine(x.node, { scale: 0.5, shift: 1 }), -1);
      return { y: ops.add(y, x.node), leaves: [x] };
    });
    assert.ok(!names.includes('softmaxGrad'), String(names));
  });

  it('nor if another node reads a part of it', async () => {
    const names = await namesOf(() => {
      const [x, g] = [leaf([n, size], 1), leaf([n, size], 2)];
      const y = ops.softmax(x.node, -1);
      const weighted = ops.mul(g.node, y);
      const total = ops.sum(weighted, [1], true);
      return { y: ops.sub(weighted, ops.mul(y, total)), leaves: [], more: [total] };
    });
    assert.ok(!names.includes('softmaxGrad'), String(names));
  });
});
