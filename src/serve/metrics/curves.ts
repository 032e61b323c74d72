import type { Curve, EpochEvent, Insight, RunClock, SeriesKey } from '../api.js';
import type { LiveRun } from '../runs/live-run.js';
import { fileInside } from '../runs/path-containment.js';
import { insightsAtEvenDistances } from '../runs/sample-insights.js';
import { lastLines } from '../runs/tail.js';
import { SERIES_KEYS, type SeriesOf } from './columns.js';
import { sampledSeries } from './sample.js';
import { lossAmong, type ScalarSource } from './scalars.js';

/** Points of a run's clock. */
const CLOCK_POINTS = 200;
/** Bytes of insights that are read, from the end. */
const INSIGHT_BYTES = 2 ** 26;
const INSIGHT_POINTS = 300;
const EPOCH_KEYS = ['trainLoss', 'trainAccuracy', 'testLoss', 'testAccuracy', 'testTop5'] as const;

export interface CurveQuery {
  readonly from: number;
  readonly to: number;
  readonly points: number;
}

const isSeriesKey = (name: string): name is SeriesKey => (SERIES_KEYS as readonly string[]).includes(name);

/** A run's series over its steps, from samples of the file while a long file has not been read yet. */
export async function stepSeries(
  { index, folder }: LiveRun,
  keys: readonly SeriesKey[],
  { from, to, points }: CurveQuery,
): Promise<SeriesOf<SeriesKey> & { readonly sampled?: true }> {
  const file = (await index.behind()) && (await fileInside(folder, 'metrics.jsonl'));
  if (file) {
    const answer = await sampledSeries(file, { keys, from, to, points });
    // Started after the answer's own reads, to not delay them.
    index.follow().catch(() => {});
    return answer;
  }
  await index.follow();
  return index.columns.series(keys, from, to, points);
}

/** Names of all metrics of a run. */
export async function curveNames(live: LiveRun): Promise<string[]> {
  await live.index.follow();
  const { index } = live;
  const epochs = index.epochs.map(({ event }) => event);
  const keys = EPOCH_KEYS.filter((key) => epochs.some((event) => event[key] !== undefined));
  const named = (field: 'trainMetrics' | 'testMetrics', group: string) =>
    [...new Set(epochs.flatMap((event) => Object.keys(event[field] ?? {})))].map(
      (name) => `${group}/${name}`,
    );
  const insight = (await insightsOf(live)).at(-1);
  const own = (await live.scalars()).columns.names;
  return [
    ...(index.columns.length > 0 ? SERIES_KEYS : []),
    ...keys.map((key) => `epoch/${key}`),
    ...named('testMetrics', 'test'),
    ...named('trainMetrics', 'epoch/train'),
    ...index.own.names,
    ...own.filter((name) => !isSeriesKey(name) || index.columns.length === 0),
    ...(insight?.parameters ?? []).flatMap(({ name }) => [`gradient/${name}`, `norm/${name}`]),
    ...(insight?.activations ?? []).flatMap(({ name }) => [`dead/${name}`, `active/${name}`]),
  ];
}

/** One metric of a run; undefined if the run does not have it. */
export async function curveOf(live: LiveRun, name: string, query: CurveQuery): Promise<Curve | undefined> {
  if (isSeriesKey(name)) {
    const { step, values } = await stepSeries(live, [name], query);
    if (step.length > 0) return { step, ...values[name]! };
  }
  const { columns } = await live.scalars();
  // Programs have their own names for the training loss.
  const known = name === 'loss' ? lossAmong(columns.names) : name;
  const logged = known && columns.curve(known, query.from, query.to, query.points);
  if (logged) return logged;
  await live.index.follow();
  const own = live.index.own.curve(name, query.from, query.to, query.points);
  if (own) return own;
  const [group, ...rest] = name.split('/');
  const inner = rest.join('/');
  if (group === 'epoch' || group === 'test') return epochCurve(live, group, inner, query);
  const pick = group !== undefined && Object.hasOwn(INSIGHTS, group) ? INSIGHTS[group] : undefined;
  if (!pick) return undefined;
  return pointsCurve(
    (await insightsOf(live)).map((insight) => ({ step: insight.step, value: pick(insight, inner) })),
    query,
  );
}

const parameter = (insight: Insight, name: string) => insight.parameters.find((each) => each.name === name);
const activation = (insight: Insight, name: string) => insight.activations.find((each) => each.name === name);

const INSIGHTS: Readonly<Record<string, (insight: Insight, name: string) => number | null | undefined>> = {
  gradient: (insight, name) => parameter(insight, name)?.gradNorm,
  norm: (insight, name) => parameter(insight, name)?.norm,
  dead: (insight, name) => activation(insight, name)?.dead,
  active: (insight, name) => activation(insight, name)?.active,
};

function epochCurve({ index }: LiveRun, group: string, name: string, query: CurveQuery): Curve | undefined {
  const own = name.startsWith('train/') ? name.slice('train/'.length) : undefined;
  const value = (event: EpochEvent): number | undefined =>
    group === 'test'
      ? event.testMetrics?.[name]
      : own === undefined
        ? event[EPOCH_KEYS.find((key) => key === name) ?? 'trainLoss']
        : event.trainMetrics?.[own];
  if (group === 'epoch' && own === undefined && !EPOCH_KEYS.some((key) => key === name)) return undefined;
  return pointsCurve(
    index.epochs.map(({ event }) => ({ step: event.step, value: value(event) })),
    query,
  );
}

/** Single values as a curve; undefined if there are none. */
function pointsCurve(
  points: readonly { readonly step: number; readonly value: number | null | undefined }[],
  { from, to }: CurveQuery,
): Curve | undefined {
  const known = points.filter(({ value }) => value !== undefined);
  if (known.length === 0) return undefined;
  const inside = known.filter(({ step }) => step >= from && step <= to);
  const mean = inside.map(({ value }) => value ?? null);
  const gaps = inside.flatMap(({ step, value }) => (value === null ? [step] : []));
  const step = inside.map((point) => point.step);
  return { step, mean, min: mean, max: mean, ...(gaps.length > 0 ? { gaps } : {}) };
}

async function insightsOf({ folder }: LiveRun): Promise<Insight[]> {
  return insightsAtEvenDistances(
    await lastLines(folder, 'insights.jsonl', INSIGHT_BYTES),
    INSIGHT_POINTS,
    false,
  );
}

/** @param started ISO 8601 */
export async function clockOf(live: LiveRun, started: string): Promise<RunClock> {
  const { index } = live;
  await index.follow();
  if (index.columns.length === 0) return clockOfScalars(await live.scalars(), started);
  const { step, sum } = index.columns.sums('stepSeconds', CLOCK_POINTS);
  return {
    started: (Date.parse(started) || 0) / 1000,
    step,
    seconds: sum,
    epochs: index.epochs.map(({ event }) => event.step),
  };
}

/** The clock of a run that logged its scalars itself, with the time of each. */
function clockOfScalars({ times }: ScalarSource, given: string): RunClock {
  const first = times.time[0];
  const started = Math.min(Date.parse(given) || Number.POSITIVE_INFINITY, first ?? Number.POSITIVE_INFINITY);
  const begin = Number.isFinite(started) ? started : 0;
  const every = Math.max(1, Math.ceil(times.step.length / CLOCK_POINTS));
  const some = (_: number, i: number): boolean => i % every === 0 || i === times.step.length - 1;
  return {
    started: begin / 1000,
    step: times.step.filter(some),
    seconds: times.time.filter(some).map((time) => Math.max(0, (time - begin) / 1000)),
    epochs: [],
  };
}
