import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Generator, PaperweightError } from '../../../src/core.js';
import { DataLoader } from '../../../src/data/loader.js';
import { SampleSubset } from '../../../src/data/samples/sample-subset.js';
import { TensorDataset } from '../../../src/data/samples/tensor-dataset.js';
import { Shapes10 } from '../../../src/data/shapes10/shapes10.js';
import { Subset } from '../../../src/data/subset.js';
import '../../../src/core.js';
import { tensor } from '../../../src/tensor/tensor.js';

const rows = () =>
  TensorDataset.of(
    tensor([
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 7],
    ]),
    Int32Array.of(9, 8, 7, 6),
  );

test('a subset of samples has those of the list, in its order, with any number of workers', async () => {
  const set = await rows();
  const order = new Generator(1).permutation(4);
  const parts = [new SampleSubset(set, order.subarray(0, 3)), new SampleSubset(set, order.subarray(3))];
  const seen: number[] = [];
  for (const part of parts)
    for await (const [x, y] of new DataLoader(part, { batchSize: 2 })) {
      const labels = [...(await y.data())];
      assert.deepEqual(
        [...(await x.data())],
        labels.flatMap((label) => [2 * (9 - label), 2 * (9 - label) + 1]),
      );
      seen.push(...labels);
    }
  assert.deepEqual(
    seen,
    Array.from(order, (i) => 9 - i),
  );
  for await (const [, y] of new DataLoader(new SampleSubset(set, [3, 0]), { batchSize: 2, workers: 1 }))
    assert.deepEqual([...(await y.data())], [6, 9]);
  const random = SampleSubset.random(set, 2, 5);
  assert.equal(random.length, 2);
  assert.equal(random.name, 'TensorDataset, 2 of 4');
});

test('what is not in the set, and sets of another kind, are refused', async () => {
  const set = await rows();
  const images = await Shapes10.open({ train: true, length: 4 });
  const wrong: readonly (readonly [() => unknown, RegExp])[] = [
    [() => new SampleSubset(set, [4]), /no sample 4/],
    [() => new SampleSubset(set, [0.5]), /no sample 0\.5/],
    [() => new SampleSubset(set, 3 as never), /no list of indices/],
    [() => new SampleSubset(set, [1]).get(1), /no sample 1/],
    [() => SampleSubset.random(set, 5), /cannot have this size/],
    [() => new SampleSubset(images as never, [1]), /use Subset for labelled images/],
    [() => new Subset(set as never, [1]), /use SampleSubset/],
  ];
  for (const [run, says] of wrong)
    assert.throws(run, (error) => error instanceof PaperweightError && says.test(error.message), String(run));
});
