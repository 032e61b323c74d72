import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { oursCommand } from '../src/bench/compare.js';
import { resultHead } from '../src/bench/machine.js';
import { usualNetwork } from '../src/bench/network.js';
import { relativeDifference } from '../src/bench/peer-side.js';
import { PEERS, type PeerName, peerCommand, peerFolder } from '../src/bench/peers.js';
import { Side, SideError } from '../src/bench/side.js';
import { median } from '../src/bench/stats.js';
import { writeWork } from '../src/bench/work.js';
import { writeFileAtomic } from '../src/files/atomic.js';

/*
 * Paperweight and its peers on one WebGPU adapter, in Node or in pages of Chromium: time and processor time of a step and
 * of the first one, all sides in turn. A software adapter computes on the processor, so there only the processor's time
 * means something on a machine with other work.
 *   npm run build && node dist/bench/webgpu-peers.js --what train --preset four-layer --batch 32 --peer tfjs-webgpu --peer jax-js-webgpu
 * `--in page` computes in Chromium, `--save FILE` adds the result to a JSON file. Mesa keeps compiled kernels on disk: set
 * MESA_SHADER_CACHE_DISABLE=true to measure first steps.
 */
const { values } = parseArgs({
  options: {
    what: { type: 'string', default: 'train' },
    preset: { type: 'string', default: 'four-layer' },
    batch: { type: 'string', default: '32' },
    peer: { type: 'string', multiple: true, default: [] },
    in: { type: 'string', default: 'node' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '1' },
    limit: { type: 'string', default: '600' },
    save: { type: 'string' },
  },
});
const what = z.enum(['train', 'infer']).parse(values.what);
const place = z.enum(['node', 'page']).parse(values.in);
const peers = z.array(z.enum(Object.keys(PEERS) as [PeerName, ...PeerName[]])).parse(values.peer);
const [batch, rounds, steps, limit] = [values.batch, values.rounds, values.steps, values.limit].map(
  Number,
) as [number, number, number, number];
const IN_PAGE = fileURLToPath(new URL('../../bench/page/side.mjs', import.meta.url));

const numbers = z.array(z.number());
const readySchema = z.object({
  version: z.string(),
  logits: numbers,
  warmupSeconds: numbers,
  warmupProcessorSeconds: numbers,
});
const stepsSchema = z.object({ seconds: numbers, processorSeconds: numbers });

interface Measured {
  readonly name: string;
  readonly side: Side;
  readonly ready: z.infer<typeof readySchema>;
  readonly seconds: number[];
  readonly processorSeconds: number[];
}

const { paper } = await usualNetwork();
const network = { paper, preset: values.preset, norm: 'none' } as const;
const work = await writeWork({
  what,
  network,
  batch,
  threads: 1,
  device: 'webgpu',
  precision: 'float32',
  mode: 'webgpu',
  warmup: 2,
  wantsOnnx: peers.includes('onnxruntime-web'),
  describe: 'layers',
});
const rows: object[] = [];
const sides: Measured[] = [];
try {
  for (const name of ['paperweight', ...peers] as const) {
    const command =
      place === 'page'
        ? { name, command: process.execPath, args: [IN_PAGE, name, work.file] }
        : name === 'paperweight'
          ? oursCommand(work.file)
          : await peerCommand(name, [work.file], { python: 'python3', folder: peerFolder() }, 1);
    const side = new Side(command);
    try {
      const ready = readySchema.parse(await side.ready(limit));
      sides.push({ name, side, ready, seconds: [], processorSeconds: [] });
      process.stderr.write(
        `${name} is ready: ${ready.warmupProcessorSeconds.map((s) => s.toFixed(2)).join(', ')} s\n`,
      );
    } catch (error) {
      side.kill();
      if (!(error instanceof SideError)) throw error;
      rows.push({ name, impossible: error.message });
    }
  }
  for (let round = 0; round < rounds; round++)
    for (const { side, seconds, processorSeconds } of sides) {
      const found = stepsSchema.parse(await side.ask(`go ${steps}`, limit));
      seconds.push(...found.seconds);
      processorSeconds.push(...found.processorSeconds);
    }
  const own = sides.find(({ name }) => name === 'paperweight');
  for (const { name, ready, seconds, processorSeconds } of sides)
    rows.push({
      name,
      version: ready.version,
      stepMs: 1000 * median(seconds),
      processorMs: 1000 * median(processorSeconds),
      firstProcessorMs: 1000 * ready.warmupProcessorSeconds[0]!,
      ...(own && name !== 'paperweight'
        ? {
            logitsDifference: relativeDifference(own.ready.logits, ready.logits),
            processorRatio: median(processorSeconds) / median(own.processorSeconds),
          }
        : {}),
    });
  const result = {
    what: 'webgpu-peers',
    ...resultHead(1),
    in: place,
    step: what,
    ...network,
    batch,
    rounds,
    steps,
    rows,
  };
  if (values.save) await writeFileAtomic(values.save, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} finally {
  for (const { side } of sides) side.kill();
  await work.remove();
}
