import { perIndex, type Span } from '../chain.js';
import type { Spans } from '../operation.js';
import type { Range, Shared } from './kernel.js';
import type { Product, Strides } from './product.js';

/** A product runs together with what precedes and follows it if all of B fits into a cache beside one piece. */
const CHAINED_BYTES = 2 ** 19;
/** Rows for which reading all of B is worth while. */
const LEAST_ROWS = 32;

/** Whether each row of a matrix lies between the row's multiple of the stride and the next. */
const isDense = ({ offset = 0, row, column }: Strides, columns: number): boolean =>
  column === 1 && offset + columns <= row;

/** How a product can run in a chain: by the rows of A and C, or by the matrices of a batch. */
export function spansOf(
  { m, n, k, a, b, c, bias, others = [], batch = [1, 1] }: Product,
  range: Range,
  shared: Shared,
  pieces: number,
): Spans | undefined {
  const extras = (whole: Span): Span[] => [
    ...(bias ? [perIndex(0)] : []),
    ...others.map((extra) => (extra === 'whole' ? whole : perIndex(0))),
  ];
  if (range === 'rows') {
    if (shared !== 'b' || 4 * k * n > CHAINED_BYTES) return undefined;
    const [spanA, spanC] = [perIndex(isDense(a, k) ? a.row : 0), perIndex(c.row)];
    return { spans: [spanA, perIndex(0), spanC, ...extras(spanC)], writes: 2, least: LEAST_ROWS };
  }
  if (shared !== 'none' || pieces !== 1) return undefined;
  /** What lies between one matrix and the next, or between one outer index and the next if matrices are interleaved. */
  const span = (
    { offset = 0, row, column, batch: [outer, inner] = [0, 0] }: Strides,
    rows: number,
    columns: number,
  ): Span => {
    const last = offset + (rows - 1) * row + (columns - 1) * column;
    if (last < inner && (batch[0] === 1 || outer === inner * batch[1])) return perIndex(inner);
    return last + (batch[1] - 1) * inner < outer ? { elements: outer, indices: batch[1] } : perIndex(0);
  };
  const spanC = span(c, m, n);
  return { spans: [span(a, m, k), span(b, k, n), spanC, ...extras(spanC)], writes: 2 };
}
