import type { Items } from '../../data/items.js';
import { counted } from '../../errors/counted.js';
import type { DoneEvent, StepEvent } from '../../run/events.js';
import { meanRate } from '../../train/steps/mean-rate.js';
import { plot } from '../terminal/plot.js';
import { clock } from '../terminal/progress.js';

const WIDTH = 64;
const HEIGHT = 5;

/**
 * The result of a run in a few lines of text.
 *
 * @param columns width of the terminal; undefined if it is not a terminal: then no curve is drawn
 */
export function summaryLines(
  done: DoneEvent,
  steps: readonly StepEvent[],
  columns: number | undefined,
  items: Items = 'images',
): string[] {
  const lines: string[] = [];
  const curve =
    columns === undefined
      ? []
      : plot(
          steps.map(({ loss }) => loss),
          // The last column stays free: a character there makes some terminals wrap.
          { width: Math.min(WIDTH, columns - 1), height: HEIGHT },
        );
  if (curve.length > 0) lines.push('Training loss', ...curve);
  const { seconds, imagesPerSecond } = meanRate(steps);
  const parts = [
    ...(done.testAccuracy === undefined ? [] : [`Accuracy ${done.testAccuracy.toFixed(1)} %`]),
    ...(done.testTop5 !== undefined ? [`top-5 ${done.testTop5.toFixed(1)} %`] : []),
    ...Object.entries(done.testMetrics ?? {}).map(
      ([name, value]) => `${name} ${Number(value.toPrecision(5))}`,
    ),
    ...(steps.length > 0 ? [`last loss ${steps.at(-1)!.loss.toFixed(3)}`] : []),
    counted(done.step, 'step'),
    ...(seconds > 0
      ? [`${clock(seconds)} in steps`, `${Number(imagesPerSecond.toPrecision(3))} ${items}/s on average`]
      : []),
  ];
  return [...lines, ...wrapped(parts, columns)];
}

/** Joins parts with dots, on as many lines as needed. */
function wrapped(parts: readonly string[], columns = Number.POSITIVE_INFINITY): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = lines.length > 0 ? `${lines.at(-1)} · ${part}` : part;
    if (lines.length > 0 && longer.length < columns) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}
