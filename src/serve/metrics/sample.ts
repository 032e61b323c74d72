import { open } from 'node:fs/promises';
import type { Positioned } from '../../files/positioned.js';
import type { Series, SeriesKey } from '../api.js';
import { type InsideFile, readFrom } from '../runs/path-containment.js';
import { SERIES_KEYS, short, withGaps } from './columns.js';
import { scanLines, stepValues } from './lines.js';
import { FIELDS } from './step-line.js';

/** Bytes read per sample: a few lines. */
const PLACE = 2 ** 10;
/** Maximum number of samples; more would take noticeably long. */
const MAX_PLACES = 500;
/** Default end of a query; no run is this long. */
const LAST_STEP = 0xffff_0000;
const STEP = FIELDS.indexOf('step');
const FIRST_VALUE = FIELDS.indexOf(SERIES_KEYS[0]);

export interface SeriesQuery {
  readonly keys: readonly SeriesKey[];
  readonly from: number;
  readonly to: number;
  readonly points: number;
}

/**
 * A series from equally spaced samples of the file, for a run whose metrics have not been read yet: each bucket
 * covers a few consecutive steps instead of all.
 */
export async function sampledSeries({ path, stats }: InsideFile, query: SeriesQuery): Promise<Series> {
  const handle = await open(path, 'r');
  try {
    return await sampleSource(handle, stats.size, query);
  } finally {
    await handle.close();
  }
}

/** {@link sampledSeries} of the first `size` bytes of any source. */
export async function sampleSource(source: Positioned, size: number, query: SeriesQuery): Promise<Series> {
  const begin = await offsetOf(source, size, query.from);
  const end = await offsetOf(source, size, query.to + 1);
  const places = Math.max(1, Math.min(query.points, MAX_PLACES, Math.ceil((end - begin) / PLACE)));
  const step: number[] = [];
  const columns = query.keys.map((key) => ({
    key,
    at: FIRST_VALUE + SERIES_KEYS.indexOf(key),
    mean: [] as (number | null)[],
    min: [] as (number | null)[],
    max: [] as (number | null)[],
    gaps: [] as number[],
  }));
  let first: number | undefined;
  // The last sample ends at the end of the range.
  const starts = Array.from({ length: places }, (_, i) =>
    i === places - 1 ? Math.max(begin, end - PLACE) : begin + Math.floor((i * (end - begin)) / places),
  );
  // Reads run in parallel, because each wait can take milliseconds on a busy machine.
  for (const found of await Promise.all(starts.map((at) => rowsAt(source, at)))) {
    const rows = found.filter(
      (row) => row[STEP]! >= query.from && row[STEP]! <= query.to && row[STEP]! > (step.at(-1) ?? -1),
    );
    if (rows.length === 0) continue;
    first ??= rows[0]![STEP]!;
    step.push(rows.at(-1)![STEP]!);
    for (const column of columns) {
      const values = rows.map((row) => row[column.at]!).filter((value) => !Number.isNaN(value));
      const gap = rows.find((row) => Number.isNaN(row[column.at]!));
      if (gap) column.gaps.push(gap[STEP]!);
      const none = values.length === 0;
      // Divided before summing, to avoid overflow.
      column.mean.push(none ? null : short(values.reduce((sum, value) => sum + value / values.length, 0)));
      column.min.push(none ? null : short(Math.min(...values)));
      column.max.push(none ? null : short(Math.max(...values)));
    }
  }
  const values = Object.fromEntries(
    columns.map(({ key, at: _, gaps, ...buckets }) => [key, withGaps(buckets, gaps)]),
  );
  return { step, values, total: first === undefined ? 0 : step.at(-1)! - first + 1, sampled: true };
}

/** The steps in the complete lines of a sample. */
async function rowsAt(source: Positioned, at: number): Promise<Float64Array[]> {
  const bytes = await readFrom(source, at, PLACE);
  const rows: Float64Array[] = [];
  const visit = ({ kind }: { readonly kind: string }): boolean => {
    if (kind === 'step' || kind === 'gap') rows.push(Float64Array.from(stepValues));
    return true;
  };
  // The first line is incomplete unless it starts the file.
  scanLines(bytes, visit, at === 0 ? 0 : bytes.indexOf(0x0a) + 1);
  return rows;
}

/** Approximate position of the lines from a step on, to within one sample. */
async function offsetOf(source: Positioned, size: number, step: number): Promise<number> {
  if (step <= 0) return 0;
  if (step > LAST_STEP) return size;
  let [low, high] = [0, size];
  while (high - low > PLACE) {
    const middle = Math.floor((low + high) / 2);
    const row = (await rowsAt(source, middle))[0];
    if (row && row[STEP]! < step) low = middle;
    else high = middle;
  }
  return high;
}
