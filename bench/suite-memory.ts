import { parseArgs } from 'node:util';
import { openDevice } from '../src/backend/open.js';
import { resultHead } from '../src/bench/machine.js';
import { NETS } from '../src/bench/suite/nets/index.js';
import { training } from '../src/bench/suite/work.js';
import { setDefaultDevice } from '../src/core.js';

/*
 * Trains networks of the suite for many steps and prints, as JSON, the resident memory, the heap and the number of plans
 * on the way, all of which should stay the same after the first steps.
 *   npm run build && node --expose-gc dist/bench/suite-memory.js --nets mlp,vit --steps 10000 --batch 8
 * A small batch takes the same plans and the same paths as a large one, in less time.
 */
const { values } = parseArgs({
  options: {
    nets: { type: 'string', default: Object.keys(NETS).join() },
    steps: { type: 'string', default: '10000' },
    batch: { type: 'string' },
    device: { type: 'string', default: 'auto' },
    threads: { type: 'string', default: '2' },
  },
});
const SAMPLES = 20;

/**
 * Resident memory, and the objects and buffers of the main thread in it, after a garbage collection if node was started
 * with --expose-gc.
 */
function memory(): { rssMiB: number; heapMiB: number } {
  (globalThis as { gc?: () => void }).gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const mebi = (bytes: number): number => Math.round((10 * bytes) / 2 ** 20) / 10;
  return { rssMiB: Math.round(mebi(rss)), heapMiB: mebi(heapUsed + external) };
}

const steps = Number(values.steps);
const nets: object[] = [];
for (const name of values.nets.split(',')) {
  const net = NETS[name];
  if (!net) throw new Error(`no network ${name}; there are ${Object.keys(NETS).join(', ')}`);
  const { device } = await openDevice(values.device as 'auto', { threads: Number(values.threads) });
  setDefaultDevice(device);
  const batch = Number(values.batch ?? net.batch);
  const { step } = await training(net, batch, device);
  const samples: { step: number; rssMiB: number; heapMiB: number; plans: number }[] = [];
  for (let done = 1; done <= steps; done++) {
    await step();
    if (done % Math.ceil(steps / SAMPLES) > 0 && done !== steps) continue;
    samples.push({ step: done, ...memory(), plans: (await device.stats()).length });
    process.stderr.write(`\r${name} ${done}: ${samples.at(-1)!.rssMiB} MiB   `);
  }
  const { engine } = await device.info();
  nets.push({ name, batch, engine, samples });
  await device.close();
}
process.stdout.write(`${JSON.stringify({ ...resultHead(Number(values.threads)), steps, nets }, null, 1)}\n`);
