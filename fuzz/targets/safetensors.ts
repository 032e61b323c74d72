import { bufferSource } from '../../src/files/byte-source.js';
import type { FileArray } from '../../src/interop/numbers.js';
import { openSafetensors, type SafetensorsFile } from '../../src/interop/safetensors/index.js';
import { ReduceLROnPlateau, StepLR } from '../../src/optim/index.js';
import type { Generator } from '../../src/random.js';
import { parseProgress, weightsOf } from '../../src/run/checkpoint.js';
import { kernelImage } from '../../src/run/kernel-files.js';
import { kernelColours } from '../../src/serve/runs/run-detail.js';
import { setRandomState } from '../../src/tensor/random.js';
import { parseSums } from '../../src/train/image-statistics.js';
import { bytesOf, joined, textOf } from '../bytes.js';
import { mutateJson } from '../json.js';
import { pick } from '../mutate.js';
import { must, type Target } from '../target.js';

const DTYPES = ['F32', 'F64', 'I32', 'U8', 'F16', 'BF16', 'I64', 'I16', 'I8', 'BOOL'];
const WORDS = [...DTYPES, '__metadata__', 'dtype', 'shape', 'data_offsets', 'kernels', 'bytes', 'products'];

const WIDTHS = new Map<unknown, number>([
  ['F64', 8],
  ['I64', 8],
  ['F32', 4],
  ['I32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['I16', 2],
]);

/** A safetensors file; `length` may be wrong. */
function fileOf(header: string, data: Uint8Array, length = bytesOf(header).length): Uint8Array {
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(length), true);
  return joined(size, bytesOf(header), data);
}

