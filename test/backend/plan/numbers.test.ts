import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InlineDevice } from '../../../src/backend/device.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';
import type { Graph } from '../../../src/graph/graph.js';
import { functional } from '../../../src/nn/index.js';
import { tensor } from '../../../src/tensor/tensor.js';
import { CHANGING, MOST_PLANS, STEPS } from '../../support/nets/changing-numbers.js';
import { Constant, ENGINES, watched } from '../../support/plans.js';

const isWithNumbers = ({ nodes }: Graph): boolean => nodes.some(({ op }) => op.endsWith('*'));

for (const [name, open] of Object.entries(ENGINES))
  describe(`numbers that change, on the ${name} engine`, () => {
    for (const [program, start] of Object.entries(CHANGING))
      for (const dtype of ['float32', 'float64'] as const)
        it(`few plans and the values of constants: ${program} in ${dtype}`, async (t) => {
          const { engine, graphs, held } = watched(open());
          const device = new InlineDevice(engine);
          const constant = new Constant(open());
          t.after(() => Promise.all([device.close(), constant.close()]));
          const step = await start(device, dtype);
          const expected = await start(constant, dtype);
          const counts: number[] = [];
          for (const k of STEPS) {
            const [got, wanted] = [await step(k), await expected(k)];
            // Not deepEqual, whose messages list all values.
            wanted.forEach((values, i) => {
              const at = Array.from(values).findIndex((value, j) => !Object.is(value, got[i]![j]));
              assert.equal(at, -1, `result ${i} with ${k}, element ${at}: ${got[i]![at]}, not ${values[at]}`);
            });
            counts.push(graphs.length);
          }
          const results = counts[0]!;
          assert.ok(graphs.length <= MOST_PLANS * results, `${graphs.length} plans for ${results} graphs`);
          assert.equal(counts.at(-1), counts.at(-5), 'plans of the last steps');
          assert.ok(graphs.some(isWithNumbers));
          assert.ok(held.size <= 2 * results, `${held.size} plans are held`);
        });

    it('an infinite logit of another class has no part without smoothed labels', async (t) => {
      const device = new InlineDevice(open());
      t.after(() => device.close());
      const logits = await tensor([[1, Number.NEGATIVE_INFINITY, 2]]).to(device);
      const label = tensor([2], { dtype: 'int32' });
      for (const labelSmoothing of [0.3, 0.2, 0.1, 0]) {
        const loss = await functional.crossEntropy(logits, label, { labelSmoothing }).item();
        if (labelSmoothing === 0) assert.ok(Math.abs(loss - Math.log(1 + Math.exp(-1))) < 1e-6, `${loss}`);
        else assert.equal(loss, Number.POSITIVE_INFINITY);
      }
    });

    it('plans whose numbers do not change keep them as constants', async (t) => {
      const { engine, graphs } = watched(open());
      const device = new InlineDevice(engine);
      t.after(() => device.close());
      const x = await tensor([1, 2, 3]).to(device);
      for (let turn = 0; turn < 5; turn++)
        for (const factor of [3, 0.1]) {
          const got = [...(await x.mul(factor).data())];
          assert.deepEqual(got, Array.from(Float32Array.of(factor, 2 * factor, 3 * factor)));
        }
      assert.equal(graphs.length, 2);
      assert.ok(!graphs.some(isWithNumbers));
    });
  });

describe('plans for numbers that change', () => {
  /** Computes x · number for each number, or for pairs of numbers x · first + second. */
  async function computed(numbers: readonly (readonly [number, number])[]) {
    const { engine, graphs, held } = watched(new ReferenceEngine());
    const device = new InlineDevice(engine);
    const x = await tensor([1, 2, 3]).to(device);
    for (const [first, second] of numbers) {
      const got = [...(await x.mul(first).add(second).data())];
      const scaled = Float32Array.of(first, 2 * first, 3 * first).map((value) => value + 0);
      assert.deepEqual(got, Array.from(Float32Array.from(scaled, (value) => value + second)));
    }
    await device.close();
    const made = graphs.map(({ nodes }) => nodes.filter(({ attrs }) => attrs.number === true).length);
    return { made, held: held.size };
  }

  it('have inputs for the numbers that have changed, and again when another one changes', async () => {
    const numbers = Array.from({ length: 12 }, (_, k) => [k + 0.1, k < 6 ? 5 : k] as const);
    assert.deepEqual(await computed(numbers), { made: [0, 0, 1, 2], held: 0 });
  });

  it('tell 0 from −0, and take NaN and infinite numbers', async () => {
    const odd = [0, -0, 1, -0, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.NaN, -0];
    const { made } = await computed(odd.map((first) => [first, -0]));
    assert.deepEqual(made, [0, 0, 1]);
  });

  it('replace those of numbers that came once, and leave those that were used again', async (t) => {
    const { engine, held } = watched(new ReferenceEngine());
    const device = new InlineDevice(engine);
    t.after(() => device.close());
    const x = await tensor([1, 2, 3]).to(device);
    for (const factor of [2, 2, 3, 4, 5, 6, 2]) await x.mul(factor).data();
    // That of 2 and that of all factors.
    assert.equal(held.size, 2);
  });

  it('tell numbers apart that were equal, and are inputs each also where they are equal again', async (t) => {
    const { engine, graphs } = watched(new ReferenceEngine());
    const device = new InlineDevice(engine);
    t.after(() => device.close());
    const x = await tensor([1, 2, 3]).to(device);
    const computed = async (a: number, b: number): Promise<void> => {
      const got = [...(await x.mul(a).sub(x.mul(b)).data())];
      assert.deepEqual(
        got,
        [1, 2, 3].map((value) => value * a - value * b),
      );
    };
    for (const [a, b] of [
      [2, 2],
      [2, 2],
      [2, 3],
      [4, 5],
      [6, 7],
      [8, 9],
    ] as const)
      await computed(a, b);
    const before = graphs.length;
    for (const [a, b] of [
      [5, 5],
      [9, 8],
      [7, 7],
      [3, 2],
    ] as const)
      await computed(a, b);
    assert.equal(graphs.length, before);
  });

  it('are used too where values that an earlier run computed with such a number are read', async (t) => {
    const { engine, graphs } = watched(new ReferenceEngine());
    const device = new InlineDevice(engine);
    t.after(() => device.close());
    const x = await tensor([1, 2, 3]).to(device);
    for (let k = 0; k < 8; k++) {
      const scaled = x.mul(k);
      await scaled.data();
      assert.deepEqual(
        [...(await scaled.exp().add(x).data())],
        [1, 2, 3].map((value) => Math.fround(Math.fround(Math.exp(value * k)) + value)),
      );
    }
    assert.equal(graphs.length, 4);
  });

  it('a form of graphs with exponents, shapes or axes has a plan for each', async (t) => {
    const { engine, graphs } = watched(new ReferenceEngine());
    const device = new InlineDevice(engine);
    t.after(() => device.close());
    const x = await tensor([1, 2, 3]).to(device);
    for (const exponent of [1.5, 2, 2.5, 3]) {
      const [, got] = await x.pow(exponent).data();
      assert.equal(got, Math.fround(2 ** exponent));
    }
    assert.equal(graphs.length, 4);
  });
});
