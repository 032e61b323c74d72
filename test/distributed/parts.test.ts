import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { schedule } from '../../src/backend/plan/schedule.js';
import { referenceDevice } from '../../src/core.js';
import { DataLoader } from '../../src/data/loader.js';
import { Subset } from '../../src/data/subset.js';
import * as transforms from '../../src/data/transforms/index.js';
import { launcherOf } from '../../src/distributed/mpi/launcher.js';
import { abiOf, checkPair } from '../../src/distributed/mpi/library.js';
import { AwakeClock } from '../../src/distributed/thread/awake.js';
import { MainWatch } from '../../src/distributed/thread/main-watch.js';
import { addParts } from '../../src/distributed/thread/sums.js';
import { buildGraph } from '../../src/graph/graph.js';
import { hostLeaf } from '../../src/graph/node.js';
import { Dropout } from '../../src/nn/dropout.js';
import * as ops from '../../src/ops/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { manualSeed, withRows } from '../../src/tensor/random.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { tensor } from '../../src/tensor/tensor.js';
import { ToySet } from '../support/toy.js';

test('the launcher is known by its environment', () => {
  const of = (env: Record<string, string>) => launcherOf(env);
  assert.equal(of({}), undefined);
  assert.deepEqual(of({ OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '4' }), {
    kind: 'openmpi',
    rank: 1,
    size: 4,
  });
  assert.deepEqual(of({ PMI_RANK: '0', PMI_SIZE: '2' }), { kind: 'mpich', rank: 0, size: 2 });
  assert.deepEqual(of({ PMI_RANK: '0', PMI_SIZE: '2', SLURM_STEP_ID: '3' }), {
    kind: 'slurm',
    rank: 0,
    size: 2,
  });
  assert.deepEqual(of({ SLURM_PROCID: '5', SLURM_STEP_NUM_TASKS: '8' }), { kind: 'slurm', rank: 5, size: 8 });
  // A shell that Slurm has started.
  assert.equal(of({ SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '1' }), undefined);
  assert.equal(of({ SLURM_PROCID: '0', SLURM_NTASKS: '8' }), undefined);
  assert.equal(of({ PMI_RANK: 'x', PMI_SIZE: '2' }), undefined);
});

test('the kind of a library is known by its symbols and its name', () => {
  assert.equal(
    abiOf('libmpi.so.40', (name) => name === 'ompi_mpi_comm_world'),
    'openmpi',
  );
  assert.equal(
    abiOf('/opt/lib/libmpi_abi.so.1', () => false),
    'standard',
  );
  assert.equal(
    abiOf('libmpi.so.12', () => false),
    'mpich',
  );
  const mpich = { kind: 'mpich', rank: 0, size: 2 } as const;
  assert.throws(() => checkPair(mpich, 'openmpi', 'libmpi.so.40'), /different makes.*library of MPICH/);
  checkPair(mpich, 'mpich', 'libmpich.so.12');
  checkPair(mpich, 'standard', 'libmpi_abi.so.1');
  checkPair({ ...mpich, kind: 'slurm' }, 'openmpi', 'libmpi.so.40');
});

test('parts are added in the order of ranks, with one rounding', () => {
  const big = 2 ** 24;
  const parts = [Float32Array.of(big, 1), Float32Array.of(1, 2), Float32Array.of(1, 3)];
  for (const _ of addParts(parts, parts[1]!));
  assert.deepEqual([...parts[1]!], [big + 2, 6]);
  const sums = new Float32Array(2);
  for (const _ of addParts([Float32Array.of(1, 2 ** 127), Float32Array.of(2, 2 ** 127)], sums, 0.5));
  assert.deepEqual([...sums], [1.5, 2 ** 127]);
});

test('long sums pause for heartbeats', () => {
  const length = 2 ** 17 + 5;
  const parts = [1, 2, 3].map((value) => new Float32Array(length).fill(value));
  let pauses = 0;
  for (const _ of addParts(parts, parts[0]!)) pauses++;
  assert.equal(pauses, 3);
  assert.ok(parts[0]!.every((value) => value === 6));
});

test('a clock stands still while the process is stopped', () => {
  let real = 1000;
  const clock = new AwakeClock(() => real);
  const began = clock.now;
  for (const gap of [250, 2500, 60_000, 250, 4000, 250]) {
    real += gap;
    clock.tick();
  }
  assert.equal(clock.now - began, 250 + 2500 + 250 + 250);
});

