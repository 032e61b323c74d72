import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Generator } from '../../src/random.js';
import type { ChildRunOptions } from './children/run.js';

const CHILD = fileURLToPath(new URL('./children/run.js', import.meta.url));
/** Checkpoints of 8 MB, so that about half of the time is spent writing them. */
const RUN = { maxSteps: 60, checkpointEvery: 2, hidden: 4096 } satisfies ChildRunOptions;
const FILES = ['checkpoints', '.'];

export interface KillCounts {
  runs: number;
  kills: number;
  /** Kills that left a file half written, or a checkpoint that the state did not name yet. */
  inCheckpoint: number;
  /** Kills before the first step of their process. */
  beforeFirstStep: number;
  /** Largest number of steps that one kill cost. */
  mostStepsLost: number;
  stepsLost: number;
}

export interface Child {
  readonly process: ChildProcess;
  /** Steps that were done when it began. */
  readonly at: Promise<number>;
  /** What it wrote on standard error, when it has ended. */
  readonly ended: Promise<{ code: number | null; stderr: string }>;
}

/**
 * @param kernels what `PAPERWEIGHT_KERNELS` is
 * @param flags node's own
 */
export function startChild(
  run: string,
  options: ChildRunOptions,
  kernels = 'fixed',
  flags: readonly string[] = [],
): Child {
  const env = { ...process.env, PAPERWEIGHT_KERNELS: kernels, NODE_TEST_CONTEXT: undefined };
  const child = spawn(process.execPath, [...flags, CHILD, run, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const at = new Promise<number>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('at ')) resolve(Number(line.slice(3)));
    });
    child.once('close', () => resolve(-1));
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  return { process: child, at, ended };
}

/** A child that has to come to the end of its run. */
async function finish(run: string, resume: boolean): Promise<{ at: number; milliseconds: number }> {
  const child = startChild(run, { ...RUN, resume });
  const at = await child.at;
  const began = performance.now();
  const { code, stderr } = await child.ended;
  if (code !== 0) throw new Error(`a run did not finish: ${stderr}`);
  return { at, milliseconds: performance.now() - began };
}

export interface Ending {
  readonly checkpoint: Buffer;
  readonly best: Buffer;
  readonly metrics: string;
}

/** What two runs that are the same have in common. */
export function endingOf(run: string): Ending {
  const state = JSON.parse(readFileSync(join(run, 'state.json'), 'utf8'));
  const file = (name: string) => readFileSync(join(run, 'checkpoints', name));
  const clock = /"(imagesPerSecond|stepSeconds|dataSeconds|rssMiB|seconds|run)":("[^"]*"|[^,}]*)/g;
  return {
    checkpoint: file(state.latest),
    best: file(state.best.file),
    metrics: readFileSync(join(run, 'metrics.jsonl'), 'utf8').replaceAll(clock, ''),
  };
}

const temporaries = (run: string): string[] =>
  FILES.flatMap((folder) => readdirSync(join(run, folder)).filter((name) => name.endsWith('.tmp')));

/** Steps in the metrics, and whether the kill came while a checkpoint was being written. */
function look(run: string): { steps: number; inCheckpoint: boolean } {
  const text = existsSync(join(run, 'metrics.jsonl')) ? readFileSync(join(run, 'metrics.jsonl'), 'utf8') : '';
  const steps = text
    .split('\n')
    .filter((line) => line.includes('"event":"step"') && line.endsWith('}')).length;
  const newest = readdirSync(join(run, 'checkpoints'))
    .filter((name) => /^step-\d+\.safetensors$/.test(name))
    .sort()
    .at(-1);
  const { latest } = JSON.parse(readFileSync(join(run, 'state.json'), 'utf8'));
  return { steps, inCheckpoint: temporaries(run).length > 0 || newest !== latest };
}

/**
 * Kills training runs (SIGKILL) at random instants, continues them, and compares each with one that was left alone, to
 * the last bit of weights, momentum and metrics.
 *
 * @param folder an empty one
 * @throws Error at the first thing that is not as promised
 */
export async function killAtRandom(
  folder: string,
  { kills, perRun = 10, seed = 1 }: { kills: number; perRun?: number; seed?: number },
): Promise<KillCounts> {
  const random = new Generator(seed);
  const alone = join(folder, 'alone');
  const took = await finish(alone, false);
  const expected = endingOf(alone);
  /** Long enough for some checkpoints, whatever the machine. */
  const span = (took.milliseconds / RUN.maxSteps) * 16;
  const counts = { runs: 0, kills: 0, inCheckpoint: 0, beforeFirstStep: 0, mostStepsLost: 0, stepsLost: 0 };
  while (counts.kills < kills) {
    const run = join(folder, `run-${counts.runs}`);
    let steps = 0;
    for (let n = 0; n < perRun && counts.kills < kills; n++) {
      const resume = existsSync(join(run, 'config.json'));
      const child = startChild(run, { ...RUN, resume });
      // One in ten while it starts, the others while it trains.
      if (random.uniform() < 0.1) await sleep(random.uniform() * 600);
      else {
        const at = await child.at;
        if (at < 0) throw new Error(`a run did not go on after a kill: ${(await child.ended).stderr}`);
        check(run, at, steps, counts);
        await sleep(random.uniform() * span);
      }
      child.process.kill('SIGKILL');
      const { code, stderr } = await child.ended;
      if (code !== null && code !== 0) throw new Error(`a run ended by itself: ${stderr}`);
      if (code === 0) break;
      counts.kills++;
      if (!existsSync(join(run, 'state.json'))) continue;
      const now = look(run);
      if (now.inCheckpoint) counts.inCheckpoint++;
      if (now.steps <= steps) counts.beforeFirstStep++;
      steps = now.steps;
    }
    const { at } = await finish(run, existsSync(join(run, 'config.json')));
    check(run, at, steps, counts);
    const got = endingOf(run);
    for (const part of ['checkpoint', 'best'] as const)
      if (!expected[part].equals(got[part])) throw new Error(`${run}: the ${part} differs`);
    if (expected.metrics !== got.metrics) throw new Error(`${run}: the metrics differ`);
    if (temporaries(run).length > 0) throw new Error(`${run}: ${temporaries(run)} are left`);
    rmSync(run, { recursive: true });
    counts.runs++;
  }
  return counts;
}

/** A process that goes on at a step must not have lost more than the steps since the last checkpoint. */
function check(run: string, at: number, steps: number, counts: KillCounts): void {
  const lost = Math.max(0, steps - at);
  if (lost > RUN.checkpointEvery) throw new Error(`${run}: went on after step ${at} of ${steps}`);
  counts.stepsLost += lost;
  counts.mostStepsLost = Math.max(counts.mostStepsLost, lost);
}
