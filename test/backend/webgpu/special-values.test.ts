import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { WebGpuDevice } from '../../../src/backend/webgpu/device.js';
import { maximum, setDefaultDevice, type Tensor, tensor, where, zeros } from '../../../src/core.js';
import * as nn from '../../../src/nn/index.js';
import { openWebGpu, withoutGpu } from './open.js';

const missing = await withoutGpu();
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** NaN and infinity, and numbers of which float32 sums lose digits. */
const VALUES = [0, 1, -1.5, 3, infinity, -infinity, nan, 0.3, 1e30, 7.25, 16777216];
const PAIRS = VALUES.flatMap((a) => VALUES.map((b) => [a, b] as const));

/** Formulas that compilers for GPUs simplify as if all numbers were real, with what they are in float32. */
const single = Math.fround;
const FORMULAS: Readonly<
  Record<string, readonly [(a: Tensor, b: Tensor) => Tensor, (a: number, b: number) => number]>
> = {
  'x - x': [(a) => a.sub(a), (a) => a - a],
  'x + (-x)': [(a) => a.add(a.neg()), (a) => a - a],
  '1 x - x': [(a) => a.mul(1).sub(a), (a) => a - a],
  '|x| - |x|': [(a) => a.abs().sub(a.abs()), (a) => Math.abs(a) - Math.abs(a)],
  '(x + y) - y': [(a, b) => a.add(b).sub(b), (a, b) => single(single(a + b) - b)],
  'x - (x + y)': [(a, b) => a.sub(a.add(b)), (a, b) => single(a - single(a + b))],
  '(x + 10⁸) - 10⁸': [(a) => a.add(1e8).sub(1e8), (a) => single(single(a + 1e8) - 1e8)],
  '0 x': [(a) => a.mul(0), (a) => a * 0],
  'x / ∞': [(a) => a.div(infinity), (a) => a / infinity],
  'x / x': [(a) => a.div(a), (a) => a / a],
  'x (1 / x)': [(a) => a.mul(tensor(1).div(a)), (a) => single(a * single(1 / a))],
  'x (x < y)': [(a, b) => a.mul(a.lt(b)), (a, b) => a * (a < b ? 1 : 0)],
  '(x ≥ y) / (y - 1)': [(a, b) => a.ge(b).div(b.sub(1)), (a, b) => single((a >= b ? 1 : 0) / single(b - 1))],
  'where(x, y, 2)': [(a, b) => where(a, b, 2), (a, b) => (a !== 0 ? b : 2)],
  'where(x - x, y, 2)': [(a, b) => where(a.sub(a), b, 2), (a, b) => (a - a !== 0 ? b : 2)],
  'where(x < y, x, y)': [(a, b) => where(a.lt(b), a, b), (a, b) => (a < b ? a : b)],
  'masked by x': [(a, b) => b.maskedFill(a, 7), (a, b) => (a !== 0 ? 7 : b)],
  'max(x, y) - y': [(a, b) => maximum(a, b).sub(b), (a, b) => single(Math.max(a, b) - b)],
};

describe('special values on webgpu', { skip: missing }, () => {
  let device: WebGpuDevice;
  before(async () => {
    device = await openWebGpu();
    setDefaultDevice(device);
  });
  after(async () => {
    await device.close();
  });

  for (const [name, [formula, expected]] of Object.entries(FORMULAS))
    it(`${name} is what float32 has`, async () => {
      const a = tensor(PAIRS.map(([x]) => x));
      const b = tensor(PAIRS.map(([, y]) => y));
      const got = await formula(a, b).data();
      PAIRS.forEach(([x, y], i) => {
        const want = expected(single(x), single(y));
        const same = Number.isNaN(want)
          ? Number.isNaN(got[i])
          : Math.abs(got[i]! - want) <= 1e-6 * Math.abs(want);
        assert.ok(same || got[i] === want, `x ${x}, y ${y}: ${got[i]} instead of ${want}`);
      });
    });

  it('small logarithms keep their digits', async () => {
    const x = [-20, -10, -5, -1, -0.1, 0, 2, 30];
    const got = await nn.functional.softplus(tensor(x)).data();
    x.forEach((v, i) => {
      const want = Math.log1p(Math.exp(v));
      assert.ok(Math.abs(got[i]! - want) <= 2e-6 * want, `${v}: ${got[i]} instead of ${want}`);
    });
  });

  it('sums along an axis keep the digits of small terms', async () => {
    const n = 70_001;
    const got = (
      await tensor(new Float32Array(n).fill(0.1), { shape: [n] })
        .cumsum(0)
        .data()
    )[n - 1]!;
    const want = n * single(0.1);
    assert.ok(Math.abs(got - want) <= 1e-6 * want, `${got} instead of ${want}`);
  });

  for (const shape of [[0], [3, 0], [0, 3]])
    it(`sorts nothing: [${shape.join(', ')}]`, async () => {
      const { values, indices } = zeros(shape).sort(-1);
      assert.equal((await values.data()).length, 0);
      assert.equal((await indices.data()).length, 0);
    });
});
