import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from '../../fuzz/graphs/check.js';
import { fuzz, type Options, type Report } from '../../fuzz/graphs/fuzz.js';
import type { Program } from '../../fuzz/graphs/program.js';
import type { Source } from '../../fuzz/graphs/programs.js';
import { open, type Setting } from '../../fuzz/graphs/setting.js';
import { shrink } from '../../fuzz/graphs/shrink.js';
import type { Device } from '../../src/backend/backend.js';
import { InlineDevice } from '../../src/backend/device.js';
import type { Graph, GraphKey } from '../../src/graph/graph.js';
import type { TypedArray } from '../../src/graph/types.js';
import { operationNames } from '../../src/ops/index.js';
import { withoutGpu } from '../backend/webgpu/open.js';

/*
 * Random programs compared with float64. The seed is different each time unless PAPERWEIGHT_FUZZ_SEED sets it; it is
 * printed, and a failure prints code that reproduces it.
 */
const SEED = Number(process.env.PAPERWEIGHT_FUZZ_SEED ?? Math.floor(Math.random() * 1e9));
const V3 = process.env.PAPERWEIGHT_ONEDNN_V3;

const onednn = (precision: Setting['precision'], threads = 2): Setting => ({
  device: 'onednn',
  precision,
  threads,
});

async function run(setting: Setting, options: Omit<Options, 'seed'>): Promise<Report> {
  const report = await fuzz(setting, { seed: SEED, ...options });
  assert.deepEqual(report.failures, [], report.failures.join('\n'));
  const tried = report.same + report.unfit;
  assert.equal(tried, options.count);
  assert.ok(!isTooFew(report.same, tried), `only ${report.same} of ${tried} could be compared`);
  return report;
}

/** The least share of programs that can be compared: of single layers it is 0.9 and more, of programs almost 1. */
const SHARE = 0.7;
/** Chance that a run of a fuzzer with this share counts as too few. */
const CHANCE = 1e-5;

/** Whether so few of the tried programs could be compared that it is no matter of chance. */
function isTooFew(same: number, tried: number): boolean {
  let [one, total] = [(1 - SHARE) ** tried, 0];
  for (let k = 0; k <= same; k++) {
    total += one;
    one *= ((tried - k) / (k + 1)) * (SHARE / (1 - SHARE));
  }
  return total < CHANCE;
}

test('few comparisons fail where they cannot be chance', () => {
  for (const [same, tried] of [
    [7, 10],
    [3, 10],
    [60, 100],
    [300, 300],
  ] as const)
    assert.ok(!isTooFew(same, tried), `${same} of ${tried}`);
  for (const [same, tried] of [
    [0, 10],
    [3, 20],
    [30, 80],
    [150, 300],
  ] as const)
    assert.ok(isTooFew(same, tried), `${same} of ${tried}`);
});

const VERSIONS: readonly { name: string; env: Record<string, string>; share: number; skip?: string }[] = [
  { name: 'onednn', env: {}, share: 1 },
  {
    name: 'onednn on oneDNN 3',
    env: V3 ? { PAPERWEIGHT_ONEDNN: V3 } : {},
    share: 0.5,
    ...(V3 ? {} : { skip: 'PAPERWEIGHT_ONEDNN_V3 names no library file of oneDNN 3' }),
  },
];

test(`reference gives float64's numbers, and all operations come up; seed ${SEED}`, async () => {
  const setting = { device: 'reference', precision: 'float32', threads: 1 } as const;
  const { operations } = await run(setting, { count: 300 });
  const missing = operationNames().filter((op) => !operations.includes(op));
  assert.deepEqual(missing, [], 'operations without an entry in fuzz/graphs/kinds');
});

for (const [threads, count] of [
  [1, 200],
  [2, 60],
] as const)
  test(`wasm, threads ${threads}, gives float64's numbers; seed ${SEED}`, async () => {
    await run({ device: 'wasm', precision: 'float32', threads }, { count });
  });
for (const device of ['wasm', 'onednn'])
  test(`${device} gives float64's numbers where numbers are inputs; seed ${SEED}`, async () => {
    await run({ device, precision: 'float32', threads: 1, inputs: true }, { count: 60 });
  });
const withoutAdapter = await withoutGpu();
test(`webgpu gives float64's numbers; seed ${SEED}`, { skip: withoutAdapter }, async () => {
  await run({ device: 'webgpu', precision: 'float32', threads: 1 }, { count: 24 });
});
for (const source of ['narrow', 'linear', 'conv', 'pool', 'lrn', 'norm'] as const)
  test(`wasm, single layers (${source}) of odd sizes; seed ${SEED}`, async () => {
    await run({ device: 'wasm', precision: 'float32', threads: 2 }, { source, count: 10 });
  });

