import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { InlineDevice } from '../../src/backend/device.js';
import { OneDnnEngine } from '../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { wasmDevice } from '../../src/backend/wasm/index.js';
import { cat, nn, Parameter, Tensor, tensor } from '../../src/core.js';
import { buildGraph } from '../../src/graph/graph.js';
import type { Node } from '../../src/graph/node.js';
import * as ops from '../../src/ops/index.js';
import { assertNear } from '../support/generated.js';

/*
 * Operations on values that are large enough for the primitives and kernels that small ones do not use: the fixtures of
 * the conformance suite are all small.
 */

const noise = (shape: number[], seed: number): Float32Array<ArrayBuffer> => {
  let x = seed;
  const next = () => ((x = (x * 1103515245 + 12345) % 2147483648) / 2147483648) * 2 - 1;
  return Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, next);
};

/** Zeros and ones. */
const keep = (shape: number[]): Tensor => tensor(noise(shape, 5).map(Math.round).map(Math.abs), { shape });

interface Program {
  /** Operations on a few numbers, for which TypeScript is as fast. */
  readonly tiny?: readonly string[];
  readonly shapes: readonly number[][];
  readonly run: (...parameters: Tensor[]) => Tensor;
  /** Operations and kernels that the plan uses on the onednn device. */
  readonly kernels?: readonly RegExp[];
}

const { gelu } = nn.functional;
const node =
  (make: (...nodes: Node[]) => Node) =>
  (...tensors: Tensor[]): Tensor =>
    new Tensor(make(...tensors.map((t) => t.node)));
const linear = node((x, w, b) => ops.linear(x, w, b));
const index = (count: number): Tensor =>
  tensor(
    Int32Array.from({ length: count }, (_, i) => (i * 7) % 9),
    { shape: [count] },
  );
/** Positions beyond an axis are 0. */
const past = (x: Tensor): Tensor => new Tensor(ops.narrow(x.node, 2, 3, 20));
/** Batch norm in training, scaled by the numbers of `scale`, which are repeated. */
const normalised = (x: Tensor, scale: Tensor): Tensor => {
  const channels = x.shape[1]!;
  const scales = cat([scale, scale], 0).narrow(0, 0, channels);
  return new Tensor(ops.batchNormTrain(x.node, scales.node, scales.mul(0.5).node, 1e-5));
};
const rowsOf = (table: Tensor): Tensor => new Tensor(ops.indexSelect(table.node, index(50).node));
const entropy = (x: Tensor, labelSmoothing: number): Tensor => {
  const labels = Int32Array.from({ length: x.shape[0]! }, (_, i) => (i * 7) % x.shape[1]!);
  return new Tensor(
    ops.crossEntropy(x.node, tensor(labels, { shape: [labels.length] }).node, labelSmoothing),
  );
};
const conv2d = node((x, w) => ops.conv2d(x, w, undefined));
const programs: Readonly<Record<string, Program>> = {
  'gelu and its gradient': {
    shapes: [[64, 48]],
    run: (x) => gelu(x.mul(4)).mul(x.detach()),
    kernels: [/^gelu jit/, /^mul jit/],
  },
  'gelu with tanh': {
    shapes: [[64, 48]],
    run: (x) => gelu(x.mul(3), { approximate: 'tanh' }).mul(x.detach()),
  },
  'gelu of values that other nodes read': {
    shapes: [[64, 48]],
    run: (x) => gelu(x).add(gelu(x).mul(x)).add(x),
  },
  'gelu between blocked layouts': {
    shapes: [
      [2, 3, 16, 16],
      [20, 3, 3, 3],
    ],
    run: (x, w) => gelu(conv2d(x, w)),
  },
  'gelu, then a mask': {
    shapes: [[64, 48]],
    run: (x) =>
      gelu(x)
        .mul(keep([64, 48]))
        .mul(2),
  },
  'a layer of many rows': {
    shapes: [[300, 24], [40, 24], [40]],
    run: (x, w, b) => gelu(linear(x, w, b)),
  },
  'a layer whose input is its weights': { shapes: [[200, 8]], run: (w) => linear(w, w).tanh() },
  'layers that share weights': {
    shapes: [
      [200, 16],
      [16, 16],
    ],
    run: (x, w) => linear(linear(x, w).tanh(), w),
  },
  'a weight used as rows of tokens and as a matrix': {
    shapes: [
      [10, 40, 16],
      [40, 16],
    ],
    run: (x, w) => linear(x.add(w), w.tanh()).add(linear(x, w)),
  },
  'parts of an axis': {
    shapes: [[64, 3, 20]],
    run: (x) =>
      x
        .narrow(1, 0, 1)
        .mul(past(x).narrow(1, 2, 1).tanh())
        .add(x.narrow(1, 1, 1)),
  },
  'tensors joined along each axis': {
    shapes: [
      [6, 12, 20],
      [6, 5, 20],
      [6, 17, 7],
    ],
    run: (x, y, z) => cat([cat([x, y], 1), z], 2),
  },
  'channels of images joined off blocks': {
    shapes: [
      [4, 3, 12, 12],
      [20, 3, 3, 3],
      [12, 20, 3, 3],
      [5, 32, 1, 1],
    ],
    run: (x, v, w, u) => {
      const first = conv2d(x, v);
      const joined = cat([first.narrow(2, 0, 8).narrow(3, 0, 8), conv2d(first, w)], 1).tanh();
      return conv2d(joined, u);
    },
    kernels: [/^concat wasm/],
  },
  'dense layers': {
    shapes: [[4, 3, 12, 12], [20, 3, 3, 3], [12, 20, 3, 3], [12, 32, 3, 3], [20]],
    run: (x, u, v, w, scale) => {
      let y = conv2d(x, u);
      for (const next of [v, w]) {
        const kept = y.narrow(2, 1, y.shape[2]! - 2).narrow(3, 1, y.shape[3]! - 2);
        y = cat([kept, conv2d(normalised(y, scale).relu(), next)], 1);
      }
      return y;
    },
    tiny: ['affine', 'add', 'mul', 'sum'],
  },
  'three parts that fill an axis': {
    shapes: [[64, 48]],
    run: (x) =>
      x
        .narrow(1, 0, 16)
        .tanh()
        .mul(x.narrow(1, 16, 16))
        .add(x.narrow(1, 32, 16).mul(2)),
  },
  'parts that leave a gap or overlap': {
    shapes: [[64, 48]],
    run: (x) =>
      x
        .narrow(1, 0, 16)
        .tanh()
        .mul(x.narrow(1, 17, 16))
        .add(x.narrow(1, 32, 16).mul(2)),
  },
  'two parts, one of them read twice': {
    shapes: [[64, 48]],
    run: (x) =>
      x
        .narrow(1, 24, 24)
        .tanh()
        .mul(x.narrow(1, 0, 24))
        .add(x.narrow(1, 24, 24)),
  },
  'rows of a table': {
    shapes: [
      [9, 70],
      [50, 70],
    ],
    run: (table, x) => rowsOf(table).mul(x).add(rowsOf(table)),
  },
  'positions along an inner axis': {
    shapes: [[7, 9, 70]],
    run: (x) => new Tensor(ops.indexSelect(x.node, index(50).node, 1)),
  },
  'cross-entropy': { shapes: [[300, 50]], run: (x) => entropy(x.mul(8), 0) },
  'cross-entropy with smoothed labels': { shapes: [[300, 50]], run: (x) => entropy(x.mul(8), 0.1) },
  'cross-entropy of two classes': { shapes: [[2000, 2]], run: (x) => entropy(x.mul(20), 0.3) },
  'repeated values': { shapes: [[8, 1, 12]], run: (x) => x.expand(8, 40, 12).tanh() },
};

