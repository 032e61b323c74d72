import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { Parameter, Tensor, tensor } from '../../../src/core.js';
import { buildGraph } from '../../../src/graph/graph.js';
import * as ops from '../../../src/ops/index.js';
import { twoEngines } from './two-engines.js';

/*
 * NaN and infinity in values that are large enough for the library's primitives, some of which lose them. The conformance
 * suite has the same for small values.
 */

interface Program {
  readonly shapes: readonly (readonly number[])[];
  readonly run: (...parameters: Tensor[]) => Tensor;
  /** Kernels of the plan that the program is for. */
  readonly kernel: RegExp;
}

const conv = (x: Tensor, w: Tensor, b?: Tensor, attrs: Parameters<typeof ops.conv2d>[3] = {}): Tensor =>
  new Tensor(ops.conv2d(x.node, w.node, b?.node, attrs));
const linear = (x: Tensor, w: Tensor, b: Tensor): Tensor => new Tensor(ops.linear(x.node, w.node, b.node));
const pool = (x: Tensor): Tensor => new Tensor(ops.maxPool2d(x.node, { kernel: [3, 3], stride: [2, 2] }));
const padded = { padding: [1, 1] } as const;
const batchNorm = (x: Tensor, gamma: Tensor, beta: Tensor): Tensor =>
  new Tensor(ops.batchNormTrain(x.node, gamma.node, beta.node, 1e-5));
const layerNorm = (x: Tensor, gamma: Tensor, beta: Tensor): Tensor =>
  new Tensor(ops.layerNorm(x.node, [x.shape.at(-1)!], gamma.node, beta.node));

const programs: Readonly<Record<string, Program>> = {
  'a convolution with ReLU as a post-op': {
    shapes: [[2, 16, 16, 16], [64, 16, 3, 3], [64]],
    run: (x, w, b) => conv(x, w, b, padded).relu(),
    kernel: /^conv2d corrected/,
  },
  "Winograd's convolution with ReLU": {
    shapes: [[8, 32, 14, 14], [32, 32, 3, 3], [32]],
    run: (x, w, b) => conv(x, w, b, padded).relu(),
    // Version 3 of the library has no such kernel.
    kernel: /^conv2d (.*wino|corrected)/,
  },
  'a small convolution with ReLU': {
    shapes: [[2, 3, 6, 6], [8, 3, 3, 3], [8]],
    run: (x, w, b) => conv(x, w, b).relu(),
    kernel: /^relu/,
  },
  'a convolution of each channel with ReLU': {
    shapes: [[4, 32, 16, 16], [32, 1, 3, 3], [32]],
    run: (x, w, b) => conv(x, w, b, { ...padded, groups: 32 }).relu(),
    kernel: /^conv2d corrected/,
  },
  'two convolutions with ReLU, then max-pooling': {
    shapes: [[4, 3, 20, 20], [32, 3, 5, 5], [32], [32, 32, 1, 1]],
    run: (x, w, b, v) => pool(conv(conv(x, w, b).relu(), v).relu()),
    kernel: /^maxPool2d corrected/,
  },
  'a layer of many rows with ReLU': {
    shapes: [[512, 32], [64, 32], [64]],
    run: (x, w, b) => linear(x, w, b).relu(),
    kernel: /^linear corrected/,
  },
  'a layer of few rows with ReLU': {
    shapes: [[32, 300], [200, 300], [200]],
    run: (x, w, b) => linear(x, w, b).relu(),
    kernel: /^relu/,
  },
  'batch normalisation, then ReLU': {
    shapes: [[8, 32, 10, 10], [32], [32]],
    run: (x, gamma, beta) => batchNorm(x, gamma, beta).relu(),
    kernel: /^relu/,
  },
  'max-pooling of blocks': {
    shapes: [
      [4, 3, 24, 24],
      [32, 3, 5, 5],
    ],
    run: (x, w) => pool(conv(x, w)),
    kernel: /^maxPool2d corrected/,
  },
  softmax: { shapes: [[24, 33, 33]], run: (x) => x.mul(0.125).softmax(-1), kernel: /^softmax corrected/ },
  'softmax of an inner axis': {
    shapes: [[6, 40, 50]],
    run: (x) => x.softmax(1),
    kernel: /^softmax corrected/,
  },
  'softmax of few numbers': { shapes: [[3, 5]], run: (x) => x.softmax(-1), kernel: /^softmax wasm/ },
  'layer normalisation': {
    shapes: [[40, 96], [96], [96]],
    run: layerNorm,
    kernel: /^normalizeRows corrected/,
  },
};

