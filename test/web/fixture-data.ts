import { deflateSync } from 'node:zlib';
import type { PaperPage } from '../../src/papers/page-types.js';
import type { EpochEvent, StepEvent } from '../../src/run/events.js';
import type {
  Confusion,
  Curve,
  FeatureMaps,
  Insight,
  Kernels,
  LogLine,
  MachineFigures,
  ModelDetail,
  Prediction,
  RunClock,
  RunDetail,
  RunOrigin,
  RunSummary,
  Series,
  SeriesKey,
  SettingsTable,
} from '../../src/serve/api.js';

/** Answers of a server with invented, deterministic runs. */
export const CLASSES = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

/** A number between -1 and 1 that looks random. */
const noise = (n: number): number => {
  const x = Math.sin(n * 12.9898) * 43758.5453;
  return 2 * (x - Math.floor(x)) - 1;
};

export function stepOf(step: number): StepEvent {
  return {
    event: 'step',
    epoch: 1 + Math.floor(step / 500),
    step,
    loss: 0.9 + 1.6 * Math.exp(-step / 400) + 0.35 * noise(step) + (step === 7 ? 2 : 0),
    lr: Math.min(step / 50, 1) * 0.01,
    imagesPerSecond: 37 + 2 * noise(step + 0.5),
    stepSeconds: 0.43 + 0.02 * noise(step + 0.25),
    dataSeconds: 0.004,
    rssMiB: 1232 + Math.floor(step / 100),
  };
}

const epochOf = (epoch: number): EpochEvent => ({
  event: 'epoch',
  epoch,
  step: epoch * 500,
  trainLoss: 2 - epoch * 0.2,
  trainAccuracy: 30 + 8 * epoch,
  testLoss: 1.9 - epoch * 0.15,
  testAccuracy: 38 + 6 * epoch,
  testTop5: 88 + epoch,
  testImages: 10_000,
  seconds: 210,
});

const CONFIG = {
  recipe: 'quick',
  model: { paper: 'alexnet', preset: 'notes', imageSize: 224, dropout: 0.5, classes: CLASSES },
  dataset: 'cifar10',
  epochs: 4,
  batchSize: 16,
  lr: 0.01,
  seed: 0,
};

function run(id: string, change: Partial<RunSummary> = {}): RunSummary {
  const step = change.step ?? 2000;
  return {
    id,
    name: id,
    tags: [],
    status: 'done',
    paper: 'alexnet',
    preset: 'notes',
    recipe: 'quick',
    dataset: 'cifar10',
    seed: 0,
    started: '2026-11-20T08:00:00.000Z',
    updated: '2026-11-20T09:30:00.000Z',
    step,
    stepsTotal: 2000,
    epoch: 4,
    epochs: 4,
    bestAccuracy: 62.1,
    lastLoss: stepOf(step).loss,
    spark: Array.from({ length: 40 }, (_, i) => stepOf(i * 50 + 1).loss),
    ...change,
  };
}

/** One run of each kind. `old` has neither insights nor kernels nor a log; one id needs escaping in addresses. */
export const RUNS = (): RunSummary[] => [
  run('live', {
    status: 'training',
    step: 600,
    epoch: 2,
    tags: ['baseline', 'long'],
    started: '2026-11-24T08:00:00.000Z',
  }),
  run('paused', { status: 'paused', step: 300, started: '2026-11-23T08:00:00.000Z' }),
  run('quick-7', { name: 'Quick, seed 7', seed: 7, started: '2026-11-22T08:00:00.000Z' }),
  run('a&b ünï,code', { bestAccuracy: 71.4, started: '2026-11-21T08:00:00.000Z' }),
  run('failed', {
    status: 'failed',
    step: 12,
    error: 'The loss is not a number at step 12. Expected: a finite loss. Next: lower --lr.',
    started: '2026-11-20T08:00:00.000Z',
  }),
  {
    ...run('old', { status: 'interrupted', step: 40, spark: [], started: '2026-11-19T08:00:00.000Z' }),
    ...({ bestAccuracy: undefined, lastLoss: undefined } as object),
  },
];

