import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { referenceDevice } from '../../backend/reference/index.js';
import { CrossEntropyLoss, inspect } from '../../nn/index.js';
import { Adam } from '../../optim/index.js';
import { manualSeed } from '../../tensor/random.js';
import { setDefaultDevice } from '../../tensor/realize.js';
import { evaluate, type Tensor, tensor } from '../../tensor/tensor.js';
import { judge } from '../claims/claim.js';
import type { EpochResult, Result, Results } from '../claims/result.js';
import { claims } from './claims.js';
import { distances, parametersOf, ViT, type ViTOptions } from './model.js';
import { APART, distanceName, LINE, NEAR, observe } from './observe.js';
import { Residual } from './residual.js';

setDefaultDevice(referenceDevice());

const TINY = { imageSize: 8, patch: 2, width: 8, depth: 2, heads: 2, hidden: 12, numClasses: 3 } as const;

const images = (count: number, side = 8): Tensor =>
  tensor(
    Float32Array.from({ length: count * 3 * side * side }, (_, i) => Math.sin(i * i)),
    { shape: [count, 3, side, side] },
  );

describe('the transformer', () => {
  test('has as many parameters as the formula says', () => {
    for (const more of [{}, { patch: 4 }, { width: 16, heads: 4 }, { depth: 3, numClasses: 7 }]) {
      const options = { ...TINY, ...more };
      assert.equal(inspect(new ViT(options), [3, 8, 8]).parameters, parametersOf(options));
    }
    assert.equal(inspect(new ViT(), [3, 32, 32]).parameters, 81_946);
    assert.equal(inspect(new Residual(), [3, 32, 32]).parameters, 78_042);
  });

  test('gives logits, and attention weights that add up to 1', async () => {
    manualSeed(1);
    const model = new ViT(TINY).eval();
    assert.deepEqual(model.forward(images(2)).shape, [2, 3]);
    const weights = model.attention(images(2));
    assert.deepEqual(
      weights.map(({ shape }) => shape),
      Array(2).fill([2, 2, 17, 17]),
    );
    for (const sum of await weights[1]!.sum(3).data()) assert.ok(Math.abs(sum - 1) < 1e-5);
  });

  test('needs positions to know where a patch is', async () => {
    const swapped = images(1).flatten(2).unflatten(2, [4, 2, 4, 2]);
    // The rows of patches in reverse order.
    const order = tensor(Int32Array.from([3, 2, 1, 0]));
    const moved = swapped.indexSelect(2, order).reshape(1, 3, 8, 8);
    const difference = async (positions: NonNullable<ViTOptions['positions']>): Promise<number> => {
      manualSeed(2);
      const model = new ViT({ ...TINY, positions }).eval();
      const features = (x: Tensor): Tensor => model.layers.forward(model.tokens(x)).select(1, 0);
      return features(images(1)).sub(features(moved)).abs().max().item();
    };
    assert.ok((await difference('none')) < 1e-6);
    assert.ok((await difference('1d')) > 1e-4);
    assert.ok((await difference('2d')) > 1e-4);
  });

  test('refuses patches that do not divide the image', () => {
    assert.throws(() => new ViT({ imageSize: 32, patch: 5 }), /patches that divide the image/);
    assert.throws(() => new ViT({ heigth: 3 } as ViTOptions), /heigth/);
  });

  test('learns a batch', async () => {
    manualSeed(3);
    const model = await new ViT(TINY).to(referenceDevice());
    const optimizer = new Adam(model.parameters(), { lr: 0.02 });
    const labels = tensor(Int32Array.from([0, 1, 2, 0]));
    const losses: number[] = [];
    for (let step = 0; step < 30; step++) {
      optimizer.zeroGrad();
      const loss = new CrossEntropyLoss().forward(model.forward(images(4)), labels);
      loss.backward();
      optimizer.step();
      losses.push(await loss.item());
    }
    assert.ok(losses.at(-1)! < 0.5 * losses[0]!, `${losses}`);
  });
});

