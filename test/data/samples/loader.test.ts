import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import type { Dataset, FloatDataset } from '../../../src/data/dataset.js';
import { DataLoader } from '../../../src/data/loader.js';
import { GeneratedDataset } from '../../../src/data/samples/generated.js';
import { padSequence } from '../../../src/data/samples/pad-sequence.js';
import type { IterableSet, SampleSet } from '../../../src/data/samples/sample.js';
import { TensorDataset } from '../../../src/data/samples/tensor-dataset.js';
import { compose, normalize, toTensor } from '../../../src/data/transforms/index.js';
import { DataError, ShapeError, UsageError } from '../../../src/errors/errors.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';
import { openSentences } from './fixtures.js';

setDefaultDevice(referenceDevice());

/** A data set from a list. */
const listed = <S>(samples: readonly S[], name = 'listed'): SampleSet<S> => ({
  name,
  length: samples.length,
  get: (i) => samples[i]!,
});

async function all<B>(loader: AsyncIterable<B>): Promise<B[]> {
  const found: B[] = [];
  for await (const batch of loader) found.push(batch);
  return found;
}

describe('DataLoader of samples', () => {
  it('stacks numbers, arrays, tensors, tuples, records and text', async () => {
    const [batch] = await all(new DataLoader(openSentences(4), { batchSize: 4 }));
    assert.deepEqual(batch!.ids.shape, [4, 3]);
    assert.equal(batch!.ids.dtype, 'int32');
    assert.deepEqual([...(await batch!.ids.data())], [0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5]);
    assert.deepEqual([batch!.label.dtype, batch!.label.shape], ['int32', [4]]);
    assert.deepEqual([...(await batch!.label.data())], [0, 1, 2, 0]);
    assert.deepEqual([batch!.weight.dtype, ...(await batch!.weight.data())], ['float32', 0, 0.5, 1, 1.5]);
    assert.deepEqual(batch!.text, ['sentence 0', 'sentence 1', 'sentence 2', 'sentence 3']);
  });

  it('gives several float targets of any shape', async () => {
    const set = listed(
      [0, 1, 2].map(
        (i) => [Float32Array.of(i, -i), i / 4, { data: new Float64Array(4).fill(i), shape: [2, 2] }] as const,
      ),
    );
    const [[inputs, first, second] = assert.fail()] = await all(new DataLoader(set, { batchSize: 3 }));
    assert.deepEqual([inputs.shape, first.shape, second.shape], [[3, 2], [3], [3, 2, 2]]);
    assert.deepEqual([inputs.dtype, first.dtype, second.dtype], ['float32', 'float32', 'float64']);
    assert.deepEqual([...(await first.data())], [0, 0.25, 0.5]);
  });

  it('gives the same batches in worker threads, from any batch on', async () => {
    const options = { batchSize: 3, shuffle: true, seed: 5 };
    const set = openSentences(11);
    const here = new DataLoader(set, options);
    const there = new DataLoader(set, { ...options, workers: 2 });
    for (const start of [0, 2]) {
      const rows = async (loader: typeof here) => {
        const found: unknown[] = [];
        for await (const batch of loader.batches(1, start)) {
          const { ids, label, text } = loader.tensors(batch, 1);
          found.push([batch.index, [...(await ids.data())], [...(await label.data())], text]);
        }
        return found;
      };
      const expected = await rows(here);
      assert.equal(expected.length, 4 - start);
      assert.deepEqual(await rows(there), expected);
    }
  });

  it('hands single samples to collate, in worker threads as well', async () => {
    const collate = (samples: Awaited<ReturnType<ReturnType<typeof openSentences>['get']>>[]) => {
      assert.ok(samples.every(({ label }) => label instanceof Tensor));
      return padSequence(
        samples.map(({ ids }, i) => ids.subarray(0, i + 1)),
        -1,
      );
    };
    for (const workers of [0, 1]) {
      const loader = new DataLoader(openSentences(4), { batchSize: 2, workers, collate });
      const [first] = await all(loader);
      assert.deepEqual([first!.dtype, first!.shape], ['int32', [2, 2]]);
      assert.deepEqual([...(await first!.data())], [0, -1, 1, 2]);
    }
  });

  it('names the sample whose structure, shape or type differs', async () => {
    const refused = async (samples: readonly unknown[], pattern: RegExp) =>
      assert.rejects(all(new DataLoader(listed(samples), { batchSize: 3 })), (error: DataError) => {
        assert.ok(error instanceof DataError, String(error));
        assert.match(error.message, pattern);
        return true;
      });
    await refused(
      [Int32Array.of(1, 2), Int32Array.of(1)],
      /int32 \[2\].*int32 \[1\] in sample 1.*padSequence/s,
    );
    await refused([Int32Array.of(1), Float32Array.of(1)], /float32 \[1\] in sample 1/);
    await refused([[1, 2], [1]], /a tuple of 2.*a tuple of 1/s);
    await refused([{ a: 1 }, { b: 1 }], /a record of a.*a record of b/s);
    await refused([1, 'a'], /a number.*a string/s);
    await refused([[1, undefined]], /sample 0 of listed, item 1, cannot be part of a batch/);
    await refused([{ data: new Float32Array(3), shape: [2] }], /3 values and shape \[2\]/);
    await refused([new Map()], /got a Map/i);
  });

  it('refuses options that do not fit', () => {
    const set = openSentences(3);
    const images: Dataset = {
      name: 'images',
      length: 2,
      classes: ['a'],
      imageShape: [1, 1, 1],
      read: () => 0,
    };
    assert.throws(() => new DataLoader(set, { transform: toTensor() }), /not a set of labelled images/);
    assert.throws(() => new DataLoader(images, { collate: () => 0 } as never), /set of labelled images/);
    assert.throws(() => new DataLoader(set, { collate: 1 as never }), UsageError);
    assert.throws(() => new DataLoader({ get: () => 1, length: 2 } as never), /a name, and a length/);
    assert.throws(() => new DataLoader(listed([])), /has no samples/);
  });
});

