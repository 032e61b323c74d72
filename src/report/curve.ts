import type { Language } from '../display/languages.js';
import { robustLimits } from '../display/robust-limits.js';
import { round } from '../display/svg-text.js';
import { TICKS, ticks } from '../display/ticks.js';
import { grouped } from '../errors/counted.js';
import { drawOutside } from './drawing/outlier-marks.js';
import { Drawing } from './drawing/svg.js';

import { wordsOf } from './words.js';

/** A point of a training curve. */
export interface Point {
  readonly step: number;
  readonly value: number;
}

export interface CurveOptions {
  readonly title: string;
  /** A sentence below the title, such as the result. */
  readonly subtitle?: string;
  /** Training loss of each step. */
  readonly loss: readonly Point[];
  /** Steps without a finite loss. */
  readonly gaps?: readonly number[];
  /** Test accuracy in percent, at the steps where it was measured. */
  readonly accuracy?: readonly Point[];
  /** Loss at chance level: ln of the number of classes. */
  readonly chance?: number;
  readonly language?: Language;
}

const WIDTH = 860;
const HEIGHT = 430;
const AREA = { left: 58, right: WIDTH - 62, top: 74, bottom: HEIGHT - 48 };

/**
 * A training run as an SVG image: loss of each step with its running mean, the chance-level loss as a dashed line,
 * and test accuracy on a second axis. Supports light and dark mode.
 */
export function curveSvg({
  title,
  subtitle = '',
  loss,
  gaps = [],
  accuracy = [],
  chance,
  language = 'en',
}: CurveOptions): string {
  const words = wordsOf(language);
  const steps = Math.max(1, last(loss), last(accuracy), ...gaps.slice(-1));
  const [low, high] = ends(loss, chance);
  const smooth = running(
    loss.filter(({ value }) => value >= low && value <= high),
    Math.max(1, Math.min(50, Math.round(loss.length / 20))),
  );
  const x = (step: number): number => AREA.left + ((AREA.right - AREA.left) * step) / steps;
  const y = (value: number, bottom: number, top: number): number =>
    AREA.bottom -
    ((AREA.bottom - AREA.top) * (Math.min(Math.max(value, bottom), top) - bottom)) / (top - bottom);
  const lossAt = (value: number): number => y(value, low, high);
  const points = (curve: readonly Point[]) => curve.map((p) => [x(p.step), lossAt(p.value)] as const);
  const drawing = new Drawing(WIDTH, HEIGHT, `${title}. ${subtitle}`);
  drawing.text('h', [AREA.left, 28], title, { size: 17 });
  drawing.text('m', [AREA.left, 49], subtitle);
  for (const tick of ticks(low, high, TICKS)) {
    drawing.line('g', [AREA.left, lossAt(tick)], [AREA.right, lossAt(tick)]);
    drawing.text('m', [AREA.left - 8, lossAt(tick) + 4], String(tick), { anchor: 'end' });
  }
  for (const tick of ticks(0, steps, TICKS))
    drawing.text('m', [x(tick), AREA.bottom + 20], grouped(tick), { anchor: 'middle' });
  drawing.text('m', [(AREA.left + AREA.right) / 2, HEIGHT - 8], words.step, { anchor: 'middle' });
  drawing.text('loss-t', [AREA.left - 34, AREA.top - 10], words.loss);
  if (chance !== undefined) {
    drawing.line('chance', [AREA.left, lossAt(chance)], [AREA.right, lossAt(chance)]);
    drawing.text('chance-t', [AREA.right - 4, lossAt(chance) - 7], `${words.chance} (${chance.toFixed(3)})`, {
      anchor: 'end',
      size: 12,
    });
  }
  drawing.path('raw', points(loss), { width: 1 });
  drawing.path('line', points(smooth), { width: 2.2 });
  const [above, below] = [loss.filter(({ value }) => value > high), loss.filter(({ value }) => value < low)];
  drawOutside(drawing, AREA, {
    cls: 'bad',
    above: above.map((p) => x(p.step)),
    below: below.map((p) => x(p.step)),
    gaps: [...gaps, ...loss.filter(({ value }) => !Number.isFinite(value)).map((p) => p.step)].map(x),
  });
  const notes = [
    ...(above.length > 0 ? [words.above(above.length, extreme(above, Math.max))] : []),
    ...(below.length > 0 ? [words.below(below.length, extreme(below, Math.min))] : []),
    ...(gaps.length > 0 ? [words.gaps(gaps.length)] : []),
  ];
  drawing.text('m', [AREA.right, 49], notes.join(' · '), { anchor: 'end', size: 12 });
  if (accuracy.length > 0) {
    drawing.text('acc-t', [AREA.right + 50, AREA.top - 10], words.testAccuracy, { anchor: 'end' });
    for (const tick of [0, 50, 100])
      drawing.text('acc-t', [AREA.right + 8, y(tick, 0, 100) + 4], `${tick} %`);
    const at = (p: Point): [number, number] => [x(p.step), y(p.value, 0, 100)];
    accuracy.slice(1).forEach((p, i) => {
      drawing.line('acc', at(accuracy[i]!), at(p));
    });
    for (const p of accuracy) drawing.circle('acc', at(p), 4);
    const end = accuracy.at(-1)!;
    drawing.text('acc-t halo', [at(end)[0] - 9, at(end)[1] - 9], `${round(end.value)} %`, {
      anchor: 'end',
      size: 14,
    });
  }
  return drawing.toString();
}

const last = (points: readonly Point[]): number => points.reduce((most, { step }) => Math.max(most, step), 0);

/** Mean of the last `window` finite values at each point. */
export function running(points: readonly Point[], window: number): Point[] {
  const finite = points.filter(({ value }) => Number.isFinite(value));
  let sum = 0;
  return finite.map((p, i) => {
    sum += p.value - (i >= window ? finite[i - window]!.value : 0);
    return { step: p.step, value: sum / Math.min(i + 1, window) };
  });
}

const extreme = (points: readonly Point[], of: (a: number, b: number) => number): number =>
  points.reduce((found, { value }) => of(found, value), points[0]!.value);

/** Ends of the loss axis: from 0 unless there are negative losses, chosen so that all but a few outliers fit. */
function ends(loss: readonly Point[], chance = 0): readonly [number, number] {
  const { min, max } = robustLimits([loss.map((p) => p.value)]) ?? { min: 0, max: 1 };
  const top = Math.ceil(2 * Math.max(max * 1.05, chance * 1.1, 0.25)) / 2;
  return [min < 0 ? Math.floor(2 * min * 1.05) / 2 : 0, top];
}