describe('its observations', () => {
  test('are distances in pixels and cosines of positions', async () => {
    const apart = await distances(2, 4).data();
    const far = 4 * Math.SQRT2;
    for (const [i, expected] of [0, 4, 4, far, 4, 0, far, 4].entries())
      assert.ok(Math.abs(apart[i]! - expected) < 1e-5);
    const model = new ViT({ ...TINY, depth: 1 }).eval();
    const { measure, samples } = observe({ model } as never);
    const found = await measure!([images(2)], {} as never);
    const names = Object.keys(found);
    assert.deepEqual(names, [distanceName(1, 1), distanceName(1, 2), NEAR, LINE, APART]);
    const values = (await evaluate(...Object.values(found))).map(([value]) => value!);
    // Between 0 and the diagonal for distances, between −1 and 1 for cosines.
    for (const value of values.slice(0, 2)) assert.ok(value > 0 && value < 6 * Math.SQRT2, `${value}`);
    for (const value of values.slice(2)) assert.ok(Math.abs(value) <= 1);
    const drawn = (await samples!({} as never)) as Record<string, Tensor>;
    assert.deepEqual(drawn.filters!.shape, [8, 3, 2, 2]);
    assert.deepEqual(drawn['position similarity']!.shape, [16, 1, 4, 4]);
    const own = await drawn['position similarity']!.data();
    assert.ok(Math.abs(own[0]! - 1) < 1e-5, 'a patch is most similar to itself');
  });

  test('are left out where there is nothing to see', () => {
    assert.deepEqual(observe({ model: new Residual() } as never), {});
  });
});

/** Results by variant: a test error, and measurements. */
const results = (error: (id: string) => number, metrics: Record<string, number> = {}): Results => ({
  get: ({ id }, seed) =>
    ({
      seed,
      diverged: false,
      epochs: [{ epoch: 1, testError: error(id), testMetrics: metrics } as unknown as EpochResult],
    }) as Result,
});

describe('its claims', () => {
  const judged = (id: string, given: Results) => judge(claims.find((claim) => claim.id === id)!, given);

  test('count the parameters of the paper’s sizes', () => {
    const none = { get: () => undefined };
    assert.equal(judged('parameters-base', none).measured, '85,798,656 / 86,567,656');
    assert.equal(judged('parameters-base', none).verdict, 'confirmed');
    const large = judged('parameters-large', none);
    assert.equal(large.verdict, 'refuted');
    assert.match(large.reason!.en, /306\.5 million/);
    assert.equal(judged('parameters-huge', none).measured, '630,764,800 / 632,045,800');
    assert.equal(judged('sequence', none).verdict, 'confirmed');
  });

  test('are confirmed or refuted by the results', () => {
    const reason = (id: string, given: Results) => judged(id, given).reason!.en;
    const error = (name: string, worse: number) => (id: string) => (id === name ? worse : 50);
    assert.match(reason('below-residual', results(error('residual', 40))), /^in the paper’s direction/);
    assert.match(reason('below-residual', results(error('residual', 60))), /^against/);
    assert.match(reason('two-directions', results(error('small-2d-positions', 49.5))), /^in the paper’s/);
    assert.match(reason('two-directions', results(error('small-2d-positions', 40))), /^against/);
    const seen = (metrics: Record<string, number>) => results(() => 50, metrics);
    const similarity = { [NEAR]: 0.5, [LINE]: 0.2, [APART]: 0.1 };
    assert.match(reason('closer-positions', seen(similarity)), /^in the paper’s direction;/);
    assert.match(
      reason('rows-and-columns', seen({ ...similarity, [LINE]: 0 })),
      /^against the paper’s direction;/,
    );
    const heads = (layer: number, values: readonly number[]) =>
      Object.fromEntries(values.map((value, h) => [distanceName(layer, h + 1), value]));
    const layers = { ...heads(1, [4, 5, 6, 7]), ...heads(2, [8, 8, 8, 8]), ...heads(3, [8, 8, 8, 8]) };
    assert.match(reason('first-heads', seen(layers)), /^in the paper’s direction;/);
    assert.match(reason('first-heads', seen(heads(1, [5, 5, 6, 7]))), /^not seen here/);
    assert.match(reason('distance-grows', seen({ ...layers, ...heads(4, [9, 9, 9, 9]) })), /^in the paper/);
    assert.match(
      reason('distance-grows', seen({ ...layers, ...heads(4, [2, 2, 2, 2]) })),
      /^against the paper’s direction;/,
    );
    assert.match(
      reason('distance-grows', seen({ ...layers, ...heads(4, [6, 6, 6, 7]) })),
      /^not seen here/,
      'no more than the heads of the first layer differ',
    );
  });

  test('have texts in both languages', () => {
    assert.ok(claims.length >= 12);
    for (const { id, statement, rule, needs } of claims)
      for (const words of [statement, needs ?? rule])
        assert.ok(words.en && /\p{Script=Han}/u.test(words.zh), id);
  });
});
