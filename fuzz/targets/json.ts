import { parseKernelCache } from '../../src/backend/onednn/kernel-cache.js';
import { parseBaseline } from '../../src/bench/guard.js';
import { parseResult as parseBenchResult, resultFile } from '../../src/bench/result.js';
import { parseSourceMarker } from '../../src/data/download/archive.js';
import { parseTitles } from '../../src/papers/build-page.js';
import { parseResult } from '../../src/papers/claims/result.js';
import { trainConfigSchema } from '../../src/run/config.js';
import { parseRequest } from '../../src/run/control.js';
import { parseRunFile, stateSchema } from '../../src/run/run-files.js';
import { NOTHING } from '../../src/serve/metrics/skim.js';
import { parseLabel } from '../../src/serve/runs/label.js';
import { parseProcessFile } from '../../src/serve/runs/run-status.js';
import { parseListed, stepsTotal } from '../../src/serve/runs/summary.js';
import { bytesOf, textOf } from '../bytes.js';
import { must, type Target } from '../target.js';

export const CONFIG = {
  version: 1,
  recipe: 'notes',
  model: {
    paper: 'alexnet',
    preset: 'notes',
    classes: ['cat', 'dog'],
    imageSize: 224,
    dropout: 0.5,
    init: 'paper',
    options: { activation: 'relu', towers: 1, x: true },
  },
  dataset: 'cifar10',
  data: 'data',
  epochs: 3,
  maxSteps: 100,
  batchSize: 128,
  lr: 0.01,
  momentum: 0.9,
  weightDecay: 0.0005,
  decayBiases: false,
  sgd: 'rate-in-velocity',
  augment: 'crop-mirror',
  untilTrainError: 25,
  schedule: { kind: 'plateau', factor: 0.1, patience: 2, drops: 3 },
  seed: 1,
  checkpointEvery: 100,
  logEvery: 100,
  insightEvery: 0,
  evalLimit: 100,
  machine: { cpu: 'x', cores: 2, started: '2026-11-24T00:00:00.000Z' },
};

const SCHEDULES = [
  { kind: 'constant' },
  { kind: 'milestones', epochs: [1, 2], factor: 0.1 },
  { kind: 'warmup-decay', warmupSteps: 10, decaySteps: 90, shape: 'cosine' },
];

const bytesOfAll = (values: readonly unknown[]) => (): Uint8Array[] =>
  values.map((value) => bytesOf(JSON.stringify(value)));

/** Checks that a value survives writing and reading again. */
function again<T>(value: T, read: (text: string) => T): void {
  const text = JSON.stringify(value);
  must(JSON.stringify(read(text)) === text, 'a value that changes when it is written and read again');
}

const json = (
  name: string,
  values: readonly unknown[],
  run: (text: string) => string,
  words: readonly string[] = [],
): Target => ({ name, format: 'json', seeds: bytesOfAll(values), words, run: (input) => run(textOf(input)) });

const spread = { min: 1, q1: 1, median: 1, q3: 1, max: 1, samples: 3 };
const head = {
  date: '2026-11-24T00:00:00.000Z',
  paperweight: '0.1.0',
  machine: { cpu: 'x', cores: 2, memoryGiB: 8, platform: 'linux', node: 'v20' },
  threads: 2,
};
const BENCH = [
  { what: 'step-overhead', ...head, batch: 128, stepMs: spread, primitivesMs: spread, overheadMs: 1 },
  {
    what: 'train',
    paper: 'alexnet',
    preset: 'notes',
    norm: 'lrn',
    batch: 128,
    precision: 'float32',
    ...head,
    device: { engine: 'onednn', version: '2.6.3', isa: 'avx512' },
    rounds: 3,
    steps: 4,
    secondsPerStep: 1,
    spread,
    imagesPerSecond: 100,
    gflops: 100,
    peakRssMiB: 1000,
    sgemmGflops: null,
    gflopPerImage: 1,
    arenaMiB: 1,
    compileSeconds: 1,
    latency: { p50: 1, p95: 1 },
    plans: 1,
    peer: { name: 'x', mode: 'y', impossible: 'z' },
  },
];