const tensor = (dtype: string, shape: readonly number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const floats = (...values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);

/** Mutates the header and corrects its length; sometimes also makes the offsets fit the shapes. */
function reshape(input: Uint8Array, random: Generator): Uint8Array {
  if (input.length < 8) return input;
  const length = Number(new DataView(input.buffer).getBigUint64(0, true));
  const end = Math.min(input.length, 8 + Math.min(length, input.length));
  const header = input.slice(8, end);
  const other = (): Uint8Array => header;
  const changed = mutateJson(header, random, { other, most: 3000, words: WORDS });
  if (!changed) return input;
  if (random.integer(2) === 0) return fileOf(textOf(changed), input.subarray(end));
  // Contiguous tensors whose byte counts fit their shapes.
  const fitting: Record<string, unknown> = {};
  let at = 0;
  for (const [name, value] of Object.entries(parsed(changed))) {
    const { dtype, shape } = (value ?? {}) as { dtype?: unknown; shape?: unknown };
    const sizes = Array.isArray(shape) ? shape.map((n) => (typeof n === 'number' ? n : 1)) : [];
    const count = sizes.reduce((a, b) => a * b, 1);
    const width = WIDTHS.get(dtype) ?? 1;
    const bytes = Number.isSafeInteger(count) && count >= 0 && count < 1000 ? count * width : 4;
    fitting[name] =
      name === '__metadata__' ? value : { ...(value as object), data_offsets: [at, at + bytes] };
    if (name !== '__metadata__') at += bytes;
  }
  const data = Uint8Array.from({ length: at }, () => random.integer(256));
  return fileOf(JSON.stringify(fitting), data, pick(random, [undefined, undefined, undefined, at]));
}

function parsed(bytes: Uint8Array): object {
  try {
    return Object(JSON.parse(textOf(bytes))) as object;
  } catch {
    return {};
  }
}

async function read(input: Uint8Array): Promise<SafetensorsFile> {
  const reader = await openSafetensors(bufferSource('f.safetensors', input));
  const tensors = new Map<string, FileArray>();
  for (const name of reader.tensors.keys()) tensors.set(name, await reader.read(name));
  return { tensors, metadata: { ...reader.metadata } };
}

function checkFile({ tensors, metadata }: SafetensorsFile, size: number): void {
  let bytes = 0;
  for (const [name, { shape, data }] of tensors) {
    must(name !== '__metadata__', 'the metadata is a tensor');
    must(data.length === shape.reduce((a, b) => a * b, 1), 'a tensor of another size than its shape');
    bytes += data.byteLength;
  }
  must(bytes <= size, 'tensors larger than the file');
  for (const note of Object.values(metadata)) must(typeof note === 'string', 'metadata that is not a string');
}

const KERNELS = { kernels: tensor('F32', [1, 3, 2, 2], 0, 48) };
const SUMS = {
  __metadata__: { count: '2', next: '3' },
  bytes: tensor('F64', [3, 1, 1], 0, 24),
  products: tensor('F64', [6], 24, 72),
};
const TWO = {
  __metadata__: { format: 'pt' },
  'model.a': tensor('F32', [2, 1], 0, 8),
  'momentum.a': tensor('I32', [0], 8, 8),
  c: tensor('U8', [3], 8, 11),
};

export const safetensorsTargets: readonly Target[] = [
  {
    name: 'safetensors',
    format: 'bytes',
    seeds: () => [
      fileOf('{}', new Uint8Array(0)),
      fileOf(JSON.stringify(TWO), joined(floats(1, 2), Uint8Array.of(1, 2, 3))),
      fileOf(JSON.stringify(KERNELS), new Uint8Array(48)),
      joined(bytesOf('PK\u0003\u0004'), new Uint8Array(20)),
    ],
    words: WORDS,
    reshape,
    async run(input) {
      const file = await read(input);
      checkFile(file, input.length);
      const weights = weightsOf(file);
      must(weights.size <= file.tensors.size, 'more weights than tensors');
      return [...file.tensors.values()]
        .map(({ dtype }) => dtype)
        .slice(0, 3)
        .join();
    },
  },
  {
    name: 'kernels-file',
    format: 'bytes',
    seeds: () => [fileOf(JSON.stringify(KERNELS), floats(...Array.from({ length: 12 }, (_, i) => i - 6)))],
    words: WORDS,
    reshape,
    async run(input) {
      const file = await read(input);
      const { count, side, data } = kernelImage('k.safetensors', 1, file);
      must(data.length === 3 * count * side * side, 'kernels of another size');
      const colours = kernelColours('k.safetensors', 1, file);
      must(Buffer.from(colours.rgb, 'base64').length === 3 * count * side * side, 'colours of another size');
      return 'kernels';
    },
  },
  {
    name: 'image-statistics',
    format: 'bytes',
    seeds: () => [fileOf(JSON.stringify(SUMS), new Uint8Array(72))],
    words: [...WORDS, 'count', 'next'],
    reshape,
    async run(input) {
      const { sums, next } = parseSums(
        's.safetensors',
        { imageShape: [3, 1, 1], length: 5 },
        await read(input),
      );
      must(sums.count <= next && next <= 5, 'more images than exist');
      return String(sums.count);
    },
  },
];

const PROGRESS = {
  epoch: 1,
  batch: 2,
  step: 3,
  running: [1, 2],
  epochLoss: 1,
  epochCorrect: 1,
  epochImages: 10,
  random: { key: [1, 2], counter: 3, init: { key: [1, 2], stream: 0, position: 5, spare: null } },
  optimizer: {
    steps: 3,
    groups: [
      { lr: 0.1, momentum: 0.9, dampening: 0, weightDecay: 0, nesterov: false, rateInVelocity: false },
    ],
    rates: { a: 1 },
  },
  schedule: { count: 3, baseLrs: [0.1] },
};

/** The JSON in a checkpoint's metadata: progress of the run, and the states of optimizer and schedule. */
export const progressTarget: Target = {
  name: 'checkpoint-progress',
  format: 'json',
  seeds: () =>
    [PROGRESS, { ...PROGRESS, schedule: { best: 1, bad: 0, cooldown: 0, lrs: [0.1] } }].map((progress) =>
      bytesOf(JSON.stringify(progress)),
    ),
  run(input) {
    const progress = parseProgress('c.safetensors', textOf(input));
    setRandomState(progress.random);
    if (!progress.schedule) return 'no schedule';
    const optimizer = { paramGroups: [{ lr: 0.1 }] };
    const schedule =
      'lrs' in progress.schedule ? new ReduceLROnPlateau(optimizer) : new StepLR(optimizer, { stepSize: 3 });
    schedule.loadStateDict(progress.schedule as never);
    const { lr } = optimizer.paramGroups[0]!;
    must(Number.isFinite(lr), 'a learning rate that is NaN or infinite');
    return 'schedule';
  },
};
