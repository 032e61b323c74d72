/** The visible range of steps, and how gestures change it. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Moves a range into bounds; its length changes only if it is longer than the bounds. */
export function clamp({ from, to }: Range, bounds: Range): Range {
  const length = Math.min(to - from, bounds.to - bounds.from);
  const start = Math.min(Math.max(from, bounds.from), bounds.to - length);
  return { from: start, to: start + length };
}

/**
 * @param factor below 1 zooms in
 * @param anchor the position that stays where it is
 * @param closest length of the shortest visible range; default 8 steps
 */
export function zoom(range: Range, factor: number, anchor: number, bounds: Range, closest = 8): Range {
  const least = Math.min(closest, bounds.to - bounds.from);
  const length = Math.max((range.to - range.from) * factor, least);
  const at = (anchor - range.from) / (range.to - range.from || 1);
  const from = anchor - at * length;
  return clamp({ from, to: from + length }, bounds);
}

/** @param share of the range's length; positive goes to later steps */
export function pan(range: Range, share: number, bounds: Range): Range {
  const by = (range.to - range.from) * share;
  return clamp({ from: range.from + by, to: range.to + by }, bounds);
}

export const isWhole = (range: Range, bounds: Range): boolean =>
  range.to - range.from >= (bounds.to - bounds.from) * 0.999;
