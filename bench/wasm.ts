/**
 * Rates of the WebAssembly kernels beside oneDNN's sgemm, in GFLOP per second of processor time and of wall time: medians
 * of interleaved rounds. A matrix product of n = 1440; AlexNet's layers, those of the four-layer net, 3 × 3 layers of
 * residual networks and depthwise ones at batch 32 in three directions, with Winograd's tiles where they are possible.
 *
 *     node dist/bench/wasm.js [threads] [rounds] [words of what to measure]
 */
import { loadavg } from 'node:os';
import { addressOf } from '../src/backend/onednn/library/memory.js';
import { openDnnl } from '../src/backend/onednn/library/open.js';
import { Threads } from '../src/backend/onednn/library/threads.js';
import { algorithmsFor } from '../src/backend/simd/conv/algorithm.js';
import {
  type Convolution,
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
} from '../src/backend/simd/conv/conv.js';
import { gemm } from '../src/backend/simd/gemm/gemm.js';
import { tileOfMachine } from '../src/backend/simd/gemm/tile.js';
import type { VectorOperation } from '../src/backend/simd/operation.js';
import { KernelPool } from '../src/backend/simd/pool.js';
import { startNodeThread } from '../src/backend/simd/threads/node.js';
import { median } from '../src/bench/stats.js';
import { sizeOf } from '../src/graph/types.js';
import { windows } from '../src/ops/conv2d.js';
import { makeMemory, type SharedMemory } from '../src/webassembly/runtime.js';

const [threads, rounds] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? 5)];
const words = process.argv.slice(4);
const N = 1440;
const BATCH = 32;
const PAGES = 16_384;
const shared = makeMemory({ initial: PAGES, maximum: PAGES, shared: true }) as SharedMemory;
const pool = new KernelPool(shared, PAGES, threads, startNodeThread);
const dnnl = openDnnl();
new Threads(dnnl.path, threads);

/** Something to measure, and how many floating-point operations it takes. */
interface Work {
  readonly name: string;
  readonly flops: number;
  readonly run: () => void;
}

/** An operation on numbers from the beginning of the memory on. */
function on(name: string, flops: number, operation: VectorOperation, sizes: readonly number[]): Work {
  let at = 65_536;
  const offsets = sizes.map((size) => {
    const start = at;
    at = Math.ceil((at + 4 * size) / 4096) * 4096;
    return start;
  });
  if (at + operation.scratchBytes > PAGES * 65_536) throw new Error(`${name} needs more memory`);
  return { name, flops, run: () => operation.run(offsets, at) };
}

const product = gemm(pool, {
  ...{ m: N, n: N, k: N },
  a: { row: N, column: 1 },
  b: { row: N, column: 1 },
  c: { row: N, column: 1 },
});
const base = addressOf(shared.buffer);
const library: Work = {
  name: 'oneDNN: sgemm',
  flops: 2 * N ** 3,
  run: () => {
    const [a, b, c] = [1, 2, 3].map((part) => base + part * 16 * 1024 ** 2) as [number, number, number];
    dnnl.sgemm(false, false, N, N, N, a, b, c);
  },
};
const works: Work[] = [library, on('wasm: sgemm', 2 * N ** 3, product, [N * N, N * N, N * N])];

