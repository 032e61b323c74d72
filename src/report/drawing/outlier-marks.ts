import type { Drawing } from './svg.js';

/** Minimum distance between two marks, in pixels. */
const APART = 6;

export interface Outside {
  /** CSS class of the curve that the marks belong to. */
  readonly cls: string;
  /** Positions of values above the frame. */
  readonly above: readonly number[];
  /** Positions of values below it. */
  readonly below?: readonly number[];
  /** Positions without a finite value. */
  readonly gaps: readonly number[];
  /** How many rows above the bottom the crosses stand; default 0. */
  readonly row?: number;
}

/** Marks values that a figure cannot show: triangles at the edge beyond which they lie, crosses for those that are not finite. */
export function drawOutside(
  drawing: Drawing,
  { top, bottom }: { readonly top: number; readonly bottom: number },
  { cls, above, below = [], gaps, row = 0 }: Outside,
): void {
  const triangle = (x: number, tip: number, base: number): void =>
    drawing.polygon(cls, [
      [x, tip],
      [x - 4, base],
      [x + 4, base],
    ]);
  for (const x of apart(above)) triangle(x, top - 9, top - 2);
  for (const x of apart(below)) triangle(x, bottom + 9, bottom + 2);
  for (const x of apart(gaps))
    drawing.text(cls, [x, bottom - 2 - 12 * row], '×', { anchor: 'middle', size: 14 });
}

/** Drops positions that would overlap. */
function apart(places: readonly number[]): number[] {
  const kept: number[] = [];
  for (const x of [...places].sort((a, b) => a - b)) if (x - (kept.at(-1) ?? -APART) >= APART) kept.push(x);
  return kept;
}
