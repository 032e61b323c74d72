import type { Region } from '../region.js';

const ALIGN = 4096;
const up = (n: number, to: number): number => Math.ceil(n / to) * to;

/** With more small regions than this, the compiler does not search gaps for each. */
const MANY = 4096;

/**
 * Assigns an offset to every region such that regions that are live at the same time never overlap: largest first, each
 * in the lowest gap in which it fits. Where a long graph has thousands of small regions, these come behind the others.
 * Returns the size of the arena in bytes.
 */
export function layOut(regions: readonly Region[]): number {
  const small = regions.filter(({ bytes }) => bytes <= ALIGN);
  if (small.length <= MANY) return fillGaps(regions);
  const start = fillGaps(regions.filter(({ bytes }) => bytes > ALIGN));
  return start + ALIGN * fillPages(small, start);
}

/** Gives each region a page that is free as long as it is live. Returns the number of pages. */
function fillPages(regions: readonly Region[], start: number): number {
  const ending = [...regions].sort((a, b) => a.last - b.last);
  const free: number[] = [];
  let pages = 0;
  let ended = 0;
  for (const region of [...regions].sort((a, b) => a.first - b.first)) {
    // Each of these has its page already, since it began before it ended.
    for (; ending[ended]!.last < region.first; ended++) free.push(ending[ended]!.offset);
    region.offset = free.pop() ?? start + ALIGN * pages++;
  }
  return pages;
}

/** The largest region first, each in the lowest gap in which it fits. Returns the size in bytes. */
function fillGaps(regions: readonly Region[]): number {
  // Regions that are placed, by offset: their offsets, ends and first and last steps. In arrays of numbers, since each
  // region is compared with all before it.
  const [starts, ends, firsts, lasts] = Array.from({ length: 4 }, () => new Float64Array(regions.length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  let placed = 0;
  let total = 0;
  for (const region of [...regions].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const { bytes, first, last } = region;
    let offset = 0;
    let at = 0;
    for (; at < placed; at++) {
      if (firsts[at]! > last || lasts[at]! < first) continue;
      if (offset + bytes <= starts[at]!) break;
      if (ends[at]! > offset) offset = ends[at]!;
    }
    region.offset = offset;
    // The search may have passed regions that lie behind this one.
    while (at > 0 && starts[at - 1]! > offset) at--;
    const values = [offset, up(offset + bytes, ALIGN), first, last];
    for (const [k, column] of [starts, ends, firsts, lasts].entries()) {
      column.copyWithin(at + 1, at, placed);
      column[at] = values[k]!;
    }
    placed++;
    total = Math.max(total, offset + bytes);
  }
  return up(total, ALIGN);
}
