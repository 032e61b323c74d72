import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { DataLoader } from '../../../src/data/loader.js';
import {
  BatchSampler,
  RandomSampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from '../../../src/data/samplers/samplers.js';
import type { SampleSet } from '../../../src/data/samples/sample.js';
import { UsageError } from '../../../src/errors/errors.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';

setDefaultDevice(referenceDevice());

const set: SampleSet<number> = { name: 'numbers', length: 10, get: (i) => i };

async function visited(options: ConstructorParameters<typeof DataLoader<number>>[1], epoch = 0, start = 0) {
  const loader = new DataLoader(set, options);
  const found: number[][] = [];
  for await (const batch of loader.batches(epoch, start))
    found.push([...(await loader.tensors(batch, epoch).data())]);
  return found;
}

const sorted = (values: ArrayLike<number>) => Array.from(values).sort((a, b) => a - b);

describe('samplers', () => {
  it('go through a data set in order or at random, anew each epoch', async () => {
    const sequential = await visited({ batchSize: 4, sampler: new SequentialSampler(set) });
    assert.deepEqual(sequential, [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    const sampler = new RandomSampler(set, { seed: 1 });
    const [first, second] = [
      await visited({ batchSize: 4, sampler }),
      await visited({ batchSize: 4, sampler }, 1),
    ];
    assert.notDeepEqual(first, second);
    assert.deepEqual(sorted(first.flat()), sorted(second.flat()));
    assert.deepEqual(await visited({ batchSize: 4, sampler }, 1, 1), second.slice(1));
  });

  it('draw more or fewer than the data set has', () => {
    const more = new RandomSampler(set, { numSamples: 25 }).indices(0);
    for (const from of [0, 10])
      assert.deepEqual(sorted(more.subarray(from, from + 10)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(new Set(new RandomSampler(set, { numSamples: 6 }).indices(3)).size, 6);
    const replaced = new RandomSampler(set, { replacement: true, numSamples: 10_000 }).indices(0);
    const zeros = replaced.filter((i) => i === 0).length;
    assert.ok(Math.abs(zeros - 1000) < 150, `${zeros}`);
  });

  it('draw by weight, with and without replacement', () => {
    const weights = [0, 1, 3, 0];
    const drawn = new WeightedRandomSampler(weights, 20_000).indices(0);
    const counts = weights.map((_, i) => drawn.filter((index) => index === i).length);
    assert.deepEqual([counts[0], counts[3]], [0, 0]);
    assert.ok(Math.abs(counts[1]! - 5000) < 300, `${counts}`);
    const single = new WeightedRandomSampler(weights, 2, { replacement: false });
    assert.deepEqual(sorted(single.indices(0)), [1, 2]);
    const firsts = Array.from({ length: 4000 }, (_, epoch) => single.indices(epoch)[0]!);
    const ones = firsts.filter((i) => i === 1).length;
    assert.ok(Math.abs(ones - 1000) < 120, `${ones}`);
  });

  it('draw from a part', async () => {
    const found = await visited({ batchSize: 5, sampler: new SubsetRandomSampler([7, 2, 9]) });
    assert.equal(found.length, 1);
    assert.deepEqual(sorted(found[0]!), [2, 7, 9]);
  });

  it('choose whole batches', async () => {
    const batchSampler = new BatchSampler(new SequentialSampler(set), 4, true);
    assert.deepEqual(await visited({ batchSampler }), [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    const own = { length: 2, batches: (epoch: number) => [[epoch], [1, 2, 3]] };
    assert.deepEqual(await visited({ batchSampler: own }, 5), [[5], [1, 2, 3]]);
  });

  it('refuse what does not fit', async () => {
    const sampler = new SequentialSampler(set);
    assert.throws(() => new DataLoader(set, { sampler, shuffle: true }), /both sampler and shuffle/);
    assert.throws(
      () => new DataLoader(set, { batchSampler: new BatchSampler(sampler, 2), batchSize: 2 }),
      /both batchSampler and batchSize/,
    );
    assert.throws(() => new DataLoader(set, { sampler: [1, 2] as never }), /not a sampler/);
    assert.throws(() => new BatchSampler(sampler, 0), UsageError);
    assert.throws(() => new WeightedRandomSampler([0, 0], 1), /none above 0/);
    assert.throws(() => new WeightedRandomSampler([1, -1], 1), /-1 at position 1/);
    assert.throws(() => new WeightedRandomSampler([1, 0], 2, { replacement: false }), /from 1 to 1/);
    assert.throws(() => new SubsetRandomSampler([1.5]), /1.5 at position 0/);
    await assert.rejects(visited({ sampler: new SubsetRandomSampler([10]) }), /from 0 to 9/);
    await assert.rejects(
      visited({ sampler: { length: 3, indices: () => [0] } }),
      /another number of indices than its length/,
    );
  });
});
