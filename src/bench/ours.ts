import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { errorToPlain } from '../errors/errors.js';
import { SGD } from '../optim/index.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { CapturingDevice } from './capture.js';
import { openBenchDevice } from './device.js';
import { buildNetwork } from './network.js';
import { trainingStep } from './step.js';
import { readWork, type Work } from './work.js';

/*
 * Paperweight's side of a comparison, in its own process like every peer: `node ours.js work.json`.
 * Requests and answers: go N → seconds of each of N steps; sgemm → GFLOP/s; stats → plan counters; profile → one
 * profiled step; end → peak memory. See side.ts.
 */
const SGEMM_SIDE = 2048;
/** The same on a software adapter. */
const SOFTWARE_SIDE = 256;

const say = (answer: object): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

async function floats(work: string, name: string): Promise<Float32Array> {
  const bytes = await readFile(join(dirname(work), name));
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** Repeats the images until the batch is full. */
function batchOf(images: Float32Array, { batch, imageCount, inputShape }: Work): Tensor {
  const size = images.length / imageCount;
  const all = new Float32Array(batch * size);
  for (let i = 0; i < batch; i++) {
    const from = (i % imageCount) * size;
    all.set(images.subarray(from, from + size), i * size);
  }
  return tensor(all, { shape: [batch, ...inputShape] });
}

async function serve(file: string): Promise<void> {
  const work = await readWork(file);
  const device = new CapturingDevice(await openBenchDevice(work));
  const { model } = await buildNetwork(work.network);
  const weights = await floats(file, work.weights);
  let at = 0;
  for (const parameter of model.parameters()) parameter.load(weights.slice(at, (at += parameter.size)));
  await model.to(device);
  const images = await floats(file, work.images);
  const few = tensor(images, { shape: [work.imageCount, ...work.inputShape] });
  const logits = await model.eval().forward(few).data();
  const step = work.what === 'train' ? trainStep() : inferStep();

  function trainStep(): () => Promise<unknown> {
    model.train();
    const optimizer = new SGD(model.parameters(), { lr: work.lr, momentum: work.momentum });
    return trainingStep(model, optimizer, batchOf(images, work));
  }
  function inferStep(): () => Promise<unknown> {
    const inputs = batchOf(images, work);
    return () => model.forward(inputs).data();
  }
  /**
   * Each training step is recorded while the previous one runs, as in the trainer.
   * @returns seconds of each step, and of the processor: all threads of this process together
   */
  async function timed(count: number): Promise<{ seconds: number[]; processorSeconds: number[] }> {
    const ahead = work.what === 'train';
    const seconds: number[] = [];
    const processorSeconds: number[] = [];
    let started = performance.now();
    let used = process.cpuUsage();
    let running = step();
    for (let i = 0; i < count; i++) {
      const isLast = i === count - 1;
      const next = ahead && !isLast ? step() : undefined;
      await running;
      seconds.push((performance.now() - started) / 1000);
      const { user, system } = process.cpuUsage(used);
      processorSeconds.push((user + system) / 1e6);
      started = performance.now();
      used = process.cpuUsage();
      if (!isLast) running = next ?? step();
    }
    return { seconds, processorSeconds };
  }

  const warmup = await timed(work.warmup);
  const info = await device.info();
  say({
    ready: true,
    name: 'paperweight',
    version: `${info.engine} ${info.version}`,
    info,
    logits: [...logits],
    warmupSeconds: warmup.seconds,
    warmupProcessorSeconds: warmup.processorSeconds,
  });
  for await (const line of createInterface({ input: process.stdin })) {
    const [word, number] = line.split(' ');
    if (word === 'go') say(await timed(Number(number)));
    else if (word === 'sgemm')
      say({ gflops: (await device.sgemmRate(info.software ? SOFTWARE_SIDE : SGEMM_SIDE, 3)) ?? null });
    else if (word === 'stats') say({ plans: await device.stats() });
    else if (word === 'profile') say({ rows: await device.profileLast() });
    else if (word === 'end') break;
    else say({ error: `unknown request "${line}"` });
  }
  await device.close();
  say({ peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024) });
}

try {
  await serve(process.argv[2]!);
} catch (error) {
  const { name, ...parts } = errorToPlain(error);
  say({ error: [parts.what, parts.next].filter(Boolean).join('. Next: '), name });
  process.exitCode = 1;
}
process.stdin.destroy();
