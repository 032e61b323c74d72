import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ShapeError, UsageError } from '../../src/errors/errors.js';
import { Conv2d, init, Linear } from '../../src/nn/index.js';
import { Generator } from '../../src/random.js';
import { manualSeed } from '../../src/tensor/random.js';
import { Parameter } from '../../src/tensor/tensor.js';

const weight = (...shape: number[]) =>
  new Parameter(new Float32Array(shape.reduce((a, d) => a * d, 1)), shape);

async function statistics(parameter: Parameter) {
  const data = await parameter.data();
  let [sum, squares, low, high] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const v of data) {
    sum += v;
    squares += v * v;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  const mean = sum / data.length;
  return { mean, std: Math.sqrt(squares / data.length - mean * mean), low, high };
}

const near = (a: number, b: number, within: number, what: string) =>
  assert.ok(Math.abs(a - b) <= within, `${what}: ${a}, expected ${b}`);

/** Checks that values are uniform in ±bound: limits within 0.1 %, moments within five standard errors (18,432 values). */
async function isUniform(parameter: Parameter, bound: number) {
  const { mean, std, low, high } = await statistics(parameter);
  assert.ok(low >= -bound && high <= bound);
  near(low, -bound, bound * 2e-3, 'low');
  near(high, bound, bound * 2e-3, 'high');
  near(mean, 0, (5 * bound) / Math.sqrt(3 * parameter.size), 'mean');
  near(std, bound / Math.sqrt(3), bound * 0.02, 'std');
}

async function isNormal(parameter: Parameter, mean: number, std: number) {
  const s = await statistics(parameter);
  near(s.mean, mean, (5 * std) / Math.sqrt(parameter.size), 'mean');
  near(s.std, std, std * 0.03, 'std');
  assert.ok(s.high - mean > 3 * std && s.high - mean < 6 * std);
}

describe('initialisers', () => {
  // fanIn 288, fanOut 576.
  const w = () => weight(64, 32, 3, 3);

  it('draw from the right distributions', async () => {
    const generator = new Generator(3);
    const made = (make: (p: Parameter) => void) => {
      const p = w();
      make(p);
      return p;
    };
    await isUniform(
      made((p) => init.uniform(p, { low: -0.5, high: 0.5 }, generator)),
      0.5,
    );
    await isNormal(
      made((p) => init.normal(p, { mean: 1, std: 0.01 }, generator)),
      1,
      0.01,
    );
    await isUniform(
      made((p) => init.kaimingUniform(p, {}, generator)),
      Math.sqrt(6 / 288),
    );
    await isUniform(
      made((p) => init.kaimingUniform(p, { a: Math.sqrt(5) }, generator)),
      1 / Math.sqrt(288),
    );
    await isUniform(
      made((p) => init.kaimingUniform(p, { mode: 'fanOut', nonlinearity: 'tanh' }, generator)),
      ((5 / 3) * Math.sqrt(3)) / Math.sqrt(576),
    );
    await isNormal(
      made((p) => init.kaimingNormal(p, { nonlinearity: 'relu' }, generator)),
      0,
      Math.sqrt(2 / 288),
    );
    await isUniform(
      made((p) => init.xavierUniform(p, {}, generator)),
      Math.sqrt(6 / (288 + 576)),
    );
    await isNormal(
      made((p) => init.xavierNormal(p, { gain: 2 }, generator)),
      0,
      2 * Math.sqrt(2 / (288 + 576)),
    );
    assert.deepEqual(await statistics(made((p) => init.constant(p, 0.25))), {
      mean: 0.25,
      std: 0,
      low: 0.25,
      high: 0.25,
    });
  });

  it('count fans as PyTorch does', () => {
    assert.deepEqual(init.fans([10, 4096]), { fanIn: 4096, fanOut: 10 });
    assert.deepEqual(init.fans([256, 48, 5, 5]), { fanIn: 1200, fanOut: 6400 });
    assert.throws(() => init.kaimingNormal(weight(3)), ShapeError);
    assert.throws(() => init.gain('gelu' as 'relu'), UsageError);
  });

  it('initialise layers as PyTorch does: ±1/√fanIn, including biases', async () => {
    const conv = new Conv2d(32, 640, [3, 3], { groups: 4 });
    assert.deepEqual(conv.weight.shape, [640, 8, 3, 3]);
    await isUniform(conv.weight, 1 / Math.sqrt(72));
    await isUniform(new Linear(64, 512).weight, 1 / 8);
    const bias = await statistics(new Linear(100, 20000).bias!);
    near(bias.low, -0.1, 1e-4, 'low');
    near(bias.high, 0.1, 1e-4, 'high');
    assert.equal(new Linear(2, 2, { bias: false }).bias, null);
  });

  it('depend only on the seed', async () => {
    const make = async (seed: number) => {
      manualSeed(seed);
      const [a, b] = [new Linear(3, 3), new Conv2d(1, 1, 2)];
      return [await a.weight.data(), await a.bias!.data(), await b.weight.data()];
    };
    const first = await make(1);
    assert.deepEqual(await make(1), first);
    assert.notDeepEqual(await make(2), first);
    assert.notDeepEqual(first[0], first[1]);
  });
});
