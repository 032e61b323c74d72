import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Split } from '../../src/distributed/split.js';
import { UsageError } from '../../src/errors/errors.js';
import { withoutInit } from '../../src/nn/init.js';
import { buildModel, partsOf } from '../../src/papers/paper.js';
import { parallelOf } from '../../src/papers/parallel.js';
import { openPaper } from '../../src/papers/registry.js';
import { scratch } from '../support/toy.js';
import { alexNet, equality } from './equality.js';
import { CLI, launchers, skip, start } from './launch.js';

let root: string;
let remove: () => unknown;
before(async () => {
  root = await scratch({ after: (body) => void (remove = body as () => unknown) });
});
after(() => remove());

describe('a model in parts', () => {
  test('is cut along one dimension of each tensor, and joined again', () => {
    const dims = new Map([
      ['fc.weight', 1],
      ['fc.bias', 0],
    ]);
    const splits = [0, 1, 2].map((rank) => new Split(dims, 3, rank));
    const whole = { shape: [2, 6], data: Float32Array.from({ length: 12 }, (_, i) => i) };
    const parts = splits.map((split) => split.part('momentum.fc.weight', whole));
    assert.deepEqual(
      parts.map(({ shape, data }) => [shape, [...data]]),
      [
        [
          [2, 2],
          [0, 1, 6, 7],
        ],
        [
          [2, 2],
          [2, 3, 8, 9],
        ],
        [
          [2, 2],
          [4, 5, 10, 11],
        ],
      ],
    );
    const joined = splits[0]!.join(
      1,
      [2, 2],
      parts.map(({ data }) => data),
    );
    assert.deepEqual(joined, whole);
    const doubles = [Float64Array.of(1 / 3, 2 / 3), Float64Array.of(4 / 3, 5 / 3)];
    assert.deepEqual(splits[0]!.join(1, [2, 1], doubles).data, Float64Array.of(1 / 3, 4 / 3, 2 / 3, 5 / 3));
    assert.deepEqual(
      splits[1]!.part('fc.bias', { shape: [3], data: Int32Array.of(5, 6, 7) }).data,
      Int32Array.of(6),
    );
    // Other tensors are on all ranks, also those whose names only end alike.
    for (const key of ['fc.scale', 'xfc.bias']) assert.equal(splits[0]!.part(key, whole), whole);
    assert.throws(() => splits[0]!.part('fc.bias', { shape: [4], data: new Float32Array(4) }), UsageError);
  });

  test('is refused where parts would train differently', async () => {
    const paper = await openPaper('alexnet');
    const { model, training } = partsOf(paper.recipes.paper!);
    const check = (changes: object, options = {}, name = 'towers', ranks = 2) => {
      const config = { ...model, paper: 'alexnet', classes: ['a'], options };
      const whole = withoutInit(() => buildModel(paper, config));
      return parallelOf(paper, name, { model: whole, config: { ...training, ...changes }, ranks });
    };
    assert.equal(check({}).ranks, 2);
    for (const [refused, message] of [
      [() => check({ clipNorm: 1 }), /--clip-norm cannot be used with --parallel towers/],
      [() => check({ syncBn: true }), /--sync-bn cannot be used/],
      [() => check({ optimizer: 'lamb' }), /--optimizer lamb cannot be used/],
      [() => check({}, {}, 'towers', 4), /--parallel towers needs 2 ranks/],
      [() => check({}, {}, 'pipeline'), /cannot be divided with --parallel pipeline/],
      [() => check({}, { hidden: 33 }), /classifier\.0\.weight cannot be divided over 2 ranks/],
    ] as const)
      assert.throws(refused, (error) => error instanceof UsageError && message.test(error.message));
  });
});

describe('AlexNet’s two towers on two ranks', { skip }, () => {
  test('are the grouped network of one process, whose checkpoints they write and read', async () => {
    const folder = join(root, 'towers');
    const given = { ...alexNet(16, 4), parallel: 'towers' };
    const config = { ...given.config, ema: 0.5, accumulate: 2, onNan: 'rollback' } as const;
    const { apart, resumed, sameBits } = await equality(
      folder,
      launchers[0]!,
      { ...given, config },
      { steps: 4, ranks: [2], resumed: [2, 1] },
    );
    for (const distance of [apart[2]!, resumed[1]!, resumed[2]!]) assert.ok(distance < 1e-4, `${distance}`);
    assert.ok(sameBits, 'towers that resume have other bits than towers that do not');
    const [one, two] = ['one', 'of-2'].map((name) => {
      const lines = readFileSync(join(folder, name, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n');
      return lines.map((line) => JSON.parse(line)).find(({ event }) => event === 'epoch');
    });
    assert.deepEqual([two!.testAccuracy, two!.testImages], [one!.testAccuracy, one!.testImages]);
    assert.ok(Math.abs(two!.testLoss - one!.testLoss) < 1e-4);
  });

  test('are the same network in float64, to 12 digits', async () => {
    const given = { ...alexNet(16, 2), parallel: 'towers', double: true };
    const options = { steps: 2, ranks: [2], resumed: [2] };
    const { apart, sameBits } = await equality(join(root, 'float64'), launchers[0]!, given, options);
    assert.ok(apart[2]! < 1e-12, `${apart[2]}`);
    assert.ok(sameBits);
  });

  test('are trained by the command line; other ranks are refused before a run begins', async () => {
    const flags =
      '--preset paper --image-size 63 --hidden 16 --dataset shapes10 --batch-size 4 --eval-limit 8';
    const train = (ranks: number, ...more: string[]) =>
      start(launchers.at(-1)!, ranks, [CLI, 'train', '--device', 'onednn', ...more], { cwd: root }).ended;
    const first = await train(
      2,
      ...flags.split(' '),
      '--max-steps',
      '2',
      '--parallel',
      'towers',
      '--run',
      'r',
    );
    assert.equal(first.code, 0, first.stderr);
    const next = await train(2, '--resume', '--run', 'r', '--max-steps', '3', '--parallel', 'towers');
    assert.equal(next.code, 0, next.stderr);
    assert.match(next.stderr, /Resuming after step 2/);
    const refused = await train(3, ...flags.split(' '), '--parallel', 'towers', '--run', 'never');
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /--parallel towers needs 2 ranks/);
    assert.ok(!existsSync(join(root, 'never')));
  });
});