export function detailOf(summary: RunSummary): RunDetail {
  const bare = summary.id === 'old';
  return {
    ...summary,
    config: { ...CONFIG, seed: summary.seed, ...(summary.id === 'quick-7' ? { lr: 0.02 } : {}) },
    testImages: summary.id === 'paused' ? 5 : 10_000,
    epochEvents: bare ? [] : Array.from({ length: Math.floor(summary.step / 500) }, (_, i) => epochOf(i + 1)),
    ...(bare ? {} : { lastStep: stepOf(summary.step) }),
    checkpoints: [{ file: 'step-00000500.safetensors', step: 500, best: false }],
    lines: summary.step,
  };
}

/** Buckets as a server makes them. */
export function seriesOf(
  last: number,
  keys: readonly SeriesKey[],
  from: number,
  to: number,
  points: number,
): Series {
  const first = Math.max(1, from);
  const end = Math.min(last, to);
  const total = Math.max(0, end - first + 1);
  const size = Math.max(1, Math.ceil(total / points));
  const step: number[] = [];
  const values: Partial<Record<SeriesKey, { mean: number[]; min: number[]; max: number[] }>> = {};
  for (const key of keys) values[key] = { mean: [], min: [], max: [] };
  for (let at = first; at <= end; at += size) {
    const bucket = Array.from({ length: Math.min(size, end - at + 1) }, (_, i) => stepOf(at + i));
    step.push(at + bucket.length - 1);
    for (const key of keys) {
      const all = bucket.map((event) => event[key]);
      values[key]?.mean.push(all.reduce((a, b) => a + b, 0) / all.length);
      values[key]?.min.push(Math.min(...all));
      values[key]?.max.push(Math.max(...all));
    }
  }
  return { step, values, total };
}

export const METRICS = [
  'loss',
  'lr',
  'imagesPerSecond',
  'stepSeconds',
  'dataSeconds',
  'rssMiB',
  'epoch/trainLoss',
  'epoch/trainAccuracy',
  'epoch/testLoss',
  'epoch/testAccuracy',
  'epoch/testTop5',
  'dead/features.2',
];

/** One metric of a run; undefined if it has none. */
export function curveOf(
  { id, step: last }: RunSummary,
  query: URLSearchParams,
  change: (series: Series) => Series,
): Curve | undefined {
  const name = query.get('name') ?? '';
  if (id === 'old') return undefined;
  const [, key] = /^epoch\/(\w+)$/.exec(name) ?? [];
  if (key) {
    const epochs = Array.from({ length: Math.floor(last / 500) }, (_, i) => epochOf(i + 1));
    const mean = epochs.map((epoch) => (epoch as unknown as Record<string, number>)[key]!);
    return mean.length === 0
      ? undefined
      : { step: epochs.map(({ step }) => step), mean, min: mean, max: mean };
  }
  if (name.startsWith('dead/'))
    return { step: [100, 600], mean: [0.1, 0.2], min: [0.1, 0.2], max: [0.1, 0.2] };
  const number = (text: string, other: number) => Number(query.get(text) ?? other);
  const from = number('from', 0);
  const series = change(seriesOf(last, [name as SeriesKey], from, number('to', last), number('points', 300)));
  return { step: series.step, ...series.values[name as SeriesKey]! };
}

export const clockOf = ({ step: last, started }: RunSummary): RunClock => ({
  started: Date.parse(started) / 1000,
  step: [last],
  seconds: [last * 0.43],
  epochs: Array.from({ length: Math.floor(last / 500) }, (_, i) => (i + 1) * 500),
});

