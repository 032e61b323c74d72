import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildGraph } from '../../../src/graph/graph.js';
import type { Node } from '../../../src/graph/node.js';
import * as ops from '../../../src/ops/index.js';
import { tensor } from '../../../src/tensor/tensor.js';
import { assertNear, values } from '../../support/generated.js';
import { twoEngines } from './two-engines.js';

const leaf = (shape: readonly number[], stream: number): Node =>
  tensor(values(shape, stream, 1), { shape }).node;

describe('a convolution of long rows with padding, for inference', () => {
  const engines = twoEngines();

  /** Compares with the reference engine. Returns the implementation of the convolution. */
  async function kernelOf(build: () => Node): Promise<string> {
    const { graph, key, feeds } = buildGraph([build()], []);
    const [expected] = await engines.reference.run(key, graph, feeds, []);
    const [found] = await engines.device.run(key, graph, feeds, []);
    assertNear(found!, expected!, 1e-5, 'values');
    const rows = await engines.device.profile(key, graph, feeds, []);
    return rows.find(({ op, kernel }) => op.startsWith('conv2d') && kernel !== 'corrected')!.kernel;
  }

  // `brgconv` without padding, and as 1 × 1, is not affected.
  const isSmall = (kernel: string): boolean => !kernel.startsWith('brgconv:') && !/\bref/.test(kernel);

  for (const [name, channels, outputs, size, dilation] of [
    ['of one channel', 1, 4, 9, 64],
    ['of many channels', 16, 16, 3, 8],
    ['with a wide dilation', 16, 16, 3, 64],
  ] as const) {
    const padding = [0, ((size - 1) * dilation) / 2] as const;
    const attrs = { padding, dilation: [1, dilation] } as const;
    const weights = (): readonly [Node, Node] => [leaf([outputs, channels, 1, size], 2), leaf([outputs], 3)];

    it(`${name} uses an implementation whose memory does not grow with the length`, async () => {
      const plain = () => ops.conv2d(leaf([1, channels, 1, 4003], 1), ...weights(), attrs);
      assert.ok(isSmall(await kernelOf(plain)));
      assert.ok(isSmall(await kernelOf(() => ops.relu(plain()))));
    });

    it(`${name} also does so on values with the channels last`, async () => {
      const x = () => ops.permute(leaf([1, 1, 4003, channels], 4), [0, 3, 1, 2]);
      assert.ok(isSmall(await kernelOf(() => ops.conv2d(x(), ...weights(), attrs))));
    });
  }
});
