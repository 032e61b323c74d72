import { useMemo } from 'preact/hooks';
import { useApp } from '../../app/context.js';
import { useCurves } from '../../app/use-curves.js';
import type { Translate } from '../../i18n.js';
import { type Axis, axisOf, stepsIn } from '../../lib/curves/axis.js';
import type { ChartView } from '../../lib/curves/chart-view.js';
import { meanOf } from '../../lib/curves/groups.js';
import { isPercent, metricText, metricTitle, percentAxis } from '../../lib/curves/metric.js';
import { smoothCurve } from '../../lib/outliers.js';
import type { Points } from '../../lib/points.js';
import { runHref } from '../../lib/route.js';
import { Bars } from '../../ui/chart/bars.js';
import { Chart } from '../../ui/chart/chart.js';
import type { Line } from '../../ui/chart/line.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';

/** A run with a line in a chart. */
export interface Charted {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly dash?: readonly number[] | undefined;
}

/** Runs that are drawn as one mean with a band. */
export interface Group {
  readonly label: string;
  readonly color: string;
  readonly dash?: readonly number[] | undefined;
  readonly ids: ReadonlySet<string>;
}

/** Of more lines only the lowest and the highest end is described. */
const MOST_ENDINGS = 8;

/** Single values of more runs are points. */
const MOST_BARS = 8;

interface Props {
  readonly runs: readonly Charted[];
  /** Undefined: each run has its own line. */
  readonly groups: readonly Group[] | undefined;
  readonly view: ChartView;
  readonly onChange: (change: Partial<ChartView>) => void;
  /** Smoothing in steps, for a run of the given length. */
  readonly spanOf: (steps: number) => number;
  /** Increases when live runs should be loaded again. */
  readonly turn: number;
  readonly height?: number;
  /** Only the lines that end lowest and highest below the chart, for many lines. */
  readonly brief?: boolean;
}

/** One metric of the compared runs. */
export function MetricChart({
  name,
  runs,
  groups,
  view,
  onChange,
  spanOf,
  turn,
  height = 280,
  brief = false,
}: Props & { readonly name: string }) {
  const { t } = useApp();
  const ids = useMemo(() => runs.map(({ id }) => id), [runs.map(({ id }) => id).join('/')]);
  const timed = view.axis !== 'step';
  const overview = useCurves(ids, name, {
    range: timed ? undefined : view.range && stepsIn(view.range, axisOf('step', undefined)),
    clock: timed,
    turn,
    points: ids.length > 12 ? 200 : 600,
  });
  const { curves } = overview;
  const axes = useMemo(
    () => new Map(curves.map(({ id, clock }) => [id, axisOf(view.axis, clock)])),
    [curves, view.axis],
  );
  const bounds = useMemo(() => boundsOf(curves, axes, view.axis), [curves, axes, view.axis]);
  const last = Math.max(2, ...curves.map(({ points }) => points.step.at(-1) ?? 0));
  const smooth = isDense(name) ? spanOf(last) : 0;
  const lines = useMemo<Line[]>(() => {
    const found = new Map(curves.map((curve) => [curve.id, curve.points]));
    const own = runs.flatMap((run): Line[] => {
      const points = found.get(run.id);
      if (!points || points.step.length === 0) return [];
      return [
        {
          label: run.name,
          color: run.color,
          step: points.step,
          ...lineOf(points, smooth, view),
          ...(points.gaps ? { gaps: points.gaps } : {}),
          ...(run.dash ? { dash: run.dash } : {}),
          points: !isDense(name) && points.step.length < 40,
          axis: axes.get(run.id)!,
          href: runHref(run.id),
        },
      ];
    });
    return groups ? grouped(own, groups) : own;
  }, [curves, runs, groups, axes, smooth, view.clip, view.log, name]);
  const format = useMemo(() => metricText(name), [name]);
  const [low, high] = isPercent(name) ? percentAxis(lines.map(({ value }) => value)) : [];
  const vertical = useMemo(
    () => (low === undefined || high === undefined ? undefined : ([low, high] as const)),
    [low, high],
  );
  const title = metricTitle(name, t);
  if (overview.failure) return <Problem failure={overview.failure} />;
  if (lines.length === 0)
    return (
      <figure class="chart">
        <figcaption class="chart-head">
          <h3>{title}</h3>
        </figcaption>
        {overview.loading ? <Loading /> : <Missing>{t('compare.noMetric')}</Missing>}
      </figure>
    );
  const named = lines.filter(({ faint }) => !faint);
  const single = named.every(({ value }) => value.length === 1);
  if (single && isPercent(name) && named.length <= MOST_BARS)
    return (
      <figure class="chart">
        <figcaption class="chart-head">
          <h3>{title}</h3>
        </figcaption>
        <Bars bars={named.map(({ label, value, color }) => ({ label, value: value[0] ?? 0, color }))} />
      </figure>
    );
  return (
    <Chart
      title={title}
      lines={lines}
      axis={axes.values().next().value!}
      bounds={bounds}
      range={view.range}
      onRange={(range) => onChange({ range })}
      sync="compare"
      clip={view.clip}
      log={view.log && !isPercent(name)}
      height={height}
      legend={groups !== undefined}
      {...(vertical ? { vertical } : {})}
      format={format}
      summary={brief || named.length > MOST_ENDINGS ? briefly(named, format, t) : endings(named, format, t)}
    />
  );
}