export const MACHINE: MachineFigures = {
  time: Array.from({ length: 60 }, (_, i) => Date.parse('2026-11-22T08:00:00Z') / 1000 + 5 * i),
  values: {
    cpu: Array.from({ length: 60 }, (_, i) => 60 + 10 * noise(i)),
    memory: Array.from({ length: 60 }, (_, i) => (i === 20 ? null : 40 + i / 10)),
    netIn: Array.from({ length: 60 }, (_, i) => 1 + noise(i)),
    netOut: Array.from({ length: 60 }, () => 0.1),
  },
};

export const ORIGIN: RunOrigin = {
  command: "paperweight train --preset quick --lr 0.02 --run 'runs/a b'",
  recorded: true,
  beyond: [],
  preset: { epochs: 4, batchSize: 16, lr: 0.01, model: { imageSize: 224, dropout: 0.5 } },
  data: { train: { images: 50_000 }, test: { images: 10_000, fingerprint: 'ab'.repeat(32) } },
};

export const settingsOf = (runs: readonly RunSummary[]): SettingsTable => ({
  equal: { batchSize: 16, epochs: 4, 'model.dropout': 0.5, recipe: 'quick' },
  names: ['lr', 'schedule.kind'],
  runs: Object.fromEntries(
    runs.map(({ id }) => [
      id,
      [id === 'quick-7' ? 0.02 : 0.01, id === 'paused' ? 'step' : id === 'old' ? null : 'constant'],
    ]),
  ),
});

export const LOG: LogLine[] = [
  { event: 'line', step: 0, text: 'AlexNet (notes), 58,322,314 parameters, cifar10, batch size 16' },
  { event: 'line', step: 50, text: 'Epoch [1/4], Step [50/500], Loss: 2.1034' },
  {
    event: 'note',
    step: 60,
    text: 'The loss has not fallen for 50 steps; a warm-up or a smaller learning rate may help.',
  },
  ...Array.from({ length: 30 }, (_, i) => ({
    event: 'line' as const,
    step: 100 + 50 * i,
    text: `Epoch [1/4], Step [${100 + 50 * i}/500], Loss: ${stepOf(100 + 50 * i).loss.toFixed(4)}`,
  })),
];

type Layer = ModelDetail['layers'][number];
const layer = (
  name: string,
  kind: string,
  settings: string,
  outputShape: number[],
  parameters = 0,
  multiplyAdds = 0,
): Layer => ({ name, kind, settings, outputShape, parameters, multiplyAdds });

export const MODEL: ModelDetail = {
  classifies: true,
  sized: true,
  inputShape: [3, 224, 224],
  parameters: 58_322_314,
  multiplyAdds: 1_130_000_000,
  layers: [
    layer('features.0', 'Conv2d', '96 × 11 × 11, stride 4, padding 2', [96, 55, 55], 34_944, 105_415_200),
    layer('features.1', 'LocalResponseNorm', 'size 5', [96, 55, 55]),
    layer('features.2', 'ReLU', '', [96, 55, 55]),
    layer('features.3', 'MaxPool2d', '3 × 3, stride 2', [96, 27, 27]),
    layer('features.4', 'Conv2d', '256 × 5 × 5, padding 2', [256, 27, 27], 614_656, 447_897_600),
    layer('features.6', 'ReLU', '', [256, 27, 27]),
    layer('features.7', 'MaxPool2d', '3 × 3, stride 2', [256, 13, 13]),
    layer('features.8', 'Conv2d', '384 × 3 × 3, padding 1', [384, 13, 13], 885_120, 149_520_384),
    layer('features.9', 'ReLU', '', [384, 13, 13]),
    layer('classifier.1', 'Linear', '', [4096], 37_752_832, 37_748_736),
    layer('classifier.2', 'ReLU', '', [4096]),
    layer('classifier.4', 'Linear', '', [4096], 16_781_312, 16_777_216),
    layer('classifier.5', 'ReLU', '', [4096]),
    layer('classifier.6', 'Linear', '', [10], 40_970, 40_960),
  ],
};