/** Planes in, size, planes out, kernel, stride, padding, groups. */
const LAYERS: Readonly<Record<string, readonly [number, number, number, number, number, number, number]>> = {
  conv1: [3, 224, 96, 11, 4, 2, 1],
  conv2: [96, 27, 256, 5, 1, 2, 2],
  conv3: [256, 13, 384, 3, 1, 1, 1],
  conv4: [384, 13, 384, 3, 1, 1, 2],
  conv5: [384, 13, 256, 3, 1, 1, 2],
  'four-layer 2': [32, 16, 32, 5, 1, 2, 1],
  'four-layer 3': [32, 8, 64, 5, 1, 2, 1],
  'residual 16': [16, 32, 16, 3, 1, 1, 1],
  'residual 32': [32, 16, 32, 3, 1, 1, 1],
  'residual 64': [64, 8, 64, 3, 1, 1, 1],
  'residual 64 large': [64, 56, 64, 3, 1, 1, 1],
  'residual 128': [128, 28, 128, 3, 1, 1, 1],
  'residual 256': [256, 14, 256, 3, 1, 1, 1],
  'residual 512': [512, 7, 512, 3, 1, 1, 1],
  'depthwise 32': [96, 32, 96, 3, 1, 1, 96],
  'depthwise 16': [192, 16, 192, 3, 1, 1, 192],
  'depthwise 8': [384, 8, 384, 3, 1, 1, 384],
  'depthwise stride 2': [144, 32, 144, 3, 2, 1, 144],
};
for (const [name, [from, size, to, kernel, stride, padding, groups]] of Object.entries(LAYERS)) {
  const out = windows(size, kernel, stride, padding, 1);
  const shape: Convolution = {
    x: [BATCH, from, size, size],
    w: [to, from / groups, kernel, kernel],
    y: [BATCH, to, out, out],
    stride: [stride, stride],
    padding: [padding, padding],
    dilation: [1, 1],
    groups,
  };
  const [x, w, y] = [sizeOf(shape.x), sizeOf(shape.w), sizeOf(shape.y)];
  const flops = 2 * y * (w / to);
  for (const algorithm of algorithmsFor(shape)) {
    const suffix = algorithm === 'direct' ? '' : `, ${algorithm}`;
    const forward = conv2d(pool, shape, { bias: 'row' }, algorithm);
    works.push(on(`${name} forward${suffix}`, flops, forward, [x, w, y, to]));
    if (name === 'conv1') continue;
    const back = conv2dGradInput(pool, shape, {}, algorithm);
    works.push(on(`${name} to input${suffix}`, flops, back, [y, w, x]));
  }
  works.push(on(`${name} to weights`, flops, conv2dGradWeight(pool, shape), [y, x, w]));
}
for (const [i, [from, to]] of [
  [9216, 4096],
  [4096, 4096],
  [4096, 1000],
].entries() as ArrayIterator<[number, [number, number]]>) {
  const flops = 2 * BATCH * from * to;
  const dense = (columns: number) => ({ row: columns, column: 1 });
  const turned = (rows: number) => ({ row: 1, column: rows });
  const [x, w, y] = [BATCH * from, from * to, BATCH * to];
  const name = `fc${i + 6}`;
  works.push(
    on(
      `${name} forward`,
      flops,
      gemm(pool, { m: BATCH, n: to, k: from, a: dense(from), b: turned(from), c: dense(to), bias: 'column' }),
      [x, w, y, to],
    ),
    on(
      `${name} to input`,
      flops,
      gemm(pool, { m: BATCH, n: from, k: to, a: dense(to), b: dense(from), c: dense(from) }),
      [y, w, x],
    ),
    on(
      `${name} to weights`,
      flops,
      gemm(pool, { m: to, n: from, k: BATCH, a: turned(to), b: dense(from), c: dense(from) }),
      [y, x, w],
    ),
  );
}

/** Seconds of wall time and of processor time. */
function timed(run: () => void): { wall: number; processor: number } {
  const [before, started] = [process.cpuUsage(), performance.now()];
  run();
  const used = process.cpuUsage(before);
  return { wall: (performance.now() - started) / 1e3, processor: (used.user + used.system) / 1e6 };
}

const measured = works.filter(
  ({ name }) => name === library.name || words.length === 0 || words.some((word) => name.includes(word)),
);
const memory = new Float32Array(pool.memory.buffer, 0, 2 ** 26);
for (let i = 0; i < memory.length; i++) memory[i] = (i % 2003) / 1000 - 1;
// V8 compiles a kernel anew, with optimisations, while it runs for the first times.
for (const { run } of measured) for (let i = 0; i < 4; i++) run();
const samples = new Map<string, { wall: number; processor: number }[]>();
for (let round = 0; round < rounds; round++)
  for (const { name, flops, run } of measured) {
    // Short work is repeated, since processor time comes in steps of a millisecond or more.
    const times = Math.max(1, Math.round(1e9 / flops));
    const { wall, processor } = timed(() => {
      for (let i = 0; i < times; i++) run();
    });
    const rate = (flops * times) / 1e9;
    samples.set(name, [...(samples.get(name) ?? []), { wall: rate / wall, processor: rate / processor }]);
  }
pool.close();
dnnl.close();

const middle = (name: string) => ({
  wall: median(samples.get(name)!.map(({ wall }) => wall)),
  processor: median(samples.get(name)!.map(({ processor }) => processor)),
});
const whole = middle(library.name);
const tile = tileOfMachine();
console.log(
  `Node ${process.version}, ${threads} thread(s), tile ${tile.rows}×${tile.columns}${tile.fused ? ' fused' : ''}, load ${loadavg()[0]!.toFixed(1)}; GFLOP/s of processor time, of wall time`,
);
for (const { name } of measured) {
  const { wall, processor } = middle(name);
  console.log(
    `${name.padEnd(36)} ${processor.toFixed(1).padStart(7)} ${wall.toFixed(1).padStart(7)}  ${((100 * processor) / whole.processor).toFixed(0).padStart(4)} %`,
  );
}
