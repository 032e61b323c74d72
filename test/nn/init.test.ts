import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ShapeError, UsageError } from '../../src/errors/errors.js';
import * as nn from '../../src/nn/index.js';
import { Conv2d, init, Linear } from '../../src/nn/index.js';
import { Generator } from '../../src/random.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { manualSeed } from '../../src/tensor/random.js';

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

  it('cut the normal distribution off at its limits', async () => {
    const p = w();
    init.truncNormal(p, { mean: 0.5, std: 2, a: -1, b: 3 }, new Generator(4));
    const { low, high, mean, std } = await statistics(p);
    assert.ok(low >= -1 && high <= 3 && low < -0.99 && high > 2.99, `${low} ${high}`);
    // By the formulas for the moments of N(0.5, 2²) between −1 and 3.
    near(mean, 0.854903, 0.04, 'mean');
    near(std, 1.07395, 0.03, 'std');
    // Far from the mean, where chance hardly ever draws.
    init.truncNormal(p, { std: 1, a: 4, b: 5 }, new Generator(4));
    const tail = await statistics(p);
    assert.ok(tail.low >= 4 && tail.high <= 5 && tail.mean < 4.3);
  });

  it('make matrices with structure', async () => {
    const rows = async (p: Parameter) => {
      const data = [...(await p.data())];
      const width = data.length / p.shape[0]!;
      return Array.from({ length: p.shape[0]! }, (_, i) => data.slice(i * width, (i + 1) * width));
    };
    const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
    for (const shape of [
      [4, 9],
      [9, 4],
      [5, 2, 3, 3],
    ]) {
      const p = weight(...shape);
      init.orthogonal(p, { gain: 2 }, new Generator(1));
      const found = await rows(p);
      const tall = found.length > found[0]!.length;
      const vectors = tall ? found[0]!.map((_, j) => found.map((row) => row[j]!)) : found;
      for (const [i, a] of vectors.entries())
        for (const [j, b] of vectors.entries()) near(dot(a, b), i === j ? 4 : 0, 1e-5, `${shape} ${i} ${j}`);
    }
    const eye = weight(2, 3);
    init.eye(eye);
    assert.deepEqual(await rows(eye), [
      [1, 0, 0],
      [0, 1, 0],
    ]);
    const conv = weight(4, 2, 3, 3);
    init.dirac(conv, { groups: 2 });
    const ones = [...(await conv.data()).entries()].filter(([, v]) => v !== 0).map(([i]) => i);
    // Output o of each group passes on input o, in the middle of 3 × 3.
    assert.deepEqual(ones, [4, 9 * 3 + 4, 9 * 4 + 4, 9 * 7 + 4]);
    const sparse = weight(10, 3);
    init.sparse(sparse, { sparsity: 0.35, std: 1 }, new Generator(2));
    const columns = (await rows(sparse)).reduce(
      (count, row) => count.map((c, j) => c + (row[j] === 0 ? 1 : 0)),
      [0, 0, 0],
    );
    assert.deepEqual(columns, [4, 4, 4]);
    init.ones(eye);
    assert.deepEqual(await rows(eye), [
      [1, 1, 1],
      [1, 1, 1],
    ]);
    init.zeros(eye);
    assert.deepEqual([...(await eye.data())], [0, 0, 0, 0, 0, 0]);
    assert.equal(init.gain('selu'), 0.75);
  });

  it('reject what does not fit', () => {
    const wrong: [make: () => unknown, says: RegExp][] = [
      [() => init.truncNormal(weight(2), { a: 1, b: 1 }), /a below b/],
      [() => init.truncNormal(weight(2), { std: 0 }), /std/],
      [() => init.truncNormal(weight(2), { std: 1e-3, a: 1, b: 2 }), /too far from the mean/],
      [() => init.eye(weight(2, 2, 2)), /dimensions.*2.*got 3/],
      [() => init.dirac(weight(2, 2)), /3 to 5/],
      [() => init.dirac(weight(3, 1, 3), { groups: 2 }), /divisor of the 3 outputs/],
      [() => init.orthogonal(weight(3)), /at least 2/],
      [() => init.sparse(weight(2, 2), { sparsity: 2 }), /sparsity/],
      [() => init.zeros([1] as never), /fills a parameter/],
    ];
    for (const [make, says] of wrong) assert.throws(make, says, String(make));
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

  it('initialise other layers as PyTorch does', async () => {
    const of = (layer: nn.Module<unknown>, name: string) => layer.stateDict().get(name)!;
    // The rows of the weight, [in, out / groups, k, k], are inputs, and PyTorch counts its columns all the same.
    const up = new nn.ConvTranspose2d(64, 32, 3);
    await isUniform(up.weight, 1 / Math.sqrt(32 * 9));
    const attention = new nn.MultiheadAttention(80, 2);
    await isUniform(of(attention, 'in_proj_weight'), Math.sqrt(6 / (80 + 240)));
    assert.equal((await statistics(of(attention, 'out_proj.bias'))).high, 0);
    await isUniform(of(new nn.LSTM(36, 128), 'weight_ih_l0'), 1 / Math.sqrt(128));
    await isUniform(of(new nn.GRU(48, 128), 'weight_ih_l0'), 1 / Math.sqrt(128));
    await isNormal(new nn.Embedding(200, 96).weight, 0, 1);
    await isUniform(of(new nn.Conv1d(64, 96, 3), 'weight'), 1 / Math.sqrt(64 * 3));
    for (const norm of [new nn.LayerNorm([4]), new nn.GroupNorm(2, 4), new nn.BatchNorm1d(4)]) {
      assert.deepEqual([...(await of(norm, 'weight').data())], [1, 1, 1, 1]);
      assert.deepEqual([...(await of(norm, 'bias').data())], [0, 0, 0, 0]);
    }
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