export function insightsOf(last: number): Insight[] {
  const steps = Array.from({ length: 20 }, (_, i) => Math.round(((i + 1) * last) / 20));
  return steps.map((step, i) => ({
    event: 'insight',
    step,
    parameters: MODEL.layers
      .filter(({ parameters }) => parameters > 0)
      .flatMap(({ name }, k) => [
        { name: `${name}.weight`, gradNorm: Math.exp(-i / 9 + 0.3 * noise(i + k)), norm: 8 + k + i / 10 },
        { name: `${name}.bias`, gradNorm: 0.05 * Math.exp(-i / 9), norm: 0.4 },
      ]),
    activations: MODEL.layers
      .filter(({ kind }) => kind === 'ReLU')
      .map(({ name, kind }, k) => ({
        name,
        kind,
        units: [290_400, 186_624, 64_896, 4096, 4096][k] ?? 1,
        dead: [0.002, 0.04, 0.11, 0.31, 0.18][k]! * (1 + i / 30),
        active: 0.42 - 0.05 * k,
        mean: 0.4,
        std: 0.7,
        ...(i === steps.length - 1
          ? {
              histogram: {
                min: -1.2,
                max: 5.4,
                counts: Array.from({ length: 40 }, (_, b) =>
                  Math.round(9000 * Math.exp(-((b - 8) ** 2) / (20 + 10 * k)) + 400 * Math.exp(-b / 9)),
                ),
              },
            }
          : {}),
      })),
  }));
}

export const KERNEL_STEPS = [0, 100, 200, 400, 800, 1600];

export function kernelsOf(step: number): Kernels {
  const [count, side] = [96, 11];
  const rgb = Buffer.alloc(count * side * side * 3);
  const learned = step / 1600;
  for (let k = 0; k < count; k++)
    for (let i = 0; i < side * side; i++) {
      const [x, y] = [(i % side) - 5, Math.floor(i / side) - 5];
      const angle = (k * Math.PI) / 12;
      const wave = Math.cos((x * Math.cos(angle) + y * Math.sin(angle)) * (0.5 + (k % 5) * 0.22));
      const bump = wave * Math.exp(-(x * x + y * y) / 18);
      for (let c = 0; c < 3; c++) {
        const tint = k % 3 === 0 ? Math.cos(k + c * 2) : 1;
        const value = 128 + 120 * (learned * bump * tint + (1 - learned) * 0.6 * noise(k * 400 + i * 3 + c));
        rgb[(k * side * side + i) * 3 + c] = Math.max(0, Math.min(255, value));
      }
    }
  return { step, count, side, rgb: rgb.toString('base64') };
}

export function featuresOf(name: string): FeatureMaps {
  const shape = MODEL.layers.find((each) => each.name === name)?.outputShape ?? [10];
  const [maps, height, width] =
    shape.length === 3 ? [Math.min(shape[0]!, 96), shape[1]!, shape[2]!] : [1, 1, shape[0]!];
  const grey = Buffer.alloc(maps * height * width);
  for (let i = 0; i < grey.length; i++) grey[i] = 128 + 127 * noise(i);
  return {
    layer: name,
    maps,
    mapsTotal: shape.length === 3 ? shape[0]! : 1,
    height,
    width,
    grey: grey.toString('base64'),
    min: 0,
    max: 4.2,
  };
}

export const PREDICTION: Prediction = {
  top: [
    { label: 'cat', probability: 0.61 },
    { label: 'dog', probability: 0.27 },
    { label: 'deer', probability: 0.06 },
    { label: 'frog', probability: 0.03 },
    { label: 'bird', probability: 0.01 },
  ],
  label: 'cat',
  neighbours: [8, 77, 103, 240].map((index, i) => ({
    index,
    label: CLASSES[3 + (i % 2) * 2]!,
    distance: 3.4 + i,
  })),
  weights: 'best-00002000.safetensors',
};