const noise = (shape: readonly number[], seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => Math.sin((i + 1) * (seed + 0.7)));

async function valuesOn(
  device: Device,
  { shapes, run }: Program,
  change: (data: Float32Array, k: number) => void,
) {
  const parameters = shapes.map((shape, k) => {
    const data = noise(shape, k);
    change(data, k);
    return new Parameter(data, [...shape]);
  });
  for (const parameter of parameters) await parameter.place(device);
  const y = run(...parameters);
  y.mul(tensor(noise(y.shape, 9), { shape: y.shape }))
    .sum()
    .backward();
  const outputs = [y, ...parameters.map(({ grad }) => grad!)].map(({ node }) => node);
  const { graph, key, feeds, storages } = buildGraph(outputs, []);
  const ids = storages.map(({ id }) => id);
  const values = await device.run(key, graph, feeds, ids);
  return { values, rows: await device.profile(key, graph, feeds, ids) };
}

describe('onednn: NaN and infinity in large values', () => {
  const engines = twoEngines();
  for (const [title, program] of Object.entries(programs)) {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      it(`${title}: ${value}`, async () => {
        for (const changed of program.shapes.keys()) {
          const put = (data: Float32Array, k: number): void => {
            if (k === changed) data[(data.length >> 1) + 1] = value;
          };
          const ours = await valuesOn(engines.device, program, put);
          const expected = await valuesOn(engines.reference, program, put);
          assert.ok(
            ours.rows.some(({ op, kernel }) => program.kernel.test(`${op} ${kernel}`)),
            `${program.kernel} is not among ${ours.rows.map(({ op, kernel }) => `${op} ${kernel}`)}`,
          );
          for (const [k, results] of ours.values.entries()) {
            const lost = results.findIndex(
              (v, i) => Number.isFinite(v) && !Number.isFinite(expected.values[k]![i]!),
            );
            const what = `in input ${changed}: value ${k}, element ${lost}`;
            assert.equal(lost, -1, `${what} is ${results[lost]}, not ${expected.values[k]![lost]}`);
          }
        }
      });
    it(`${title}: usual values after others`, async () => {
      const usual = await valuesOn(engines.device, program, () => {});
      const expected = await valuesOn(engines.reference, program, () => {});
      for (const [k, results] of usual.values.entries())
        for (const [i, v] of results.entries())
          assert.ok(
            Math.abs(v - expected.values[k]![i]!) <= 1e-3 * Math.max(1, Math.abs(v)),
            `value ${k}, ${i}: ${v}`,
          );
    });
  }

  it('ReLU and max-pooling of values in bfloat16', async () => {
    const device = new InlineDevice(new OneDnnEngine({ threads: 2, precision: 'bfloat16' }));
    const program = programs['two convolutions with ReLU, then max-pooling']!;
    const { values } = await valuesOn(device, program, (data, k) => {
      if (k === 0) data[5] = Number.NaN;
    });
    assert.ok(Number.isNaN(values[0]![0]!), `${values[0]![0]}`);
    await device.close();
  });
});

it('rows of layer normalisation whose variance overflows are NaN', async () => {
  const device = new InlineDevice(new OneDnnEngine({ threads: 2 }));
  const program = programs['layer normalisation']!;
  const { values } = await valuesOn(device, program, (data, k) => {
    if (k === 0) data[96] = 3e38;
  });
  assert.ok([0, 1].every((k) => values[k]!.subarray(96, 192).every(Number.isNaN)));
  assert.ok(values[0]!.subarray(0, 96).every(Number.isFinite));
  await device.close();
});
