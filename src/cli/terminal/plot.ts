import { widthOf } from '../../display/text-width.js';

/** Bit of each dot of a braille character, by row and column (Unicode, U+2800). */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;
const BRAILLE = 0x2800;

export interface PlotOptions {
  /** Total width in columns, labels included. */
  readonly width: number;
  readonly height: number;
}

/** Minimum width of a useful curve. */
const LEAST = 8;

/**
 * A curve in braille characters with 2 × 4 dots each, labelled with its extremes on the left.
 *
 * @param values in order; NaN and infinity leave gaps
 * @returns lines of text without control codes; empty if there is no data or too little room
 */
export function plot(values: readonly number[], { width, height }: PlotOptions): string[] {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) return [];
  const [low, high] = [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))];
  const labels = [high, low].map((value) => value.toPrecision(3));
  const margin = Math.max(...labels.map(widthOf));
  const columns = width - margin - 2;
  if (columns < LEAST || height < 1) return [];
  const cells = Array.from({ length: height }, () => new Uint8Array(columns));
  const rows = 4 * height;
  const rowOf = (value: number): number =>
    high === low ? rows - 1 : Math.round(((high - value) / (high - low)) * (rows - 1));
  const set = (x: number, y: number): void => {
    cells[y >> 2]![x >> 1]! |= DOTS[y & 3]![x & 1]!;
  };
  let before: number | undefined;
  for (const [x, value] of resampled(values, 2 * columns).entries()) {
    if (!Number.isFinite(value)) {
      before = undefined;
      continue;
    }
    const y = rowOf(value);
    // Connects to the previous dot, so that steep parts have no gaps.
    const from = before === undefined || before === y ? y : before + Math.sign(y - before);
    for (let at = Math.min(from, y); at <= Math.max(from, y); at++) set(x, at);
    before = y;
  }
  return cells.map((cell, i) => {
    const label = i === 0 ? labels[0]! : i === height - 1 ? labels[1]! : '';
    return `${label.padStart(margin)} │${String.fromCodePoint(...[...cell].map((bits) => BRAILLE + bits))}`;
  });
}

/** Resamples to the number of dots: means of several values, or repeated values. */
function resampled(values: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count);
    const to = Math.max(from + 1, Math.floor(((i + 1) * values.length) / count));
    const part = values.slice(from, to);
    return part.reduce((a, b) => a + b, 0) / part.length;
  });
}
