/**
 * Elementwise operations on 4 M elements on the fast device, beside a copy of the same bytes: medians of interleaved
 * rounds, as the plan's profile measures its steps.
 *
 *     node dist/bench/elementwise.js [threads]
 */
import { InlineDevice } from '../src/backend/device.js';
import { OneDnnEngine } from '../src/backend/onednn/index.js';
import { median } from '../src/bench/stats.js';
import { buildGraph } from '../src/graph/graph.js';
import { type Tensor, tensor } from '../src/tensor/tensor.js';

const [ROWS, COLUMNS, ROUNDS] = [4096, 1024, 15];
const threads = Number(process.argv[2] ?? 2);

const normalised = (x: Tensor): Tensor => {
  const centred = x.sub(x.mean([1], true));
  const variance = centred.square().mean([1], true);
  return centred.div(variance.add(1e-5).sqrt());
};

/** The computations, with the minimum number of times that each must read or write all elements. */
const WORK: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  exp: (x) => x.exp(),
  log: (x) => x.log(),
  sqrt: (x) => x.sqrt(),
  'x³': (x) => x.pow(3),
  'x^1.7': (x) => x.pow(1.7),
  abs: (x) => x.abs(),
  'sigmoid(x) · x': (x) => x.sigmoid().mul(x),
  'layer norm': normalised,
};

const device = new InlineDevice(new OneDnnEngine({ threads }));
const from = new Float32Array(ROWS * COLUMNS).map((_, i) => 0.1 + (i % 977) / 200);
const to = new Float32Array(from.length);
const x = tensor(from, { shape: [ROWS, COLUMNS] });
const rounds = new Map(Object.keys(WORK).map((name) => [name, [] as number[]]));
const copies: number[] = [];
const steps = new Map<string, string>();
for (let round = 0; round < ROUNDS; round++) {
  const started = performance.now();
  to.set(from);
  copies.push(performance.now() - started);
  for (const [name, work] of Object.entries(WORK)) {
    const { graph, key, feeds, storages } = buildGraph([work(x).node], []);
    const rows = await device.profile(
      key,
      graph,
      feeds,
      storages.map((s) => s.id),
    );
    rounds.get(name)!.push(rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0));
    steps.set(name, rows.map(({ op, kernel }) => `${op} (${kernel})`).join(', '));
  }
}
await device.close();

const copy = median(copies);
console.log(`${ROWS * COLUMNS} elements, ${threads} threads. A copy, 1 thread: ${copy.toFixed(2)} ms.`);
for (const [name, times] of rounds) {
  const time = median(times);
  console.log(
    `${name.padEnd(16)} ${time.toFixed(2).padStart(7)} ms  ${(time / copy).toFixed(1).padStart(5)} copies  ${steps.get(name)}`,
  );
}
