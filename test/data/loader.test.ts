import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Batch } from '../../src/data/batch.js';
import type { Dataset } from '../../src/data/dataset.js';
import { enumerate } from '../../src/data/enumerate.js';
import { batchCount, epochOrder } from '../../src/data/epoch-order.js';
import { DataLoader } from '../../src/data/loader.js';
import { Shapes10 } from '../../src/data/shapes10/shapes10.js';
import { Subset } from '../../src/data/subset.js';
import * as transforms from '../../src/data/transforms/index.js';
import { DataError, UsageError } from '../../src/errors/errors.js';
import { countingSpec, openCounting } from './worker-fixtures.js';

async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const order = (batches: Batch[]) => batches.flatMap((batch) => [...batch.indices]);

test('the order is a pure function of seed and epoch', () => {
  const base = { length: 100, shuffle: true, seed: 1, epoch: 0 };
  const first = epochOrder(base);
  assert.deepEqual(epochOrder(base), first);
  assert.deepEqual(
    [...first].sort((a, b) => a - b),
    [...Array(100).keys()],
  );
  assert.notDeepEqual(epochOrder({ ...base, epoch: 1 }), first);
  assert.notDeepEqual(epochOrder({ ...base, seed: 2 }), first);
  assert.deepEqual([...epochOrder({ ...base, shuffle: false })], [...Array(100).keys()]);
  assert.deepEqual([batchCount(10, 4, false), batchCount(10, 4, true), batchCount(8, 4, false)], [3, 2, 2]);
});