const devices: Readonly<Record<string, () => Device>> = {
  onednn: () => new InlineDevice(new OneDnnEngine({ threads: 2 })),
  wasm: () => wasmDevice({ threads: 2 }),
};

async function valuesOn(device: Device, { shapes, run }: Program) {
  const parameters = shapes.map((shape, k) => new Parameter(noise(shape, k + 1), shape));
  for (const parameter of parameters) await parameter.place(device);
  const y = run(...parameters);
  y.mul(tensor(noise([...y.shape], 77), { shape: y.shape }))
    .sum()
    .backward();
  const outputs = [y, ...parameters.map(({ grad }) => grad!)].map((t) => t.node);
  const { graph, key, feeds, storages } = buildGraph(outputs, []);
  const ids = storages.map(({ id }) => id);
  const values = await device.run(key, graph, feeds, ids);
  return { values, rows: await device.profile(key, graph, feeds, ids) };
}

for (const [name, open] of Object.entries(devices))
  describe(`${name}: large values`, () => {
    for (const [title, program] of Object.entries(programs))
      it(title, async () => {
        const [device, reference] = [open(), new InlineDevice(new ReferenceEngine())];
        const ours = await valuesOn(device, program);
        const expected = await valuesOn(reference, program);
        for (const [k, values] of ours.values.entries())
          assertNear([...values], [...expected.values[k]!], 2e-5, `${title}: value ${k}`);
        const scripted = ours.rows.filter(({ kernel }) => kernel === 'typescript').map(({ op }) => op);
        assert.deepEqual(
          scripted.filter((op) => !program.tiny?.includes(op)),
          [],
        );
        if (name === 'onednn')
          for (const kernel of program.kernels ?? [])
            assert.ok(
              ours.rows.some((row) => kernel.test(`${row.op} ${row.kernel}`)),
              `${kernel} is not among ${ours.rows.map((row) => `${row.op} ${row.kernel}`)}`,
            );
        await device.close();
        await reference.close();
      });
  });