test('a silent main thread is hung if it computes, and only busy if it gets no processor', () => {
  const limit = 8000;
  /** Seconds until a thread counts as hung that gets this share of a processor. */
  const until = (share: number | undefined): number => {
    const watch = new MainWatch();
    for (let now = 0; ; now += 250) {
      const cpu = share === undefined ? undefined : share * now;
      const silent = watch.look(1, now, cpu, limit);
      if (silent !== undefined) return silent / 1000;
    }
  };
  for (const share of [1, 0.5, 0.21, undefined]) assert.ok(until(share) <= 8.25, `${share}`);
  assert.ok(until(0.11) < 15);
  assert.ok(until(0.05) > 25);
  assert.ok(until(0) > 40);
  const watch = new MainWatch();
  for (let now = 0; now < 100_000; now += 250)
    assert.equal(watch.look(Math.floor(now / 5000), now, now, limit), undefined);
});

describe('ranks share a batch', () => {
  const set = new ToySet(23);
  const transform = transforms.compose([
    transforms.randomCrop(8, { padding: 2 }),
    transforms.randomHorizontalFlip(),
    transforms.toTensor(),
  ]);
  const read = async (options: object) => {
    const loader = new DataLoader(set, { batchSize: 10, shuffle: true, seed: 3, transform, ...options });
    const found: { images: number[]; labels: number[]; rows: unknown }[] = [];
    for await (const batch of loader.batches(1)) {
      const [inputs, labels] = loader.tensors(batch, 1);
      found.push({
        images: [...(await inputs.data())],
        labels: [...(await labels.data())],
        rows: batch.rows,
      });
    }
    return found;
  };

  test('with the same images and the same augmentation', async () => {
    setDefaultDevice(referenceDevice());
    const whole = await read({});
    for (const ranks of [2, 3]) {
      const parts = [];
      for (let rank = 0; rank < ranks; rank++) parts.push(await read({ ranks, rank, workers: 0 }));
      for (const [i, { images, labels }] of whole.entries()) {
        assert.deepEqual(
          parts.flatMap((part) => part[i]!.images),
          images,
        );
        assert.deepEqual(
          parts.flatMap((part) => part[i]!.labels),
          labels,
        );
      }
    }
  });

  test('a rank without an image gets a placeholder', async () => {
    setDefaultDevice(referenceDevice());
    const loader = (rank: number) =>
      new DataLoader(new Subset(set, [5, 6]), { batchSize: 4, ranks: 3, rank }).batches(0).next();
    const all = await Promise.all([0, 1, 2].map(loader));
    assert.deepEqual(
      all.map(({ value }) => [value!.rows!.count, value!.labels.length, value!.rows!.total]),
      [
        [0, 1, 2],
        [1, 1, 2],
        [1, 1, 2],
      ],
    );
  });

  test('with the same dropout masks', async () => {
    setDefaultDevice(referenceDevice());
    const dropout = new Dropout(0.5);
    const ones = (rows: number) => tensor(new Float32Array(rows * 7).fill(1), { shape: [rows, 7] });
    manualSeed(4);
    const whole = [...(await dropout.forward(ones(9)).data())];
    const parts: number[] = [];
    for (const [start, count] of [
      [0, 4],
      [4, 2],
      [6, 3],
    ] as const) {
      manualSeed(4);
      const part = withRows({ start, count, total: 9 }, () => dropout.forward(ones(count)));
      parts.push(...(await part.data()));
    }
    assert.deepEqual(parts, whole);
    assert.ok(new Set(whole).size === 2);
  });
});

test('an exchange starts as soon as its values are ready', () => {
  const x = hostLeaf(Float32Array.of(1, 2), [2], 'float32');
  const first = ops.exp(x);
  const second = ops.exp(first);
  const [sum] = ops.sumTogether([first], { ranks: 1, wire: 'float32', label: 'x' });
  const { graph } = buildGraph([second, sum!], []);
  const order = schedule(graph).map((i) => graph.nodes[i]!.op);
  assert.deepEqual(order, ['feed', 'exp', 'sumStart', 'exp', 'sumEnd']);
});

test('a value that updates a parameter is computed before its sum over the ranks', async () => {
  const weights = new Parameter(Float32Array.of(1, 2), [2]);
  await weights.place(referenceDevice());
  const x = hostLeaf(Float32Array.of(3, 4), [2], 'float32');
  const moved = ops.add(weights.node, x);
  const [sum] = ops.sumTogether([moved], { ranks: 1, wire: 'float32', label: 'x' });
  // Reads the old weights after the sum, so the update itself has to wait.
  const old = ops.mul(weights.node, sum!);
  const { graph } = buildGraph([old], [{ storage: weights.storage!, node: moved }]);
  const order = schedule(graph);
  const at = (op: string): number => order.findIndex((i) => graph.nodes[i]!.op === op);
  assert.ok(at('add') < at('sumStart') && at('sumStart') < at('sumEnd') && at('sumEnd') < at('mul'));
});
