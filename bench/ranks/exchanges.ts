import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { distributed, openDevice, setDefaultDevice, tensor } from '../../src/index.js';
import { CrossEntropyLoss } from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { AlexNet, type AlexNetPreset } from '../../src/papers/alexnet/index.js';
import { towers } from '../../src/papers/alexnet/towers.js';
import { divide } from '../../src/papers/parallel.js';
import { manualSeed } from '../../src/tensor/random.js';

/*
 * Measures the exchanges of AlexNet's training on the ranks of a launcher; alone, its steps only:
 *
 *   mpirun -n 2 node dist/bench/ranks/exchanges.js [--batch-size 128] [--side 224] [--steps 4] [--wire bfloat16] [--threads 1] \
 *     [--preset paper] [--parallel towers]
 *
 * The batch is that of all ranks together. Rank 0 prints one JSON line: seconds for one number and for 25 MB, median
 * seconds of a step, the share of the time in which an exchange was in progress and in which devices waited for one, the
 * share of the exchanges that computing has hidden, bytes that left this host's network interfaces in a step, processor
 * seconds of all ranks in a step, and the largest memory of a rank. With --parallel towers each of two ranks has a half of the network and computes the whole
 * batch.
 */
const { values } = parseArgs({
  options: {
    'batch-size': { type: 'string', default: '128' },
    side: { type: 'string', default: '224' },
    steps: { type: 'string', default: '4' },
    wire: { type: 'string', default: 'float32' },
    threads: { type: 'string' },
    preset: { type: 'string', default: 'notes' },
    parallel: { type: 'string' },
  },
});
process.env.PAPERWEIGHT_KERNELS ??= 'fixed';
const world = await distributed.open();
const threads = values.threads === undefined ? world.threads : Number(values.threads);
const { device } = await openDevice('onednn', { threads });
setDefaultDevice(device);
manualSeed(1);
const whole = new AlexNet({ numClasses: 1000, preset: values.preset as AlexNetPreset });
await world.share(whole);
const divided = values.parallel === 'towers' && world.size === towers.ranks;
const model = divided ? await divide(towers, whole, world) : whole;
await model.to(device);
const optimizer = new SGD(model.parameters(), { lr: 1e-4, momentum: 0.9 });
const lossOf = new CrossEntropyLoss();
const all = Number(values['batch-size']);
const own = divided ? { start: 0, end: all } : world.part(all);
const [rows, side] = [own.end - own.start, Number(values.side)];
const images = new Float32Array(rows * 3 * side * side);
for (let i = 0; i < images.length; i++) images[i] = ((i * 7919 + own.start) % 1000) / 500 - 1;
const labels = Int32Array.from({ length: rows }, (_, i) => i % 1000);
const { latency, seconds: exchange } = await world.measure(25e6);

/** Bytes that have left through this host's network interfaces, without its own. */
function sent(): number {
  const lines = readFileSync('/proc/self/net/dev', 'utf8').split('\n');
  return lines
    .map((line) => line.trim().split(/[:\s]+/))
    .filter(([name, ...numbers]) => name !== 'lo' && numbers.length === 16)
    .reduce((sum, fields) => sum + Number(fields[9]), 0);
}

async function step(): Promise<void> {
  optimizer.zeroGrad();
  const loss = lossOf.forward(
    model.forward(tensor(images, { shape: [rows, 3, side, side] })),
    tensor(labels),
  );
  (divided ? loss.div(world.size) : loss).backward();
  const wire = values.wire as 'float32' | 'bfloat16';
  if (divided) world.addUp(model.parameters(), 1, { wire });
  else world.average(model.parameters(), { wire });
  optimizer.step({ compute: [loss] });
  await loss.item();
}

for (let i = 0; i < 2; i++) await step();
await world.barrier();
const times: number[] = [];
const before = { bytes: sent(), waited: world.waitedSeconds, exchanged: world.exchangedSeconds };
const processor = process.cpuUsage();
const began = performance.now();
for (let i = 0; i < Number(values.steps); i++) {
  const at = performance.now();
  await step();
  times.push((performance.now() - at) / 1000);
}
await world.barrier();
const total = (performance.now() - began) / 1000;
const [waited, exchanged] = [world.waitedSeconds - before.waited, world.exchangedSeconds - before.exchanged];
const { user, system } = process.cpuUsage(processor);
const peak = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
const mine = [waited / total, exchanged / total, (sent() - before.bytes) / times.length, peak, user + system];
const every = await world.gather(mine);
const mean = (k: number) => every.reduce((sum, each) => sum + each[k]!, 0) / every.length;
if (world.first)
  console.log(
    JSON.stringify({
      ranks: world.size,
      library: world.library?.name,
      threads,
      rows,
      side,
      wire: values.wire,
      latencySeconds: latency,
      exchange25MBSeconds: exchange,
      stepSeconds: times.toSorted((a, b) => a - b)[times.length >> 1],
      exchangeShare: mean(1),
      waitShare: mean(0),
      hidden: mean(1) > 0 ? 1 - mean(0) / mean(1) : undefined,
      bytesSentPerStep: mean(2),
      processorSecondsPerStep: (mean(4) * every.length) / times.length / 1e6,
      peakBytes: Math.max(...every.map((each) => each[3]!)),
      ...(divided ? { parallel: 'towers' } : {}),
    }),
  );
await device.close();
await world.close();
