import type {
  DataResult,
  GpuResult,
  OverheadResult,
  StartResult,
  StepTiming,
} from '../../src/bench/result.js';
import { spread } from '../../src/bench/stats.js';

/** Results with round numbers, for tests of tables and texts. */
const head = {
  date: '2026-11-24T10:00:00.000Z',
  paperweight: '0.1.0',
  machine: { cpu: 'Some CPU', cores: 2, memoryGiB: 24, platform: 'linux x64', node: 'v20.9.0' },
  threads: 2,
};
const speed = {
  secondsPerStep: 2,
  spread: spread([1, 2, 3]),
  imagesPerSecond: 64,
  gflops: 420.9,
  peakRssMiB: 2500,
};
export const step: StepTiming = {
  what: 'train',
  paper: 'alexnet',
  preset: 'notes',
  norm: 'lrn',
  batch: 128,
  precision: 'float32',
  ...head,
  device: { engine: 'onednn', version: '2.6.3', isa: 'avx512_core' },
  rounds: 3,
  steps: 1,
  ...speed,
  sgemmGflops: 300,
  gflopPerImage: 6.576,
  arenaMiB: 1600,
  compileSeconds: 0.1,
  latency: { p50: 2, p95: 2.9 },
  peer: {
    name: 'pytorch',
    version: 'PyTorch 2.15.0',
    mode: 'eager',
    measuredBatch: 128,
    ...speed,
    secondsPerStep: 5,
    spread: spread([4, 5, 6]),
    logitsDifference: 1e-6,
  },
  ratio: 2.5,
  roundRatio: spread([2, 2.5, 4]),
};
export const impossible: StepTiming = {
  ...step,
  peer: { name: 'tfjs', mode: 'wasm', impossible: 'no Conv2DBackpropFilter' },
};
export const data: DataResult = {
  what: 'data',
  ...head,
  batch: 128,
  rounds: 3,
  stepSeconds: 2,
  cases: [{ name: 'plain', imagesPerSecond: 100_000, spread: spread([100_000]), shareOfStep: 0.00064 }],
};
export const start: StartResult = {
  what: 'start',
  ...head,
  batch: 128,
  nodeAlone: 0.04,
  help: 0.1,
  deviceOpened: 0.3,
  firstStepDone: 4,
  compileSeconds: 0.1,
  firstStep: 3,
  secondStep: 2,
  plansAfterFirst: 1,
  plansAfterSecond: 1,
};
export const gpu: GpuResult = {
  what: 'gpu',
  ...head,
  adapter: {
    adapter: 'a card',
    software: false,
    features: ['shader-f16'],
    bufferBytes: 2 ** 32,
    bindingBytes: 2 ** 31,
    gflops: 9000,
  },
  rows: [
    { name: 'a net, batch 32', value: 1234.5, unit: 'ms' },
    { name: 'a net, batch 32: tfjs-webgpu', value: 3086, unit: 'ms', ratio: 2.5 },
    { name: 'a net, batch 32: pytorch cuda', missing: 'The peer pytorch is not installed' },
  ],
};
export const overhead: OverheadResult = {
  what: 'step-overhead',
  ...head,
  batch: 32,
  stepMs: spread([3]),
  primitivesMs: spread([2]),
  overheadMs: 0.8,
};
