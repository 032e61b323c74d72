import type { Range } from '../range.js';
import { AXES, type AxisKind } from './axis.js';

/** How charts are shown; kept in the address of the page. */
export interface ChartView {
  readonly axis: AxisKind;
  /** On the axis; undefined for all of it. */
  readonly range?: Range | undefined;
  /** Position of the smoothing slider, 0 to 100; undefined for the usual one. */
  readonly smooth?: number | undefined;
  readonly log: boolean;
  readonly clip: boolean;
}

type Query = Readonly<Record<string, string | undefined>>;

const numberIn = (text: string | undefined): number | undefined => {
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
};

/** Anything in an address that is not valid counts as not given. */
export function viewOf(query: Query): ChartView {
  const [from, to, smooth] = [numberIn(query.from), numberIn(query.to), numberIn(query.smooth)];
  return {
    axis: AXES.find((kind) => kind === query.x) ?? 'step',
    ...(from !== undefined && to !== undefined && to > from ? { range: { from, to } } : {}),
    ...(smooth !== undefined && smooth >= 0 && smooth <= 100 ? { smooth } : {}),
    log: query.log === '1',
    clip: query.clip !== '0',
  };
}

/** The part of an address that {@link viewOf} reads; what is usual is left out. */
export function queryOf({ axis, range, smooth, log, clip }: ChartView): Record<string, string | undefined> {
  const short = (value: number): string => String(Number(value.toPrecision(12)));
  return {
    x: axis === 'step' ? undefined : axis,
    from: range && short(range.from),
    to: range && short(range.to),
    smooth: smooth === undefined ? undefined : String(smooth),
    log: log ? '1' : undefined,
    clip: clip ? undefined : '0',
  };
}