for (const { name, env, share, skip = false } of VERSIONS) {
  // Two threads wait for each other on a busy machine, so most programs have one.
  for (const [threads, count] of [
    [1, 200],
    [2, 60],
  ] as const)
    test(`${name}, threads ${threads}, gives float64's numbers; seed ${SEED}`, { skip }, async () => {
      await run(onednn('float32', threads), { count: count * share, env });
    });
  test(`${name} in bfloat16 stays near float64's numbers; seed ${SEED}`, { skip }, async () => {
    await run(onednn('bfloat16', 1), { count: 80 * share, env });
  });
  const sweeps: readonly [Source, number][] = [
    ['known', 9],
    ['narrow', 14],
    ['linear', 10],
    ['conv', 30],
    ['pool', 20],
    ['lrn', 20],
    ['norm', 20],
  ];
  for (const [source, count] of sweeps)
    test(`${name}, single layers (${source}) of odd sizes; seed ${SEED}`, { skip }, async () => {
      await run(onednn('float32'), { source, count: source === 'known' ? count : count * share, env });
    });
}

/** A device that computes one operation wrongly. */
function wrong(device: Device, op: string, spoil: (values: TypedArray) => void): Device {
  const run = async (
    key: GraphKey,
    graph: Graph,
    feeds: readonly TypedArray[],
    storages: readonly number[],
  ) => {
    const outputs = await device.run(key, graph, feeds, storages);
    const reads = (at: number): boolean => graph.nodes[at]!.op === op || graph.nodes[at]!.inputs.some(reads);
    graph.outputs.forEach((at, i) => {
      if (reads(at)) spoil(outputs[i]!);
    });
    return outputs;
  };
  return Object.assign(Object.create(device) as Device, {
    run,
    write: device.write.bind(device),
    read: device.read.bind(device),
    free: device.free.bind(device),
  });
}

const leaf = (...shape: number[]): Program['leaves'][number] => ({
  shape,
  dtype: 'real',
  fill: { seed: 3, low: -1, high: 1 },
  stored: false,
});

const chain: Program = {
  real: 'float32',
  leaves: [leaf(4, 6), leaf(6)],
  body: [
    { kind: 'add', inputs: [0, 1], attrs: {} },
    { kind: 'tanh', inputs: [2], attrs: {} },
    { kind: 'square', inputs: [3], attrs: {} },
    { kind: 'mul', inputs: [4, 0], attrs: {} },
  ],
  outputs: [4, 5],
  loss: [{ value: 5, as: 'weighted' }],
  twice: false,
  changes: [],
};

test('a result that is off by 1 % is a difference, and is shrunk to one statement', async () => {
  const { device } = await open({ device: 'reference', precision: 'float32', threads: 1 });
  assert.ok(device instanceof InlineDevice);
  assert.equal((await check({ device }, chain)).kind, 'same');
  const subject = {
    device: wrong(device, 'square', (values) => {
      values[0]! += 0.01;
    }),
  };
  const forward = { ...chain, loss: [] };
  const verdict = await check(subject, forward);
  assert.equal(verdict.kind, 'different');
  const small = await shrink(
    forward,
    async (smaller) => (await check(subject, smaller)).kind === 'different',
  );
  assert.deepEqual(
    small.body.map(({ kind }) => kind),
    ['square'],
  );
  await device.close();
});

test('a mean may be rounded, which moves all elements in one direction', async () => {
  const { device, narrow } = await open({ device: 'reference', precision: 'float32', threads: 1 });
  // The gradient of a bias before a batch norm is 0: a sum over 2,352 elements that all have the mean's error.
  const program: Program = {
    ...chain,
    leaves: [leaf(12, 3, 14, 14), leaf(3, 1, 1), { ...leaf(3), fill: { values: [1, 1, 1] } }, leaf(3)],
    body: [
      { kind: 'add', inputs: [0, 1], attrs: {} },
      { kind: 'batchNormTrain', inputs: [4, 2, 3], attrs: { eps: 1e-5 } },
    ],
    outputs: [],
    loss: [{ value: 5, as: 'sum' }],
  };
  const verdict = (error: number) => {
    const spoil = (values: TypedArray): void => {
      if (values.length === 3) values[0]! += error;
    };
    return check({ device: wrong(device, 'batchNormTrainGrad', spoil), narrow }, program);
  };
  assert.equal((await verdict(0.01)).kind, 'same');
  assert.equal((await verdict(1)).kind, 'different');
  await device.close();
});

test('a program too close to a kink is not compared', async () => {
  const { device, narrow } = await open({ device: 'reference', precision: 'float32', threads: 1 });
  const program: Program = {
    ...chain,
    leaves: [{ ...leaf(3), fill: { values: [1, 1e-7, -1] } }],
    body: [{ kind: 'relu', inputs: [0], attrs: {} }],
    outputs: [1],
    loss: [],
  };
  assert.equal((await check({ device, narrow }, program)).kind, 'unfit');
  await device.close();
});

test('the same seed gives the same programs', async () => {
  const { programOf } = await import('../../fuzz/graphs/programs.js');
  for (const number of [0, 5, 200]) {
    assert.deepEqual(programOf('graphs', 1, number, undefined), programOf('graphs', 1, number, undefined));
    assert.notDeepEqual(programOf('graphs', 1, number, undefined), programOf('graphs', 2, number, undefined));
  }
});