describe('IterableSet', () => {
  const counted = (length: number | undefined, real = 7): IterableSet<number> => ({
    name: 'stream',
    length,
    *iterate(epoch) {
      for (let i = 0; i < real; i++) yield 100 * epoch + i;
    },
  });
  const values = async (loader: DataLoader<number>, epoch = 0, start = 0) => {
    const found: number[][] = [];
    for await (const batch of loader.batches(epoch, start))
      found.push([batch.index, ...(await loader.tensors(batch, epoch).data())]);
    return found;
  };

  it('is read in its order, and resumed at a batch', async () => {
    const loader = new DataLoader(counted(7), { batchSize: 3 });
    assert.equal(loader.length, 3);
    assert.deepEqual(await values(loader, 1), [
      [0, 100, 101, 102],
      [1, 103, 104, 105],
      [2, 106],
    ]);
    assert.deepEqual(await values(loader, 1, 1), [
      [1, 103, 104, 105],
      [2, 106],
    ]);
    assert.deepEqual(await values(new DataLoader(counted(7), { batchSize: 3, dropLast: true })), [
      [0, 0, 1, 2],
      [1, 3, 4, 5],
    ]);
  });

  it('may leave its length open, but may not be wrong about it', async () => {
    const open = new DataLoader(counted(undefined), { batchSize: 4 });
    assert.equal(open.length, Infinity);
    assert.equal((await values(open)).length, 2);
    await assert.rejects(values(new DataLoader(counted(8), { batchSize: 4 })), /expected 8.*got 7/is);
    await assert.rejects(values(new DataLoader(counted(6), { batchSize: 4 })), /more/);
  });

  it('refuses what needs an index', () => {
    for (const options of [{ shuffle: true }, { workers: 1 }])
      assert.throws(() => new DataLoader(counted(7), options), /can only be read in its order/);
  });
});