const { machine: _machine, data: _data, ...MEASURED } = CONFIG;
const RESULT = {
  version: 1,
  paper: 'alexnet',
  variant: 'relu',
  seed: 1,
  configHash: '0123456789abcdef',
  config: MEASURED,
  epochs: [
    { epoch: 1, step: 10, trainLoss: 2, trainError: 50, testLoss: 2, testError: 50, testTop5Error: 10 },
  ],
  diverged: false,
  seconds: 10,
  stepMs: 5,
  testImages: 100,
  machine: { cpu: 'x' },
  paperweight: '0.1.0',
};

/** Every parser of a whole JSON file. */
export const jsonTargets: readonly Target[] = [
  json('config', [CONFIG, ...SCHEDULES.map((schedule) => ({ ...CONFIG, schedule }))], (text) => {
    const read = (from: string) => parseRunFile('config.json', from, trainConfigSchema);
    const config = read(text);
    again(config, read);
    must(
      config.batchSize >= 1 && Number.isInteger(config.epochs) && config.lr > 0,
      'a config that cannot run',
    );
    return config.schedule.kind;
  }),
  json('config-listed', [CONFIG], (text) => {
    const { success, data } = parseListed(text);
    if (!success) return 'refused';
    const total = stepsTotal(data, NOTHING);
    must(Number.isFinite(total), 'an infinite number of steps');
    return 'read';
  }),
  json('state', [{ version: 1 }, { version: 1, latest: 'a', best: { file: 'b', accuracy: 1 } }], (text) => {
    const read = (from: string) => parseRunFile('state.json', from, stateSchema);
    const state = read(text);
    again(state, read);
    return Object.keys(state).join();
  }),
  json('process', [{ pid: 1, startTime: '5', status: 'training', error: 'x' }], (text) => {
    const owner = parseProcessFile(text);
    if (!owner) return 'none';
    must(Number.isSafeInteger(owner.pid) && owner.pid > 0, 'an invalid process id');
    return owner.status;
  }),
  json('control', [{ action: 'pause', id: '1' }], (text) => {
    const request = parseRequest(text);
    if (typeof request === 'string') return 'none';
    must(request.id.length > 0 && request.id.length <= 200, 'an invalid id');
    return request.action;
  }),
  json('label', [{ name: 'x', tags: ['a', 'b'] }], (text) => {
    const label = parseLabel(text);
    again(label, parseLabel);
    must((label.tags?.length ?? 0) <= 20 && (label.name?.length ?? 1) <= 200, 'a label that is too long');
    return Object.keys(label).join();
  }),
  json('claims-result', [RESULT], (text) => {
    const read = (from: string) => parseResult('result.json', from);
    const result = read(text);
    again(result, read);
    return result.diverged ? 'diverged' : 'read';
  }),
  json('bench-result', BENCH, (text) => {
    const read = (from: string) => parseBenchResult('bench.json', from);
    const result = read(text);
    again(result, read);
    must(resultFile(result).endsWith('.json'), 'a result without a name');
    return result.what;
  }),
  json(
    'bench-baseline',
    [{ 'onednn 2': { plans: { 'train, batch 8': { primitives: 3 } }, ofSgemm: 0.9 } }],
    (text) => {
      again(parseBaseline('baseline.json', text), (from) => parseBaseline('baseline.json', from));
      return 'read';
    },
  ),
  json('kernel-cache', [{ 'a cpu, onednn 2, 2 threads': { 'conv 3x3': 'wino' } }], (text) => {
    const known = parseKernelCache(text);
    again(known, parseKernelCache);
    for (const names of Object.values(known))
      for (const name of Object.values(names)) must(typeof name === 'string', 'a kernel without a name');
    return Object.keys(known).length > 0 ? 'some' : 'none';
  }),
  json('figure-titles', [{ 'a.svg': { en: 'A', zh: '甲' } }], (text) => {
    const titles = parseTitles('titles.json', text);
    for (const title of Object.values(titles))
      must(typeof title.en === 'string' && typeof title.zh === 'string', 'a title without words');
    return 'read';
  }),
  json(
    'cifar10-marker',
    [
      {
        url: 'x',
        archiveMd5: 'c32a1d4ab5d03f1284b67883e8d87530',
        files: { 'a.bin': { bytes: 3, md5: 'x' } },
      },
    ],
    (text) => {
      const marker = parseSourceMarker(text);
      if (!marker) return 'none';
      must(typeof marker.archiveMd5 === 'string', 'no MD5');
      // As the data set looks up a file.
      return String(typeof marker.files['a.bin']?.md5);
    },
  ),
];
