import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';
import { Parameter, Tensor, tensor } from '../../../src/core.js';
import { buildGraph } from '../../../src/graph/graph.js';
import * as ops from '../../../src/ops/index.js';
import type { LrnAttrs } from '../../../src/ops/norm/local-response-norm.js';
import { assertNear } from '../../support/generated.js';
import { twoEngines } from './two-engines.js';

/*
 * Normalisation of values for which powers of the scale, or sums of squares, leave the range of float32: the library's
 * results are 0, infinite or NaN there.
 */

const SHAPES = { 'in blocks': [2, 32, 3, 5], 'of few channels': [3, 3, 4, 4], 'of one piece': [1, 16, 1, 1] };
const USUAL: LrnAttrs = { size: 5, alpha: 1e-4, beta: 0.75, k: 1 };

/** Values around a magnitude, a few of them small. */
const around = (magnitude: number, shape: readonly number[], seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => {
    const part = ((i * 7919 + seed * 104729) % 1009) / 1009 + 0.01;
    return (i % 5 === 3 ? 1 : magnitude) * part * (i % 3 === 0 ? -1 : 1);
  });

/** The result and the gradient, computed by one plan. */
async function run(device: Device, shape: number[], attrs: LrnAttrs, magnitude: number, stored = false) {
  const x = new Parameter(around(magnitude, shape, 1), shape);
  await x.place(device);
  const y = new Tensor(ops.localResponseNorm((stored ? x : x.mul(1)).node, attrs));
  y.mul(tensor(around(1, shape, 2), { shape }))
    .sum()
    .backward();
  const { graph, key, feeds, storages } = buildGraph([y.node, x.grad!.node], []);
  const ids = storages.map(({ id }) => id);
  const values = await device.run(key, graph, feeds, ids);
  return { values, rows: await device.profile(key, graph, feeds, ids) };
}

/** Each value near the expected one, relative to itself; values below float32's normal numbers may be 0. */
function assertEach(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  share = 2e-5,
): void {
  const largest = Math.max(...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    const allowed = share * (Math.abs(e) + 1e-3 * largest) + 1e-37;
    assert.ok(Math.abs(a - e) <= allowed, `${what}: value ${i} is ${a} instead of ${e}`);
  }
}

describe('onednn: local response normalisation far from 1', () => {
  const engines = twoEngines();

  const attributes: readonly LrnAttrs[] = [
    USUAL,
    { ...USUAL, beta: 0.5 },
    { ...USUAL, beta: 2, alpha: 1 },
    { ...USUAL, k: 1e-14 },
    { ...USUAL, k: 1e14 },
    { ...USUAL, alpha: 0, k: 2 },
    { ...USUAL, size: 3, alpha: 1e-20 },
  ];
  for (const [title, shape] of Object.entries(SHAPES))
    for (const attrs of attributes)
      it(`values ${title}, ${JSON.stringify(attrs)}`, async () => {
        for (const magnitude of [1e-3, 1e6, 2e9, 1e12, 1e15, 1e18, 1e25, 3e38]) {
          const what = `magnitude ${magnitude}`;
          const ours = await run(engines.device, shape, attrs, magnitude);
          const expected = await run(engines.reference, shape, attrs, magnitude);
          for (const [k, name] of ['result', 'gradient'].entries())
            assertEach([...ours.values[k]!], [...expected.values[k]!], `${name} at ${what}`);
        }
      });

  it('a parameter is normalised in the same way', async () => {
    const ours = await run(engines.device, [2, 16, 4, 4], USUAL, 1e15, true);
    const expected = await run(engines.reference, [2, 16, 4, 4], USUAL, 1e15, true);
    for (const k of [0, 1]) assertEach([...ours.values[k]!], [...expected.values[k]!], `value ${k}`);
  });

  it('the usual values use the primitive', async () => {
    const { rows } = await run(engines.device, [2, 16, 4, 4], USUAL, 1);
    const kernels = rows.filter(({ op }) => op.startsWith('localResponseNorm')).map(({ kernel }) => kernel);
    assert.equal(kernels.length, 4);
    assert.deepEqual([kernels[1], kernels[3]], ['corrected', 'corrected']);
    assert.ok(!kernels.includes('typescript'), `${kernels}`);
  });

  it('values in bfloat16', async () => {
    const half = new InlineDevice(new OneDnnEngine({ threads: 2, precision: 'bfloat16' }));
    const results: number[][] = [];
    for (const on of [half, engines.reference]) {
      const w = new Parameter(around(1e12, [32, 16, 3, 3], 3), [32, 16, 3, 3]);
      await w.place(on);
      const x = tensor(around(1e3, [8, 16, 9, 9], 4), { shape: [8, 16, 9, 9] });
      const maps = ops.conv2d(x.node, w.node, undefined, { padding: [1, 1] });
      const y = new Tensor(
        ops.maxPool2d(ops.localResponseNorm(maps, USUAL), { kernel: [3, 3], stride: [2, 2] }),
      );
      y.sum().backward();
      results.push(
        [...(await y.data())],
        [...(await w.grad!.data())].map((v) => v * 1e12),
      );
    }
    for (const k of [0, 1]) assertNear(results[k]!, results[k + 2]!, k === 0 ? 0.05 : 0.2, `value ${k}`);
    await half.close();
  });
});

describe('onednn: batch normalisation of values whose squares exceed float32', () => {
  const shape = [3, 16, 4, 5];
  const values = async (device: Device, magnitude: number) => {
    const x = new Parameter(around(magnitude, shape, 1), shape);
    const [gamma, beta] = [2, 3].map((seed) => new Parameter(around(1, [16], seed), [16])) as [
      Parameter,
      Parameter,
    ];
    for (const parameter of [x, gamma, beta]) await parameter.place(device);
    const y = new Tensor(ops.batchNormTrain(x.mul(1).node, gamma.node, beta.node, 1e-5));
    y.mul(tensor(around(1, shape, 2), { shape }))
      .sum()
      .backward();
    const outputs = [y, ...[x, gamma, beta].map(({ grad }) => grad!.mul(1))];
    const { graph, key, feeds, storages } = buildGraph(
      outputs.map(({ node }) => node),
      [],
    );
    return device.run(
      key,
      graph,
      feeds,
      storages.map(({ id }) => id),
    );
  };
  for (const magnitude of [1, 1e15, 1e19, 1e25, 1e37])
    it(`magnitude ${magnitude}`, async () => {
      const device = new InlineDevice(new OneDnnEngine({ threads: 2 }));
      const reference = new InlineDevice(new ReferenceEngine());
      const [ours, expected] = [await values(device, magnitude), await values(reference, magnitude)];
      for (const [k, name] of ['result', 'gradient', 'gradient of gamma', 'gradient of beta'].entries())
        assertEach([...ours[k]!], [...expected[k]!], name, 2e-4);
      await device.close();
      await reference.close();
    });
});
