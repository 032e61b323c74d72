import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { InlineDevice } from '../../src/backend/device.js';
import { OneDnnEngine } from '../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { wasmDevice } from '../../src/backend/wasm/index.js';
import { nn, Parameter, Tensor, tensor } from '../../src/core.js';
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
