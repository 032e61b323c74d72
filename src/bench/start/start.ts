import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { DeviceName } from '../../backend/device-names.js';
import { resultHead } from '../machine.js';
import { buildNetwork, checkBatch, usualNetwork } from '../network.js';
import type { StartResult } from '../result.js';
import { Side } from '../side.js';
import { median } from '../stats.js';

const run = promisify(execFile);

export interface StartOptions {
  readonly batch: number;
  readonly threads: number;
  readonly device: DeviceName;
  /** Processes of each kind; results are medians over them. */
  readonly rounds: number;
  /** Time limit for one process, in seconds. */
  readonly limit: number;
  /** Path of the command line's main file. */
  readonly main: string;
  readonly onProgress?: (line: string) => void;
}

const markSchema = z.object({
  opened: z.number(),
  firstStepDone: z.number(),
  firstStep: z.number(),
  secondStep: z.number(),
  compileSeconds: z.number(),
  plansAfterFirst: z.number(),
  plansAfterSecond: z.number(),
});

async function timed(args: readonly string[]): Promise<number> {
  const started = performance.now();
  await run(process.execPath, [...args]);
  return (performance.now() - started) / 1000;
}

/** Measures the time from process start to useful output. */
export async function measureStart(options: StartOptions): Promise<StartResult> {
  const { batch, threads, device, rounds, limit, main, onProgress = () => {} } = options;
  checkBatch(batch, (await buildNetwork(await usualNetwork())).input);
  const bare: number[] = [];
  const help: number[] = [];
  const marks: z.infer<typeof markSchema>[] = [];
  for (let round = 1; round <= rounds; round++) {
    bare.push(await timed(['-e', '0']));
    help.push(await timed([main, '--help']));
    const started = Date.now();
    const child = new Side({
      name: 'the first step',
      command: process.execPath,
      args: [
        fileURLToPath(new URL('./start-child.js', import.meta.url)),
        String(batch),
        String(threads),
        device,
      ],
    });
    try {
      const mark = markSchema.parse(await child.ready(limit));
      const since = (epoch: number) => (epoch - started) / 1000;
      marks.push({ ...mark, opened: since(mark.opened), firstStepDone: since(mark.firstStepDone) });
    } finally {
      child.kill();
    }
    onProgress(`round ${round}/${rounds}: first step done after ${marks.at(-1)!.firstStepDone.toFixed(2)} s`);
  }
  const middle = (pick: (mark: (typeof marks)[number]) => number) => median(marks.map(pick));
  return {
    what: 'start',
    ...resultHead(threads),
    batch,
    nodeAlone: median(bare),
    help: median(help),
    deviceOpened: middle((m) => m.opened),
    firstStepDone: middle((m) => m.firstStepDone),
    compileSeconds: middle((m) => m.compileSeconds),
    firstStep: middle((m) => m.firstStep),
    secondStep: middle((m) => m.secondStep),
    plansAfterFirst: Math.max(...marks.map((m) => m.plansAfterFirst)),
    plansAfterSecond: Math.max(...marks.map((m) => m.plansAfterSecond)),
  };
}
