import type { Drawing } from './svg.js';

/** Minimum distance between two marks, in pixels. */
const APART = 6;

export interface Outside {
  /** CSS class of the curve that the marks belong to. */
  readonly cls: string;
  /** Positions of values above the frame. */
  readonly far: readonly number[];
  /** Positions without a finite value. */
  readonly gaps: readonly number[];
}

/** Marks values that a figure cannot show: triangles at the upper edge, crosses at the lower edge. */
export function drawOutside(
  drawing: Drawing,
  { top, bottom }: { readonly top: number; readonly bottom: number },
  { cls, far, gaps }: Outside,
): void {
  for (const x of apart(far))
    drawing.polygon(cls, [
      [x, top - 9],
      [x - 4, top - 2],
      [x + 4, top - 2],
    ]);
  for (const x of apart(gaps)) drawing.text(cls, [x, bottom - 2], '×', { anchor: 'middle', size: 14 });
}

/** Drops positions that would overlap; `places` is ascending. */
function apart(places: readonly number[]): number[] {
  const kept: number[] = [];
  for (const x of [...places].sort((a, b) => a - b)) if (x - (kept.at(-1) ?? -APART) >= APART) kept.push(x);
  return kept;
}
