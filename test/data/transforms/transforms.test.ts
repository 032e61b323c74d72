import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { DataLoader } from '../../../src/data/loader.js';
import * as transforms from '../../../src/data/transforms/index.js';
import { ShapeError, UsageError } from '../../../src/errors/errors.js';
import { buildGraph } from '../../../src/graph/graph.js';
import { Generator } from '../../../src/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { type Tensor, tensor, zeros } from '../../../src/tensor/tensor.js';
import { checkTransform, transformCases } from '../../support/transforms.js';

setDefaultDevice(referenceDevice());

const context = (seed = 0) => ({ generator: new Generator(seed) });
const bytes = (data: readonly number[], shape: readonly number[]): Tensor =>
  tensor(Uint8Array.from(data), { shape });

/** Names of the operations of a node's graph, without leaves. */
const operations = (x: Tensor): string[] =>
  buildGraph([x.node], [])
    .graph.nodes.map((node) => node.op)
    .filter((op) => op !== 'feed');

describe('transforms', () => {
  for (const given of transformCases)
    it(`agree with torchvision: ${given.name}`, () => checkTransform(referenceDevice(), given));

  it('create few nodes: resize, toTensor and normalize share their scaling', async () => {
    const transform = transforms.compose([
      transforms.resize(8),
      transforms.toTensor(),
      transforms.normalize([0.5, 0.25, 0.5], [0.5, 0.5, 1]),
    ]);
    const y = transform.apply(zeros([2, 3, 4, 4], 'uint8'), context());
    const found = operations(y);
    assert.equal(found.filter((op) => op === 'channelAffine').length, 1);
    assert.ok(!found.includes('affine'), found.join());
    assert.ok(found.length <= 10, found.join());
    assert.deepEqual([...(await y.data())].slice(0, 2), [-1, -1]);
  });

  it('must return a batch of as many images, and are named otherwise', async () => {
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [() => {}, /The transform mine did not return a batch.*2 images.*got nothing.*return the transformed/],
      [async (x: Tensor) => x, /mine did not.*a promise.*without async/],
      [(x: Tensor) => x.slice(0, 0, 1), /mine did not.*\[1, 1, 1, 2\]/],
      [() => 5, /mine did not.*got 5/],
      [(x: Tensor) => [x], /mine did not/],
    ];
    const images = {
      name: 'two',
      length: 4,
      classes: ['a', 'b'],
      imageShape: [1, 1, 2] as const,
      read: () => 0,
    };
    for (const [apply, says] of wrong) {
      const mine = { name: 'mine', apply } as unknown as transforms.Transform;
      for (const transform of [
        transforms.compose([transforms.toTensor(), mine]),
        transforms.compose([mine, transforms.toTensor()]),
      ])
        assert.throws(() => transform.apply(zeros([2, 1, 1, 2], 'uint8'), context()), says);
      const [first] = [new DataLoader(images, { batchSize: 2, transform: mine })[Symbol.asyncIterator]()];
      await assert.rejects(first.next(), says);
    }
  });

  it('normalise after a crop or a flip that follows toTensor', async () => {
    const transform = transforms.compose([
      transforms.toTensor(),
      transforms.randomHorizontalFlip(1),
      transforms.normalize([0.5], [0.5]),
    ]);
    const y = await transform.apply(bytes([0, 255], [1, 1, 1, 2]), context()).data();
    assert.deepEqual([...y], [1, -1]);
  });

  it('that are random draw for each image, reproducibly from the seed', async () => {
    const images = tensor(
      Uint8Array.from({ length: 64 * 16 }, (_, i) => i % 16),
      { shape: [64, 1, 4, 4] },
    );
    const transform = transforms.compose([
      transforms.randomCrop(3, { padding: 1 }),
      transforms.randomHorizontalFlip(),
    ]);
    const run = async (seed: number) => [...(await transform.apply(images, context(seed)).data())];
    const first = await run(1);
    assert.deepEqual(await run(1), first);
    assert.notDeepEqual(await run(2), first);
  });

  it('crop at every position of the padded image, and nowhere else', async () => {
    const n = 400;
    const images = tensor(
      Uint8Array.from({ length: n * 20 }, (_, i) => (i % 20) + 1),
      { shape: [n, 1, 4, 5] },
    );
    const y = await transforms.randomCrop(3, { padding: 1 }).apply(images, context()).data();
    const places = new Set<number>();
    for (let i = 0; i < n; i++) {
      // The value at the window's centre identifies the position: each pixel occurs, padding never.
      const middle = y[9 * i + 4]! - 1;
      places.add(middle);
      const [row, column] = [Math.floor(middle / 5), middle % 5];
      const window = [-1, 0, 1].flatMap((r) =>
        [-1, 0, 1].map((c) => {
          const [at, to] = [row + r, column + c];
          return at < 0 || at > 3 || to < 0 || to > 4 ? 0 : 5 * at + to + 1;
        }),
      );
      assert.deepEqual([...y.subarray(9 * i, 9 * i + 9)], window);
    }
    assert.equal(places.size, 20);
  });

  it('that are random reuse the plan', async () => {
    const transform = transforms.compose([transforms.randomCrop(2), transforms.randomHorizontalFlip()]);
    const keys = [1, 2].map(
      (seed) => buildGraph([transform.apply(zeros([4, 1, 3, 3], 'uint8'), context(seed)).node], []).key,
    );
    assert.deepEqual(keys[0], keys[1]);
  });

  it('flip with the requested probability', async () => {
    const images = tensor(
      Uint8Array.from({ length: 2000 }, (_, i) => i % 2),
      { shape: [1000, 1, 1, 2] },
    );
    const y = await transforms.randomHorizontalFlip(0.2).apply(images, context()).data();
    const flipped = y.filter((v: number, i: number) => i % 2 === 0 && v === 1).length;
    assert.ok(flipped > 150 && flipped < 250, `${flipped} of 1000`);
  });

  it('do not change images of the right size', () => {
    const x = zeros([1, 3, 8, 8], 'uint8');
    assert.equal(transforms.resize(8).apply(x, context()), x);
  });

  it('resize floats without rounding them', async () => {
    const y = transforms.resize([1, 1]).apply(tensor([[[[0.25, 0.5]]]]), context());
    assert.deepEqual([...(await y.data())], [0.375]);
    const unit = transforms.compose([transforms.toTensor(), transforms.resize([1, 1])]);
    assert.ok(Math.abs((await unit.apply(bytes([0, 1], [1, 1, 1, 2]), context()).item()) - 0.5 / 255) < 1e-8);
  });

  it('print as source code', () => {
    const all = [
      transforms.resize(224),
      transforms.resize([11, 13]),
      transforms.centerCrop(20),
      transforms.randomCrop(32, { padding: 4 }),
      transforms.randomCrop([8, 9]),
      transforms.randomHorizontalFlip(),
      transforms.pad([1, 2]),
      transforms.toTensor(),
      transforms.normalize([0.5], [0.25]),
    ];
    assert.equal(
      transforms.compose(all).toString(),
      'compose([resize(224), resize([11, 13]), centerCrop(20), randomCrop(32, { padding: 4 }), ' +
        'randomCrop([8, 9]), randomHorizontalFlip(0.5), pad([1, 2]), toTensor(), normalize([0.5], [0.25])])',
    );
    assert.deepEqual(
      all.map((t) => t.name),
      [
        ...['resize', 'resize', 'centerCrop', 'randomCrop', 'randomCrop', 'randomHorizontalFlip'],
        'pad',
        'toTensor',
        'normalize',
      ],
    );
  });

  it('reject wrong arguments', () => {
    const x = zeros([1, 3, 4, 4], 'uint8');
    const says = (make: () => unknown, text: RegExp) =>
      assert.throws(make, (error) => error instanceof UsageError && text.test(error.message));
    const apply = (...list: transforms.Transform[]) => transforms.compose(list).apply(x, context());
    says(() => apply(transforms.toTensor(), transforms.toTensor()), /second time/);
    says(() => apply(transforms.toTensor(), transforms.centerCrop(2), transforms.toTensor()), /second time/);
    says(() => apply(transforms.normalize([0, 0, 0], [1, 1, 1])), /toTensor\(\) before normalize/);
    says(
      () => apply(transforms.resize(8), transforms.normalize([0, 0, 0], [1, 1, 1])),
      /toTensor\(\) before/,
    );
    says(() => apply(transforms.randomCrop(6)), /images smaller than the window.*6×6.*4×4/);
    says(() => transforms.resize(8).apply(zeros([3, 4, 4], 'uint8'), context()), /\[N, C, H, W\]/);
    says(() => transforms.resize(0), /resize got a bad size/);
    says(() => transforms.centerCrop([1, 2.5]), /centerCrop got a bad size/);
    says(() => transforms.pad([1, 2, 3]), /pad got a bad padding/);
    says(() => transforms.randomCrop(3, { padding: -1 }), /bad padding/);
    says(() => transforms.randomHorizontalFlip(2), /bad probability/);
    says(() => transforms.normalize([0], [0]), /above 0/);
    says(() => transforms.normalize([0, 1], [1]), /for each channel/);
    assert.throws(() => apply(transforms.toTensor(), transforms.normalize([0], [1])), ShapeError);
  });
});

describe('transforms on the onednn device', () => {
  let device: Device;
  before(async () => {
    ({ device } = await openDevice('onednn', { threads: 2 }));
  });
  after(() => device.close());

  for (const given of transformCases)
    it(`agree with torchvision: ${given.name}`, () => checkTransform(device, given));
});
