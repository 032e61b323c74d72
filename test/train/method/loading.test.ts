import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AnySet } from '../../../src/data/dataset.js';
import {
  BatchSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from '../../../src/data/samplers/samplers.js';
import { GeneratedDataset } from '../../../src/data/samples/generated.js';
import { type Tensor, tensor } from '../../../src/tensor/tensor.js';
import type { LoaderParts, LoaderSetup } from '../../../src/train/method/loading.js';
import type { StepContext } from '../../../src/train/method/method.js';
import { openSentences } from '../../data/samples/fixtures.js';
import { bytesIn, measuredIn } from '../../support/runs/killed-runs.js';
import { type OwnRun, ownRun, rows, squares } from '../../support/runs/own-runs.js';

/** From one to three boxes of four numbers. */
const boxes = (length: number): AnySet =>
  new GeneratedDataset({
    name: 'boxes',
    length,
    sample: (generator) => {
      const count = 1 + generator.integer(3);
      const data = Float32Array.from({ length: 4 * count }, () => generator.uniform());
      return { boxes: { data, shape: [count, 4] } };
    },
  });

interface Found {
  readonly boxes: { readonly data: Float32Array; readonly shape: readonly number[] };
}

const weighted: (setup: LoaderSetup) => LoaderParts = ({ set, train, config: { seed } }) => {
  const weights = Array.from({ length: set.length! }, (_, i) => (i % 3 === 0 ? 5 : 1));
  return train ? { sampler: new WeightedRandomSampler(weights, 20, { seed }) } : {};
};

const sized: (setup: LoaderSetup) => LoaderParts = ({ train, config: { seed } }) =>
  train
    ? { batchSampler: new BatchSampler(new SubsetRandomSampler([1, 3, 5, 7, 9, 11, 13], { seed }), 3) }
    : {};

const padded = (samples: readonly unknown[]): readonly Tensor[] =>
  (samples as readonly Found[]).map(({ boxes: { data, shape } }) => tensor(data, { shape }));

interface Case extends Partial<OwnRun> {
  readonly loader: (setup: LoaderSetup) => LoaderParts;
  readonly inputs?: (batch: never) => Tensor;
  /** Samples of each batch of the first epoch. */
  readonly counts: readonly number[];
}

const sum = (tensors: readonly Tensor[]): Tensor =>
  tensors.map((one) => one.sum(0)).reduce((a, b) => a.add(b));

const CASES: Readonly<Record<string, Case>> = {
  'a collate of samples that cannot be stacked': {
    loader: () => ({ collate: padded }),
    trainSet: boxes(24),
    testSet: boxes(12),
    inputs: (batch) => sum(batch),
    counts: [8, 8, 8],
  },
  'a sampler that draws by weight': { loader: weighted, counts: [8, 8, 4] },
  'a sampler of batches of a part of the samples': { loader: sized, counts: [3, 3, 1] },
  'a last batch that is left out': {
    loader: ({ train }) => (train ? { dropLast: true } : {}),
    trainSet: rows(23),
    counts: [8, 8],
  },
  'worker threads': {
    loader: () => ({ workers: 1 }),
    trainSet: openSentences(24),
    testSet: openSentences(12),
    inputs: ({ weight }: { weight: Tensor }) => weight.unsqueeze(1).mul(tensor([[1, 2, 3, 4]])),
    counts: [8, 8, 8],
  },
};

describe('a paper decides how batches are made', () => {
  for (const [name, { counts, inputs = (batch: Tensor) => batch, ...parts }] of Object.entries(CASES))
    test(`by ${name}, and an ended run goes on bit for bit`, async (t) => {
      let last = Number.POSITIVE_INFINITY;
      let seen: StepContext[] = [];
      const training = squares(({ model }) => ({
        loss: (batch: never, context: StepContext) => {
          if (seen.length === last) throw new Error('ended');
          seen.push(context);
          return model.forward(inputs(batch)).square().mean();
        },
        measure: (batch: never) => ({ loss: model.forward(inputs(batch)).square().mean() }),
      }));
      const run = { training, config: { checkpointEvery: 2 }, ...parts };
      const whole = await ownRun(t, run);
      await whole.trainer.run();
      assert.deepEqual(
        seen.slice(0, counts.length).map(({ count }) => count),
        counts,
      );
      assert.equal(seen.length, 2 * counts.length);
      const indices = seen.map((one) => [...one.indices]);
      [seen, last] = [[], counts.length + 1];
      const ended = await ownRun(t, run);
      await assert.rejects(ended.trainer.run(), /ended/);
      [seen, last] = [[], Number.POSITIVE_INFINITY];
      const again = await ownRun(t, { ...run, path: ended.path });
      await again.trainer.run();
      assert.deepEqual(
        seen.map((one) => [...one.indices]),
        indices.slice(-seen.length),
      );
      assert.deepEqual(await measuredIn(ended.path), await measuredIn(whole.path));
      assert.deepEqual(await bytesIn(ended.path, 'checkpoints'), await bytesIn(whole.path, 'checkpoints'));
    });

  for (const [name, loader, message] of [
    ['an unknown part', () => ({ collat: () => 1 }), /no option collat.*did you mean collate\?/],
    ['nothing', () => undefined, /loader\(\) of Rows returned no options/],
    [
      'a sampler for the test set',
      () => ({ sampler: new SubsetRandomSampler([1, 2]) }),
      /a sampler for the test set.*only if train is true/,
    ],
    [
      'a sampler that is not a pure function',
      ({ train }: LoaderSetup) => (train ? { sampler: { length: 2, indices: () => [0, counted++] } } : {}),
      /other indices for the same epoch/,
    ],
    [
      'something else as a sampler',
      ({ train }: LoaderSetup) => (train ? { sampler: {} } : {}),
      /not a sampler/,
    ],
    ['workers without a way to open the set', () => ({ workers: 1 }), /no workerSpec/],
    [
      'a collate that throws',
      () => ({
        collate: () => {
          throw new Error('my bug');
        },
      }),
      /collate\(\) of Rows threw an Error\. Got my bug/,
    ],
    ['a collate without a result', () => ({ collate: () => undefined }), /returned nothing/],
  ] as const)
    test(`but not by ${name}`, async (t) => {
      await assert.rejects(async () => {
        const { trainer } = await ownRun(t, {
          training: squares(),
          loader: loader as (setup: LoaderSetup) => LoaderParts,
        });
        await trainer.run();
      }, message);
    });

  for (const [name, part] of [
    ['collate', padded],
    ['sampler', new SubsetRandomSampler([1, 2])],
    ['batchSampler', new BatchSampler(new SubsetRandomSampler([1, 2]), 2)],
    ['dropLast', true],
  ] as const)
    test(`a ${name} of the data set itself is refused, unless the loader returns it`, async (t) => {
      const trainSet = Object.assign(rows(24), { [name]: part });
      const run = { training: squares(), trainSet };
      for (const loader of [undefined, () => ({ prefetch: 1 })])
        await assert.rejects(
          ownRun(t, { ...run, loader }),
          new RegExp(
            `data set rows of Rows has a ${name}.*what the paper’s loader\\(\\) returns.*a loader: `,
          ),
        );
      const set = { ...run, testSet: trainSet };
      await ownRun(t, {
        ...set,
        loader: ({ train }) => (train || name === 'collate' ? { [name]: part } : {}),
      });
    });
});

let counted = 0;