const endOf = ({ value }: Line): number | undefined =>
  value.findLast((v): v is number => typeof v === 'number' && Number.isFinite(v));

/** The last value of each line. */
const endings = (lines: readonly Line[], format: (value: number) => string, t: Translate): string =>
  lines
    .map((line) => {
      const end = endOf(line);
      return t('compare.last', { name: line.label, value: end === undefined ? '–' : format(end) });
    })
    .join(t('semicolon'));

/** The lines that end lowest and highest. */
function briefly(lines: readonly Line[], format: (value: number) => string, t: Translate): string {
  const ends = lines.flatMap((line) => {
    const end = endOf(line);
    return end === undefined ? [] : [{ name: line.label, end }];
  });
  if (ends.length < 2) return endings(lines, format, t);
  const low = ends.reduce((a, b) => (b.end < a.end ? b : a));
  const high = ends.reduce((a, b) => (b.end > a.end ? b : a));
  return t('curves.ends', {
    low: low.name,
    lowest: format(low.end),
    high: high.name,
    highest: format(high.end),
  });
}

/** Whether a metric has a value for each step, and is smoothed. */
const isDense = (name: string): boolean => !/^(epoch|test|dead|active|norm|gradient)\//.test(name);

const lineOf = (
  points: Points,
  span: number,
  { clip, log }: ChartView,
): Pick<Line, 'value' | 'outside' | 'logged'> =>
  span > 0 ? { ...smoothCurve(points, { span, clip, log }), logged: points.mean } : { value: points.mean };

function boundsOf(
  curves: readonly { readonly id: string; readonly points: Points }[],
  axes: ReadonlyMap<string, Axis>,
  kind: ChartView['axis'],
) {
  const ends = curves.map(({ id, points }) => axes.get(id)!.toX(points.step.at(-1) ?? 0));
  const starts = kind === 'wall' ? curves.map(({ id }) => axes.get(id)!.toX(0)) : [0];
  const from = Math.min(...starts);
  const to = Math.max(...ends);
  return Number.isFinite(from) && to > from ? { from, to } : { from: 0, to: 2 };
}

/** The mean of each group, and its members as faint lines behind it. */
function grouped(lines: readonly Line[], groups: readonly Group[]): Line[] {
  const members = groups.map(({ ids, color }) =>
    lines
      .filter((line) => [...ids].some((id) => line.href === runHref(id)))
      .map(({ dash: _, outside: __, gaps: ___, ...line }): Line => ({ ...line, color, faint: true })),
  );
  const means = groups.flatMap(({ label, color, dash }, i): Line[] => {
    const own = members[i]!;
    if (own.length === 0) return [];
    const axis = own[0]!.axis!;
    // Members have clocks of their own: the mean is that of equal positions on the axis, in steps of the first member.
    const moved = own.map((line) =>
      line.axis === axis || axis.kind === 'step'
        ? line
        : { ...line, step: line.step.map((step) => axis.toStep(line.axis!.toX(step))) },
    );
    return [
      {
        label,
        color,
        ...(dash ? { dash } : {}),
        ...meanOf(moved),
        mean: own.some(({ logged }) => logged) ? 'smoothed' : 'logged',
        axis,
      },
    ];
  });
  return [...members.flat(), ...means];
}
