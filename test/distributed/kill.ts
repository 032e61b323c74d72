import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Generator } from '../../src/random.js';
import { child, type Ended, type Launcher, start } from './launch.js';

/** What became of a run whose ranks were killed at random. */
export interface RankKills {
  /** Rounds in which a rank was killed, by the number of ranks of the job. */
  kills: number;
  readonly byRanks: Record<string, number>;
  /** Kills after which the run went on from its last checkpoint or a later one. */
  kept: number;
  /** Kills after which it did not, with the reason. */
  readonly lost: string[];
  /** Steps that had been reported and were computed again, in the worst round. */
  mostStepsLost: number;
  /** Longest time from a kill to the end of its job, in seconds. */
  slowestEnd: number;
  /** Distance to the weights of an unbroken run on `ranks`, relative to how far they have moved; 0 if bitwise equal. */
  distance: number;
}

const RANK = /(?:^|\0)(?:OMPI_COMM_WORLD_RANK|PMI_RANK)=(\d+)\0/;

/** The processes of a job's ranks, in the order of ranks; found by an argument that all of them have. */
function ranksOf(argument: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      if (!readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(argument)) continue;
      const rank = RANK.exec(readFileSync(`/proc/${name}/environ`, 'utf8'))?.[1];
      if (rank !== undefined) found[Number(rank)] = Number(name);
    } catch {
      // It has ended.
    }
  }
  return found;
}

/** Waits for all processes of a job. @returns undefined if the job ends before */
export async function allRanks(
  argument: string,
  ranks: number,
  ended: () => boolean,
): Promise<number[] | undefined> {
  while (!ended()) {
    const found = ranksOf(argument);
    if (found.filter(Boolean).length === ranks) return found;
    await sleep(20);
  }
  return undefined;
}

/**
 * Trains the toy run and kills a random rank at a random instant, again and again, and resumes it each time; then lets it
 * finish and compares it with an unbroken run.
 *
 * @param options.ranks the most ranks of a job
 * @param options.left whether half of the jobs resume on the ranks that were left, instead of on all
 * @param options.within milliseconds in which the kill falls, from the first step or from the start of the processes
 */
export async function killRanks(
  folder: string,
  {
    launcher,
    kills,
    seed,
    ranks = 3,
    left = true,
    within = 3000,
    note = () => {},
  }: {
    readonly launcher: Launcher;
    readonly kills: number;
    readonly seed: number;
    readonly ranks?: number;
    readonly left?: boolean;
    readonly within?: number;
    readonly note?: (text: string) => void;
  },
): Promise<RankKills> {
  const random = new Generator(seed);
  const path = join(folder, 'killed');
  // A small rate, since rounding differs between numbers of ranks and grows with each step.
  const schedule = { kind: 'constant' };
  const config = { syncBn: true, checkpointEvery: 3, epochs: 10 ** 6, lr: 1e-3, schedule, evalLimit: 10 };
  const toy = (given: object): string[] => [
    child('toy'),
    JSON.stringify({ path, slow: 10, config, ...given }),
  ];
  const counts: RankKills = {
    kills: 0,
    byRanks: {},
    kept: 0,
    lost: [],
    mostStepsLost: 0,
    slowestEnd: 0,
    distance: 0,
  };
  const latest = (): number => {
    if (!existsSync(join(path, 'state.json'))) return 0;
    const state = JSON.parse(readFileSync(join(path, 'state.json'), 'utf8')) as { latest?: string };
    return Number(/\d+/.exec(state.latest ?? '')?.[0] ?? 0);
  };
  const reported = (): number => {
    if (!existsSync(join(path, 'metrics.jsonl'))) return 0;
    const lines = readFileSync(join(path, 'metrics.jsonl'), 'utf8').trim().split('\n');
    return Math.max(0, ...lines.map((line) => Number(/"step":(\d+)/.exec(line)?.[1] ?? 0)));
  };
  let size = ranks;
  while (counts.kills < kills) {
    const resume = existsSync(join(path, 'config.json'));
    const before = latest();
    const job = start(launcher, size, toy({ resume }));
    let done: Ended | undefined;
    void job.ended.then((ended) => {
      done = ended;
    });
    const processes = await allRanks(path, size, () => done !== undefined);
    // One in four dies while it starts.
    if (random.uniform() < 0.75) while (!done && !job.output().includes('started at')) await sleep(20);
    await sleep(within * random.uniform());
    const rank = random.integer(size);
    const label = `kill ${counts.kills + 1} (rank ${rank} of ${size}, seed ${seed})`;
    if (!processes || done) {
      const { code, stdout, stderr } = await job.ended;
      if (code === 0) break;
      counts.lost.push(`${label}: the job ended by itself with ${code}: ${stdout}${stderr}`);
      break;
    }
    const at = performance.now();
    process.kill(processes[rank]!, 'SIGKILL');
    const { code, stdout, stderr } = await job.ended;
    counts.slowestEnd = Math.max(counts.slowestEnd, (performance.now() - at) / 1000);
    counts.kills++;
    counts.byRanks[size] = (counts.byRanks[size] ?? 0) + 1;
    const from = Number(/started at (\d+)/.exec(stdout)?.[1] ?? before + 1);
    const now = latest();
    if (code === 0) counts.lost.push(`${label}: exit code 0`);
    else if (from !== before + 1)
      counts.lost.push(`${label}: went on at step ${from}, not ${before + 1}: ${stderr}`);
    else if (now < before) counts.lost.push(`${label}: the checkpoint of step ${before} is gone`);
    else counts.kept++;
    counts.mostStepsLost = Math.max(counts.mostStepsLost, reported() - now);
    note(`${label}: from step ${before} to ${reported()}, checkpoint ${now}, exit code ${code}`);
    size = left && size > 1 && random.uniform() < 0.5 ? size - 1 : ranks;
  }
  const end = { ...config, maxSteps: reported() + 5 };
  const resume = existsSync(join(path, 'config.json'));
  const finished = await start(launcher, ranks, toy({ resume, slow: 0, config: end })).ended;
  if (finished.code !== 0) counts.lost.push(`the run does not finish: ${finished.stderr}`);
  const weights = async (name: string, changes: object): Promise<number[]> => {
    const other = join(folder, name);
    const run = await start(launcher, ranks, toy({ path: other, slow: 0, config: { ...end, ...changes } }))
      .ended;
    if (run.code !== 0) throw new Error(run.stderr);
    return (JSON.parse(await readFile(`${other}.json`, 'utf8')) as { weights: number[] }).weights;
  };
  if (counts.lost.length === 0) {
    const killed = (JSON.parse(await readFile(`${path}.json`, 'utf8')) as { weights: number[] }).weights;
    const whole = await weights('whole', {});
    const begin = await weights('begin', { lr: 1e-12, maxSteps: 1 });
    const apart = (a: number[], b: number[]) => Math.hypot(...a.map((value, i) => value - b[i]!));
    counts.distance = apart(killed, whole) / apart(whole, begin);
  }
  return counts;
}
