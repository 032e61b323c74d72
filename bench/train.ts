import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/*
 * A training step of the notes' AlexNet against PyTorch's, interleaved: a round is one process of each, so that
 * both meet the same minutes of a shared machine.
 *   npm run build && node dist/bench/train.js --batch 128 --threads 2 --rounds 3 --python /usr/bin/python3
 * Prints one JSON object and writes it to bench/results/.
 */
const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '3' },
    python: { type: 'string', default: 'python3' },
  },
});
const { batch, threads, steps } = values;
const WARMUP = '2';
/** Forward, backward-data and backward-weights of every layer, but for the first one's backward-data. */
const GFLOP_A_PICTURE = 6.576;

interface Side {
  readonly seconds: number[];
  readonly peakRssMiB: number;
  readonly version?: string;
  readonly sgemmGflops?: number;
}

const last = (text: string): Side => JSON.parse(text.trim().split('\n').at(-1)!) as Side;
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const env = { ...process.env, OMP_NUM_THREADS: threads };

function ours(): Side {
  return last(
    execFileSync(process.execPath, [here('./ours-train.js'), batch, threads, WARMUP, steps], {
      encoding: 'utf8',
    }),
  );
}

function pytorch(): Side {
  const script = here('../../bench/peers/pytorch_train.py');
  const args = [script, '--batch', batch, '--threads', threads, '--warmup', WARMUP, '--steps', steps];
  return last(execFileSync(values.python, args, { encoding: 'utf8', env }));
}

const median = (list: readonly number[]): number => {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
const spread = (list: readonly number[]) => [Math.min(...list), Math.max(...list)];

const rounds: { ours: Side; peer: Side }[] = [];
for (let i = 0; i < Number(values.rounds); i++) {
  rounds.push({ ours: ours(), peer: pytorch() });
  process.stderr.write(`round ${i + 1}: ${JSON.stringify(rounds.at(-1))}\n`);
}
const side = (pick: (round: (typeof rounds)[number]) => Side) =>
  rounds.flatMap((round) => pick(round).seconds);
const [mine, theirs] = [side((r) => r.ours), side((r) => r.peer)];
const secondsPerStep = median(mine);
const result = {
  what: 'train',
  date: new Date().toISOString().slice(0, 10),
  cpu: cpus()[0]?.model.trim(),
  threads: Number(threads),
  batch: Number(batch),
  secondsPerStep,
  spread: spread(mine),
  imagesPerSecond: Number(batch) / secondsPerStep,
  gflops: (GFLOP_A_PICTURE * Number(batch)) / secondsPerStep,
  sgemmGflops: median(rounds.map((r) => r.ours.sgemmGflops!)),
  peakRssMiB: Math.max(...rounds.map((r) => r.ours.peakRssMiB)),
  peer: {
    name: `pytorch ${rounds[0]!.peer.version}`,
    secondsPerStep: median(theirs),
    spread: spread(theirs),
    peakRssMiB: Math.max(...rounds.map((r) => r.peer.peakRssMiB)),
  },
  ratio: median(theirs) / secondsPerStep,
};
mkdirSync(here('../../bench/results'), { recursive: true });
writeFileSync(
  here(`../../bench/results/train-${batch}-${result.date}.json`),
  `${JSON.stringify(result, null, 2)}\n`,
);
console.log(JSON.stringify(result));
