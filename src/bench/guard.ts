import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Device, EngineInfo, PlanStats } from '../backend/backend.js';
import { OTHER_DEVICE } from '../backend/onednn/library/library.js';
import { DeviceError, UsageError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';
import { sizeOf } from '../graph/types.js';
import { SGD } from '../optim/index.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { CapturingDevice } from './capture.js';
import { openBenchDevice } from './device.js';
import { buildNetwork, countFlop, type Network, usualNetwork } from './network.js';
import { smallStep } from './overhead.js';
import { median } from './stats.js';
import { secondsOf, trainingStep } from './step.js';

/**
 * Counters of one plan: all numbers that the engine reports except times, and the operations that run in
 * TypeScript.
 */
export type Counters = Readonly<Record<string, number | string>>;

const guardSchema = z.object({
  /** Keyed by plan: `train`, `infer`, `small`. */
  plans: z.record(z.string(), z.record(z.string(), z.union([z.number(), z.string()]))),
  /** Effective GFLOP/s of a training step divided by the GFLOP/s of the machine's matrix product. */
  ofSgemm: z.number().positive(),
});
export type Guard = z.infer<typeof guardSchema>;

/** Baselines by machine signature: counters depend on the library, its instruction set and the thread count. */
export const baselineSchema = z.record(z.string(), guardSchema);
export type Baseline = z.infer<typeof baselineSchema>;

/** Fixed thread count, so that one baseline serves machines with any number of cores. */
export const GUARD_THREADS = 2;
const BATCH = 128;
const RATE_BATCH = 8;
const RATE_STEPS = 5;
/** Smallest accepted fraction of the baseline's rate. It is low because other programs share the machine. */
const MARGIN = 0.6;
/** Makes the oneDNN engine choose kernels by rule instead of by timing, so that counters repeat. */
const FIXED_KERNELS = { PAPERWEIGHT_KERNELS: 'fixed' };

export const signatureOf = ({ engine, version, isa = '' }: EngineInfo): string =>
  `${engine} ${version}, ${isa}, ${GUARD_THREADS} threads, ${process.arch}`;

export function countersOf(stats: PlanStats): Counters {
  const numbers = Object.entries(stats).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && !entry[0].endsWith('Seconds'),
  );
  return { ...Object.fromEntries(numbers), scripted: [...stats.scripted].sort().join(' ') };
}

/** Measures counters and rate on this machine. */
export async function measureGuard(): Promise<{ signature: string; guard: Guard }> {
  Object.assign(process.env, FIXED_KERNELS);
  const plans: Record<string, Counters> = {};
  const { signature, ofSgemm } = await measurePlans('float32', plans);
  await measurePlans('bfloat16', plans);
  return { signature, guard: { plans, ofSgemm } };
}

/** Counters are those of onednn: another device is no way out where its library is missing. */
async function openOneDnn(precision: 'float32' | 'bfloat16'): Promise<Device> {
  try {
    return await openBenchDevice({ device: 'onednn', threads: GUARD_THREADS, precision });
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    const next = error.next?.replace(OTHER_DEVICE, '(bench guard compares plans of this device only)');
    const { what, expected, got, cause } = error;
    throw new DeviceError({ what, expected, got, next, cause });
  }
}

/** Measures the counters of one precision's plans, and the rate. */
async function measurePlans(precision: 'float32' | 'bfloat16', plans: Record<string, Counters>) {
  const device = new CapturingDevice(await openOneDnn(precision));
  const suffix = precision === 'float32' ? '' : `, ${precision}`;
  try {
    const choice = await usualNetwork();
    const network = await buildNetwork(choice);
    const model = await network.model.to(device);
    const images = imagesOf(network);
    const take = async (name: string, body: () => Promise<unknown>) => {
      const before = (await device.stats()).length;
      await body();
      const made = (await device.stats()).slice(before);
      if (made.length !== 1) throw new Error(`${made.length} plans for ${name} instead of 1`);
      plans[name + suffix] = countersOf(made[0]!);
    };
    const optimizer = new SGD(model.parameters(), { lr: 0.001, momentum: 0.9 });
    await take('train', trainingStep(model, optimizer, images(BATCH)));
    const ofSgemm = await rate(trainingStep(model, optimizer, images(RATE_BATCH)), {
      device,
      gflop: (await countFlop(choice)).train * RATE_BATCH,
    });
    model.eval();
    await take('infer', () => model.forward(images(BATCH)).data());
    const small = await smallStep(device, 32);
    await take('small', small);
    return { signature: signatureOf(await device.info()), ofSgemm };
  } finally {
    await device.close();
  }
}

const imagesOf =
  ({ input }: Network) =>
  (batch: number): Tensor =>
    tensor(new Float32Array(batch * sizeOf(input)).fill(0.1), {
      shape: [batch, ...input],
    });

/** The matrix product is timed between steps, so that load from other programs affects both. */
async function rate(
  step: () => Promise<number>,
  { device, gflop }: { device: CapturingDevice; gflop: number },
): Promise<number> {
  await step();
  const ratios: number[] = [];
  for (let i = 0; i < RATE_STEPS; i++) {
    const gflops = gflop / (await secondsOf(step));
    ratios.push(gflops / (await device.sgemmRate(1024, 3))!);
  }
  return median(ratios);
}

/** One difference from the baseline. */
export interface Finding {
  readonly plan: string;
  readonly counter: string;
  readonly expected: number | string;
  readonly got: number | string;
}

/** Differences from the baseline: any counter that differs, and a rate that is clearly lower. */
export function compareGuard(expected: Guard, got: Guard): Finding[] {
  const findings: Finding[] = [];
  for (const plan of new Set([...Object.keys(expected.plans), ...Object.keys(got.plans)])) {
    const [a, b] = [expected.plans[plan] ?? {}, got.plans[plan] ?? {}];
    for (const counter of new Set([...Object.keys(a), ...Object.keys(b)]))
      if (a[counter] !== b[counter])
        findings.push({ plan, counter, expected: a[counter] ?? 'none', got: b[counter] ?? 'none' });
  }
  if (got.ofSgemm < MARGIN * expected.ofSgemm)
    findings.push({
      plan: `train, batch ${RATE_BATCH}`,
      counter: 'GFLOP/s / sgemm',
      expected: `at least ${(MARGIN * expected.ofSgemm).toFixed(2)}`,
      got: Number(got.ofSgemm.toFixed(2)),
    });
  return findings;
}

/** @throws UsageError if the file is not a valid baseline */
export async function readBaseline(file: string): Promise<Baseline> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw diskError(error, `cannot read ${file}`, UsageError);
  });
  return text === undefined ? {} : parseBaseline(file, text);
}

/** Parses a baseline. @throws UsageError if it is not valid */
export function parseBaseline(file: string, text: string): Baseline {
  try {
    return baselineSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UsageError({
      what: `${file} is not a valid baseline for the guard`,
      expected: 'the output of "paperweight bench guard --update"',
      got: error instanceof z.ZodError ? z.prettifyError(error) : String(error),
      next: 'restore it from version control, or delete it and create it again with --update',
      cause: error,
    });
  }
}