describe('TensorDataset', () => {
  it('has a row of each array as a sample', async () => {
    const set = await TensorDataset.of(
      tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      Int32Array.of(7, 8, 9),
    );
    const loader = new DataLoader(set, { batchSize: 2, workers: 1 });
    const [[x, y] = assert.fail()] = await all(loader);
    assert.deepEqual(
      [x!.shape, [...(await x!.data())]],
      [
        [2, 2],
        [1, 2, 3, 4],
      ],
    );
    assert.deepEqual([y!.dtype, y!.shape, [...(await y!.data())]], ['int32', [2], [7, 8]]);
  });

  it('refuses arrays of different lengths', async () => {
    await assert.rejects(TensorDataset.of(new Float32Array(3), new Float32Array(2)), ShapeError);
    await assert.rejects(TensorDataset.of([1, 2] as never), /convert it with tensor/);
    await assert.rejects(TensorDataset.of(), /no arrays/);
  });
});

describe('GeneratedDataset', () => {
  it('draws each sample from seed and index alone', async () => {
    const make = (seed: number) =>
      new GeneratedDataset({ length: 5, seed, sample: (generator, i) => [i, generator.normal()] as const });
    const again = [4, 0, 4].map((i) => make(3).get(i));
    assert.deepEqual(again[0], again[2]);
    assert.notEqual(make(3).get(1)[1], make(4).get(1)[1]);
    assert.throws(() => make(3).get(5), /no sample 5/);
    assert.throws(() => new GeneratedDataset({ length: 0, sample: () => 1 }), UsageError);
  });
});

describe('data sets of float images', () => {
  const floats: FloatDataset = {
    name: 'floats',
    length: 2,
    classes: ['a', 'b'],
    imageShape: [1, 1, 2],
    dtype: 'float32',
    read(index, into, offset) {
      into.set([0.25, -1.5 * index], offset);
      return index;
    },
  };

  it('reach the network as they are', async () => {
    const [[raw] = assert.fail()] = await all(new DataLoader(floats, { batchSize: 2 }));
    assert.deepEqual([raw.dtype, [...(await raw.data())]], ['float32', [0.25, -0, 0.25, -1.5]]);
    const transform = compose([toTensor(), normalize([0.25], [0.5])]);
    const [[inputs] = assert.fail()] = await all(new DataLoader(floats, { batchSize: 2, transform }));
    assert.deepEqual([...(await inputs.data())], [0, -0.5, 0, -3.5]);
  });

  it('say how to give floats, where bytes were expected', async () => {
    const bytes = { ...floats, dtype: undefined } as unknown as Dataset;
    await assert.rejects(all(new DataLoader(bytes)), /dtype: 'float32'/);
    assert.throws(() => new DataLoader({ ...floats, dtype: 'float16' as never }), /a dtype of/);
  });
});

describe('padSequence', () => {
  it('pads to the longest', async () => {
    const padded = padSequence([Float32Array.of(1, 2), { data: Float32Array.of(3), shape: [1] }], 9);
    assert.deepEqual(
      [padded.shape, [...(await padded.data())]],
      [
        [2, 2],
        [1, 2, 3, 9],
      ],
    );
    const rows = padSequence([
      { data: Int32Array.of(1, 2), shape: [1, 2] },
      { data: Int32Array.of(3, 4, 5, 6), shape: [2, 2] },
    ]);
    assert.deepEqual(
      [rows.shape, [...(await rows.data())]],
      [
        [2, 2, 2],
        [1, 2, 0, 0, 3, 4, 5, 6],
      ],
    );
  });

  it('refuses what cannot be stacked', () => {
    assert.throws(() => padSequence([]), UsageError);
    assert.throws(() => padSequence([Float32Array.of(1), Int32Array.of(1)]), /int32/);
    assert.throws(() => padSequence([tensor([1])] as never), /await tensor.data\(\)/);
  });
});
