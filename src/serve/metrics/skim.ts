import { open } from 'node:fs/promises';
import type { Positioned } from '../../files/positioned.js';
import type { EpochEvent, StepEvent } from '../../run/events.js';
import { type InsideFile, readFrom } from '../runs/path-containment.js';
import { short } from './columns.js';
import { scanLines, stepEvent, stepValues } from './lines.js';
import { FIELDS } from './step-line.js';

/** Points of a sparkline. */
const POINTS = 60;
/** Files up to this size are read completely. */
const WHOLE = 2 ** 18;
/** Bytes read per sample of a larger file: a few lines. */
const PLACE = 2 ** 10;
const END = 2 ** 14;
const [STEP, LOSS] = [FIELDS.indexOf('step'), FIELDS.indexOf('loss')];

/** Summary of a run's metrics from samples of the file, in constant time. */
export interface Skim {
  readonly spark: readonly number[];
  readonly lastStep: StepEvent | undefined;
  /** The last epoch found. */
  readonly epoch: EpochEvent | undefined;
  readonly done: boolean;
  /** Whether the last step has no finite loss. */
  readonly gap: boolean;
  /** Whether the steps are those of a paper's own training, as far as the samples show. */
  readonly own: boolean;
}

export const NOTHING: Skim = {
  spark: [],
  lastStep: undefined,
  epoch: undefined,
  done: false,
  gap: false,
  own: false,
};

/** Reads the end of a run's metrics and equally spaced samples. */
export async function skim({ path, stats }: InsideFile): Promise<Skim> {
  const handle = await open(path, 'r');
  try {
    return await skimSource(handle, stats.size);
  } finally {
    await handle.close();
  }
}

/** {@link skim} of the first `size` bytes of any source. */
export async function skimSource(source: Positioned, size: number): Promise<Skim> {
  const losses: number[] = [];
  const last = new Float64Array(FIELDS.length);
  let [steps, done, gap, own] = [0, false, false, false];
  let epoch: EpochEvent | undefined;
  const look = (bytes: Buffer, from: number) =>
    scanLines(
      bytes,
      ({ kind, event }) => {
        done = kind === 'done';
        if (kind === 'step' || kind === 'gap') gap = kind === 'gap';
        if (event?.event === 'epoch') epoch = event;
        if (event?.event === 'step' && event.metrics) own = true;
        if (kind !== 'step' || stepValues[STEP]! <= last[STEP]!) return true;
        steps++;
        losses.push(stepValues[LOSS]!);
        last.set(stepValues);
        return true;
      },
      from,
    );
  const spark: number[] = [];
  if (size <= WHOLE) {
    look(await readFrom(source, 0, size), 0);
    spark.push(...buckets(losses));
  } else {
    for (let i = 0; i < POINTS; i++) {
      const at = i === POINTS - 1 ? size - END : Math.floor((i * size) / POINTS);
      const bytes = await readFrom(source, at, i === POINTS - 1 ? END : PLACE);
      losses.length = 0;
      // The first line of a sample is incomplete.
      look(bytes, at === 0 ? 0 : bytes.indexOf(0x0a) + 1);
      if (losses.length > 0) spark.push(middle(losses));
    }
  }
  return {
    spark: spark.map((loss) => Number(short(loss).toPrecision(4))),
    lastStep: steps > 0 ? stepEvent(last) : undefined,
    epoch,
    done,
    gap,
    own,
  };
}

/** The median, since a few outliers do not change it. */
const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

function buckets(values: readonly number[]): number[] {
  const count = Math.min(POINTS, values.length);
  const bound = (b: number) => Math.floor((b * values.length) / count);
  return Array.from({ length: count }, (_, b) => middle(values.slice(bound(b), bound(b + 1))));
}