for (const workers of [0, 2]) {
  test(`batches hold the right images, labels and shapes (workers: ${workers})`, async () => {
    const loader = new DataLoader(openCounting({ length: 10 }), { batchSize: 4, workers });
    const batches = await collect(loader.batches(0));
    assert.equal(loader.length, 3);
    assert.deepEqual(
      batches.map((batch) => batch.shape),
      [
        [4, 1, 2, 2],
        [4, 1, 2, 2],
        [2, 1, 2, 2],
      ],
    );
    assert.deepEqual(
      batches.map((batch) => batch.index),
      [0, 1, 2],
    );
    assert.deepEqual(order(batches), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual([...batches[2]!.images], [8, 8, 8, 8, 9, 9, 9, 9]);
    assert.deepEqual(batches[2]!.labels, Int32Array.of(8, 9));
    assert.ok(batches[0]!.images instanceof Uint8Array && batches[0]!.indices instanceof Int32Array);
  });

  test(`dropLast, shuffle and a start in the middle (workers: ${workers})`, async () => {
    const set = openCounting({ length: 23 });
    const options = { batchSize: 4, shuffle: true, dropLast: true, seed: 5, workers };
    const whole = await collect(new DataLoader(set, options).batches(3));
    assert.equal(whole.length, 5);
    const expected = epochOrder({ length: 23, shuffle: true, seed: 5, epoch: 3 });
    assert.deepEqual(order(whole), [...expected.subarray(0, 20)]);
    const rest = await collect(new DataLoader(set, options).batches(3, 2));
    assert.deepEqual(rest, whole.slice(2));
    assert.deepEqual(await collect(new DataLoader(set, options).batches(3, 5)), []);
  });

  test(`an error is thrown at its batch, after the good ones (workers: ${workers})`, async () => {
    const loader = new DataLoader(openCounting({ length: 20, bad: 9 }), { batchSize: 4, workers });
    const seen: number[] = [];
    const run = async () => {
      for await (const batch of loader.batches(0)) seen.push(batch.index);
    };
    await assert.rejects(run(), (error: Error) => {
      assert.ok(error instanceof DataError);
      assert.equal(error.message, 'image 9 is broken. Expected a; got b.');
      return true;
    });
    assert.deepEqual(seen, [0, 1]);
  });

  test(`breaking out of the loop stops reading and ends the threads (workers: ${workers})`, async () => {
    const beat = new SharedArrayBuffer(4);
    const set = openCounting({ length: 1000, beat });
    for await (const batch of new DataLoader(set, { batchSize: 2, workers }).batches(0)) {
      if (workers > 0) while (Atomics.load(new Int32Array(beat), 0) === 0) await delay(1);
      if (batch.index === 1) break;
    }
    const [beats, reads] = [new Int32Array(beat)[0], set.reads.length];
    await delay(30);
    assert.equal(new Int32Array(beat)[0], beats, 'the threads have ended');
    assert.equal(set.reads.length, reads);
    assert.ok(reads <= 8, `${reads} images read ahead`);
  });
}

test('for await over the loader yields tensors and counts epochs', async () => {
  const options = { batchSize: 4, shuffle: true, transform: transforms.toTensor() };
  const loader = new DataLoader(openCounting({ length: 12 }), options);
  for (const epoch of [0, 1]) {
    const raw = await collect(loader.batches(epoch));
    let index = 0;
    for await (const [i, [inputs, labels]] of enumerate(loader)) {
      assert.equal(i, index);
      const batch = raw[index++]!;
      assert.deepEqual(inputs.shape, batch.shape);
      assert.deepEqual(labels.node.source, { kind: 'host', data: batch.labels });
      assert.equal(inputs.dtype, 'float32');
    }
    assert.equal(index, 3);
  }
  assert.equal(loader.epoch, 2);
  const [first, second] = [order(await collect(loader.batches(0))), order(await collect(loader.batches(1)))];
  assert.notDeepEqual(first, second);
});

test('workers and prefetch do not change the batches', async () => {
  const set = new Subset(await Shapes10.open({ train: true, length: 60 }), [...Array(50).keys()].reverse());
  const runs: Batch[][] = [];
  for (const options of [{}, { prefetch: 0 }, { prefetch: 5 }, { workers: 1 }, { workers: 3, prefetch: 1 }]) {
    runs.push(await collect(new DataLoader(set, { batchSize: 7, shuffle: true, ...options }).batches(2)));
  }
  for (const run of runs.slice(1)) assert.deepEqual(run, runs[0]);
});

/** Waits until work that needs no time is done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
}

test('prefetch assembles while the consumer waits for something else', async () => {
  const set = openCounting({ length: 20 });
  const batches = new DataLoader(set, { batchSize: 2, prefetch: 3 }).batches(0);
  await batches.next();
  // The first image of a data set is read twice, to check that it has bytes.
  const most = 1 + 2 + 3 * 2;
  while (set.reads.length < most) await delay(1);
  await settled();
  assert.equal(set.reads.length, most);
  await batches.return();
  const lazy = openCounting({ length: 20 });
  const one = new DataLoader(lazy, { batchSize: 2, prefetch: 0 }).batches(0);
  await one.next();
  await settled();
  assert.equal(lazy.reads.length, 1 + 2);
  await one.return();
});

test('if a worker cannot open the data set, the error says why', async () => {
  const set: Dataset = {
    ...openCounting({ length: 8 }),
    workerSpec: countingSpec({ length: 8, closed: true }),
  };
  await assert.rejects(collect(new DataLoader(set, { workers: 1 }).batches(0)), (error: Error) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, /the set is closed. Next: try again later/);
    return true;
  });
  const lost: Dataset = { ...set, workerSpec: { ...set.workerSpec!, export: 'nothing' } };
  await assert.rejects(
    collect(new DataLoader(lost, { workers: 1 }).batches(0)),
    /exports no function "nothing"/,
  );
  const nowhere: Dataset = {
    ...set,
    workerSpec: { ...set.workerSpec!, module: new URL('./no-such-module.js', import.meta.url).href },
  };
  await assert.rejects(collect(new DataLoader(nowhere, { workers: 1 }).batches(0)), /Cannot find module/);
});

test('a worker that exits is an error, not an endless wait', async () => {
  const loader = new DataLoader(openCounting({ length: 12, deadly: 5 }), { workers: 1, prefetch: 1 });
  const seen: number[] = [];
  const run = async () => {
    for await (const batch of loader.batches(0)) seen.push(batch.index);
  };
  await assert.rejects(run(), /worker ended before its work was done.*exit code 7/);
  assert.deepEqual(seen, [0, 1, 2, 3, 4]);
});

test('an iterator that is not finished does not keep the process alive', () => {
  const loader = new URL('../../src/data/loader.js', import.meta.url);
  const fixtures = new URL('./worker-fixtures.js', import.meta.url);
  const code = `
    const { DataLoader } = await import(${JSON.stringify(loader.href)});
    const { openCounting } = await import(${JSON.stringify(fixtures.href)});
    const batches = new DataLoader(openCounting({ length: 40 }), { workers: 2 }).batches(0);
    console.log((await batches.next()).value.index);`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    timeout: 120_000,
    encoding: 'utf8',
  });
  assert.equal(run.stdout.trim(), '0', run.stderr);
  assert.equal(run.status, 0, `${run.signal} ${run.stderr}`);
});

test('bad options are usage errors', () => {
  const set = openCounting({ length: 10 });
  for (const options of [
    { batchSize: 0 },
    { batchSize: 1.5 },
    { batchSize: Number.NaN },
    { workers: -1 },
    { prefetch: -1 },
    { seed: 0.5 },
    { batchSize: 11, dropLast: true },
  ]) {
    assert.throws(() => new DataLoader(set, options), UsageError, JSON.stringify(options));
  }
  assert.throws(() => new DataLoader(openCounting({ length: 0 })), /no images/);
  const plain = openCounting({ length: 10, withSpec: false });
  assert.throws(() => new DataLoader(plain, { workers: 2 }), /no workerSpec.*Next: use workers: 0/);
  const loader = new DataLoader(set, { batchSize: 5 });
  assert.throws(() => loader.batches(-1), UsageError);
  assert.throws(() => loader.batches(0.5), UsageError);
  assert.throws(() => loader.batches(0, 3), UsageError);
  assert.throws(() => loader.batches(0, -1), UsageError);
});

test('a subset is a view in the order of its indices', () => {
  const set = openCounting({ length: 10, withSpec: false });
  const view = new Subset(set, [7, 2, 2]);
  const into = new Uint8Array(4);
  assert.equal(view.length, 3);
  assert.equal(view.name, 'counting, 3 of 10');
  assert.equal(view.workerSpec, undefined);
  assert.deepEqual([view.read(0, into, 0), into[0]], [7, 7]);
  assert.equal(view.read(2, into, 0), 2);
  assert.throws(() => view.read(3, into, 0), UsageError);
  for (const bad of [10, -1, 0.5]) assert.throws(() => new Subset(set, [bad]), UsageError);
  const some = Subset.random(set, 4, 9);
  const labels = [0, 1, 2, 3].map((i) => some.read(i, into, 0));
  assert.equal(new Set(labels).size, 4);
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => Subset.random(set, 4, 9).read(i, into, 0)),
    labels,
  );
  assert.throws(() => Subset.random(set, 11), UsageError);
});

test('the tensors of a batch without its epoch are an error that names the epoch', async () => {
  const loader = new DataLoader(openCounting({ length: 4 }), { batchSize: 4 });
  const [batch] = await collect(loader.batches(0));
  assert.throws(
    () => loader.tensors(batch!, undefined as never),
    (error: Error) => error instanceof UsageError && /epoch/.test(error.message),
  );
  assert.equal(loader.tensors(batch!, 0)[0].shape[0], 4);
});
