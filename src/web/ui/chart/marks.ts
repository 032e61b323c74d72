import type uPlot from 'uplot';
import { type Far, outsideOf } from '../../lib/points-outside-frame.js';
import type { Line } from './line.js';

/** Half the width of a mark and the minimum distance between two, in CSS pixels. */
const SIZE = 4;

type Draw = (context: CanvasRenderingContext2D, x: number, y: number, size: number) => void;

const triangle =
  (up: boolean): Draw =>
  (context, x, y, size) => {
    const tip = up ? y : y - 1.6 * size;
    context.moveTo(x, up ? tip : y);
    context.lineTo(x - size, up ? y + 1.6 * size : tip);
    context.lineTo(x + size, up ? y + 1.6 * size : tip);
    context.closePath();
  };
const ABOVE = triangle(true);
const BELOW = triangle(false);
const CROSS: Draw = (context, x, y, size) => {
  const top = y - 2 * size;
  context.moveTo(x - size, top);
  context.lineTo(x + size, y);
  context.moveTo(x + size, top);
  context.lineTo(x - size, y);
};

/** Draws triangles at the edges for values outside the frame, and crosses for NaN and infinity. */
export function drawMarks(u: uPlot, lines: readonly Line[]): void {
  const { ctx: context, bbox } = u;
  const [min, max] = [u.scales.y?.min ?? 0, u.scales.y?.max ?? 0];
  const size = SIZE * devicePixelRatio;
  const [top, bottom] = [bbox.top + 1, bbox.top + bbox.height - 1];
  const colors = getComputedStyle(document.documentElement);
  context.save();
  context.lineWidth = 1.75 * devicePixelRatio;
  for (const line of lines) {
    const { above, below, gaps } = outsideOf(line, { min, max });
    context.fillStyle = context.strokeStyle = colors.getPropertyValue(line.markColor ?? line.color).trim();
    for (const [steps, y, draw] of [
      [above.map(stepOf), top, ABOVE],
      [below.map(stepOf), bottom, BELOW],
      [gaps, bottom, CROSS],
    ] as const) {
      context.beginPath();
      let before = Number.NEGATIVE_INFINITY;
      for (const step of steps) {
        const x = u.valToPos(step, 'x', true);
        if (x < bbox.left || x > bbox.left + bbox.width || x - before < size) continue;
        before = x;
        draw(context, x, y, size);
      }
      if (draw === CROSS) context.stroke();
      else context.fill();
    }
  }
  context.restore();
}

const stepOf = ({ step }: Far): number => step;
