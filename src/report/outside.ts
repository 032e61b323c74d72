import type { Drawing } from './svg.js';

/** Least distance of two marks. */
const APART = 6;

export interface Outside {
  /** Class of the curve that the marks belong to. */
  readonly cls: string;
  /** Where values lie above the frame. */
  readonly far: readonly number[];
  /** Where there is no finite value. */
  readonly gaps: readonly number[];
}

/** Marks what a figure cannot show: triangles at its upper edge, crosses at its lower one. */
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

/** Those of ascending places that would not lie on each other. */
function apart(places: readonly number[]): number[] {
  const kept: number[] = [];
  for (const x of [...places].sort((a, b) => a - b)) if (x - (kept.at(-1) ?? -APART) >= APART) kept.push(x);
  return kept;
}
