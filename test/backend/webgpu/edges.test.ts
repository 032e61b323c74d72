import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import * as ops from '../../../src/ops/index.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { evaluate, Tensor } from '../../../src/tensor/tensor.js';
import { openWebGpu, withoutGpu } from './open.js';

const missing = await withoutGpu();

type Leaf = (values: ArrayLike<number>, ...shape: number[]) => Promise<Parameter>;

/** Like numbers: each addition of one to a large sum is rounded in nearly the same direction. */
const alike = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => 1 + (i % 7) * 1e-3);

const EDGES: Readonly<Record<string, (leaf: Leaf) => Promise<readonly Tensor[]>>> = {
  'long sums': async (leaf) => {
    const x = await leaf(alike(400_000), 2, 200_000);
    return [x.sum(1), x.mean(0).sum(), x.cumsum(1).narrow(1, 199_000, 100), x.softmax(1), x.logsumexp(1)];
  },
  'long sums of products': async (leaf) => {
    const x = await leaf(alike(200_000), 2, 100_000);
    const w = await leaf(alike(300_000), 3, 100_000);
    const images = await leaf(alike(4 * 3 * 96 * 96), 4, 3, 96, 96);
    const weight = await leaf(alike(5 * 3 * 9), 5, 3, 3, 3);
    const attrs = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
    new Tensor(ops.conv2d(images.node, weight.node, undefined, attrs)).sum().backward();
    return [
      new Tensor(ops.linear(x.node, w.node)),
      new Tensor(ops.matmul(x.node, w.node, { transposeA: false, transposeB: true })),
      weight.grad!,
    ];
  },
  'small numbers through 1 + x': async (leaf) => {
    const x = await leaf([-30, -17.5, -16.7, -15, -10, -3, 0, 1e-8, 1e-3, 0.4, 0.42, 5], 12);
    return [new Tensor(ops.softplus(x.node)), x.add(1e-9).exp().add(1).log()];
  },
  'powers of −½': async (leaf) => [
    (await leaf([4, 0, -0, -1, 1e-40, Infinity, -Infinity, NaN], 8)).pow(-0.5),
  ],
  'integers beyond those of float32': async (leaf) => {
    const x = await leaf(
      [16777216, -3e9, 3e9, 2147483648, -2147483904, 1e20, 1e10, NaN, -Infinity, -1.5],
      10,
    );
    const whole = new Tensor(ops.cast(x.node, 'int32'));
    return [
      whole,
      whole.narrow(0, 1, 3),
      whole.toFloat(),
      new Tensor(ops.concat([whole.node, whole.node], 0)),
    ];
  },
  'sums over axes of which one is empty': async (leaf) => {
    const x = await leaf([], 2, 3, 0);
    return [x.sum([0, 2]), x.mul(2).sum([0, 2], true)];
  },
  'an empty list of indices that is computed': async (leaf) => {
    const none = new Tensor(ops.cast((await leaf([], 0)).node, 'int32'));
    const x = await leaf(alike(12), 4, 3);
    const rows = x.indexSelect(0, none);
    rows.sum().backward();
    return [rows, x.grad!];
  },
  'single numbers of different buffers that are added many times': async (leaf) => {
    const [a, b] = [await leaf([2], 1), await leaf(alike(9), 9)];
    const wide = (x: Tensor, count: number): Tensor => new Tensor(ops.broadcastTo(x.node, [count])).sum();
    return [wide(a, 5), wide(b.sum().reshape(1), 4), wide(a.mul(2), 7)];
  },
};

describe('edges of webgpu', { skip: missing }, () => {
  for (const [name, make] of Object.entries(EDGES))
    it(`${name}: the values of the reference engine`, async (t) => {
      const compute = async (device: Device) => {
        const leaf: Leaf = async (values, ...shape) => {
          const made = new Parameter(Float32Array.from(values), shape);
          await made.place(device);
          return made;
        };
        return evaluate(...(await make(leaf)));
      };
      const device = await openWebGpu();
      t.after(() => device.close());
      const wanted = await compute(referenceDevice());
      for (const [k, values] of (await compute(device)).entries()) {
        assert.equal(values.length, wanted[k]!.length);
        values.forEach((value, i) => {
          const expected = wanted[k]![i]!;
          const same = Number.isNaN(expected) ? Number.isNaN(value) : value === expected;
          assert.ok(
            same || Math.abs(value - expected) <= 1e-5 * Math.abs(expected),
            `result ${k}, element ${i}: ${value}, not ${expected}`,
          );
        });
      }
    });
});