export const CONFUSION: Confusion = {
  classes: CLASSES,
  counts: CLASSES.map((_, t) =>
    CLASSES.map((_, p) => (t === p ? 118 + t : Math.max(0, Math.round(9 + 9 * noise(t * 10 + p))))),
  ),
  cells: CLASSES.map((_, t) => CLASSES.map((_, p) => [t * 10 + p, 200 + t * 10 + p])),
  images: 2000,
  weights: 'best-00002000.safetensors',
};

export const PAPER: PaperPage = {
  id: 'alexnet',
  title: 'ImageNet Classification with Deep Convolutional Neural Networks',
  notes: {
    en: '# AlexNet\n\nFive convolutional layers, three fully connected ones. See [the paper](https://example.org/paper).\n\n## ReLU\n\n`f(x) = max(0, x)` learns faster than *tanh*.\n\n| Layer | Maps |\n| --- | --- |\n| conv1 | 96 |\n| conv2 | 256 |\n\n<script>window.hacked = 1</script>\n\n<img src=x onerror="window.hacked = 1">\n\n[click](javascript:window.hacked=1)',
    zh: '# AlexNet\n\n五个卷积层，三个全连接层。\n\n## ReLU\n\n`f(x) = max(0, x)` 比 *tanh* 学得更快。',
  },
  claims: [
    {
      id: 'relu',
      section: { en: '3.1', zh: '3.1' },
      statement: {
        en: 'A network with ReLUs reaches 25% training error on CIFAR-10 six times faster than one with tanh.',
        zh: '使用 ReLU 的网络在 CIFAR-10 上达到 25% 训练误差，比 tanh 快六倍。',
      },
      paperSays: { en: '6 × faster', zh: '6 × faster' },
      measured: { en: '4.2 × faster (3 seeds)', zh: '快 4.2 倍（3 个种子）' },
      verdict: 'trend only',
      reason: { en: 'The paper does not give the learning rates.', zh: '论文没有给出学习率。' },
    },
    {
      id: 'overlap',
      section: { en: '3.4', zh: '3.4' },
      statement: { en: 'Overlapping pooling lowers the top-1 error.', zh: '重叠池化降低 top-1 误差。' },
      paperSays: { en: '−0.4%', zh: '−0.4%' },
      measured: { en: '−0.6%', zh: '−0.6%' },
      verdict: 'confirmed',
    },
    {
      id: 'lrn',
      section: { en: '3.3', zh: '3.3' },
      statement: { en: 'Response normalisation lowers the error.', zh: '响应归一化降低误差。' },
      paperSays: { en: '−2%', zh: '−2%' },
      measured: { en: '+0.3%', zh: '+0.3%' },
      verdict: 'refuted',
    },
    {
      id: 'top5',
      section: { en: '6', zh: '6' },
      statement: { en: 'Top-5 error on ILSVRC-2012.', zh: 'ILSVRC-2012 的 top-5 误差。' },
      paperSays: { en: '15.3%', zh: '15.3%' },
      measured: { en: '', zh: '' },
      verdict: 'not measured',
      reason: { en: 'It needs ImageNet and weeks of a GPU.', zh: '需要 ImageNet 和数周 GPU 时间。' },
    },
  ],
  figures: [
    {
      file: { en: 'relu.png', zh: 'relu.zh.png' },
      title: { en: 'ReLU beside tanh', zh: 'ReLU 与 tanh 对比' },
    },
  ],
};

/** A PNG of one colour with a stripe. */
export function png(width: number, height: number, seed: number): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++)
        rows[y * (1 + width * 3) + 1 + x * 3 + c] = (seed * 37 + c * 60 + (x + y > width ? 90 : 0)) % 256;
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
  };
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function crc(bytes: Buffer): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let k = 0; k < 8; k++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}
