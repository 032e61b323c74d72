import type { Language } from '../../../display/languages.js';
import type { RunClock } from '../../../serve/api.js';
import { duration, integer } from '../format.js';
import { lowerBound } from '../points.js';
import type { ExportedLine } from '../points-outside-frame.js';
import type { Range } from '../range.js';

/** What the horizontal axis shows: steps, epochs, seconds since the start of the run, or seconds since 1970. */
export const AXES = ['step', 'epoch', 'time', 'wall'] as const;
export type AxisKind = (typeof AXES)[number];

/** Conversion between a run's steps and positions on the axis. */
export interface Axis {
  readonly kind: AxisKind;
  readonly toX: (step: number) => number;
  readonly toStep: (x: number) => number;
}

const same = (value: number): number => value;
export const STEPS: Axis = { kind: 'step', toX: same, toStep: same };

/** The axis of a run; steps while its clock is not known. */
export function axisOf(kind: AxisKind, clock: RunClock | undefined): Axis {
  if (kind === 'step' || !clock) return STEPS;
  const [from, to] =
    kind === 'epoch'
      ? [
          [0, ...clock.epochs],
          [0, ...clock.epochs.map((_, i) => i + 1)],
        ]
      : [
          [0, ...clock.step],
          [0, ...clock.seconds],
        ];
  // The length of an epoch is not known before one has ended.
  if (from.length < 2) return kind === 'epoch' ? STEPS : { kind, toX: () => 0, toStep: () => 0 };
  const offset = kind === 'wall' ? clock.started : 0;
  return {
    kind,
    toX: (step) => offset + between(from, to, step),
    toStep: (x) => between(to, from, x - offset),
  };
}

/** Piecewise linear; beyond the ends like the last piece. */
function between(from: readonly number[], to: readonly number[], at: number): number {
  const right = Math.min(Math.max(lowerBound(from, at), 1), from.length - 1);
  const [x, y] = [from[right - 1]!, to[right - 1]!];
  const length = from[right]! - x;
  return length > 0 ? y + ((at - x) / length) * (to[right]! - y) : to[right]!;
}

/** A line whose steps are positions on the axis. */
export function placed<L extends ExportedLine>(line: L, { kind, toX }: Axis): L {
  if (kind === 'step') return line;
  return {
    ...line,
    step: line.step.map(toX),
    ...(line.gaps ? { gaps: line.gaps.map(toX) } : {}),
    ...(line.outside ? { outside: { ...line.outside, step: line.outside.step.map(toX) } } : {}),
  };
}

/** A range of the axis in whole steps. */
export const stepsIn = ({ from, to }: Range, { toStep }: Axis): Range => ({
  from: Math.max(0, Math.floor(toStep(from))),
  to: Math.max(0, Math.ceil(toStep(to))),
});

/** The shortest range that can be shown. */
export const CLOSEST: Readonly<Record<AxisKind, number>> = { step: 8, epoch: 0.02, time: 1, wall: 1 };

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
/** Distances between the marks of an axis of seconds. */
const TIMES = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * DAY),
];
/** Distances between marks; undefined for the usual 1, 2, 5. */
export const marksOf = (kind: AxisKind): number[] | undefined =>
  kind === 'time' || kind === 'wall' ? TIMES : undefined;

/** A position as text. */
export function positionText(kind: AxisKind, x: number, language: Language): string {
  if (kind === 'time') return duration(x, language);
  if (kind === 'epoch') return String(Number(x.toFixed(2)));
  if (kind === 'step') return integer(x, language);
  return new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'en', {
    dateStyle: 'medium',
    timeStyle: 'medium',
  }).format(1000 * x);
}

/** The text of a mark, short; `distance` is that between two marks. */
export function markText(kind: AxisKind, x: number, distance: number, language: Language): string {
  if (kind === 'time') return x === 0 ? '0' : duration(x, language).replace(/ 00 .*$/, '');
  if (kind === 'epoch') return String(Number(x.toFixed(3)));
  const options: Intl.DateTimeFormatOptions =
    distance >= DAY
      ? { month: 'short', day: 'numeric' }
      : { hour: '2-digit', minute: '2-digit', ...(distance < MINUTE ? { second: '2-digit' } : {}) };
  return new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'en', options).format(1000 * x);
}
