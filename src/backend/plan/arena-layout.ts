import type { Region } from './region.js';

const ALIGN = 4096;
const up = (n: number, to: number): number => Math.ceil(n / to) * to;

/**
 * Assigns an offset to every region such that regions that are live at the same time never overlap: largest first, each
 * in the lowest gap in which it fits. Returns the size of the arena in bytes.
 */
export function layOut(regions: readonly Region[]): number {
  const placed: Region[] = [];
  let total = 0;
  for (const region of [...regions].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const rivals = placed
      .filter((p) => p.first <= region.last && region.first <= p.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const rival of rivals) {
      if (offset + region.bytes <= rival.offset) break;
      offset = Math.max(offset, up(rival.offset + rival.bytes, ALIGN));
    }
    region.offset = offset;
    placed.push(region);
    total = Math.max(total, offset + region.bytes);
  }
  return up(total, ALIGN);
}
