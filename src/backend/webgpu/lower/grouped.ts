import type { Value, WebGpuBuilder } from '../builder.js';
import { emitElements, emitScratch } from './emit.js';
import { INTEGER_KEY, type Rows, sortRows } from './sort.js';

/** With fewer indices each element of the result looks at all of them. */
export const FEW_INDICES = 256;

/** Sorted indices whose elements are summed ahead if all are equal, so that no sum is a very long loop. */
const CHUNK = 64;

/**
 * Sums of elements whose index is equal. A lane is what an element of the result and those that it sums have in common,
 * such as a column; several lanes may have the same row of indices.
 */
export interface Grouping {
  /** The indices, and how their rows lie. */
  readonly index: Value;
  readonly rows: Rows;
  readonly lanes: number;
  /** WGSL for the row of indices of `lane`. */
  readonly row: string;
  /** WGSL for the element at position `n` of `lane`. */
  readonly element: string;
  /** WGSL for the lane of element `i` of the result, and its index; statements before them may return 0. */
  readonly before?: string;
  readonly lane: string;
  readonly own: string;
}

/**
 * Adds steps that sum elements by index, in the order of their positions: the indices are sorted, and each element of the
 * result finds its own among them.
 */
export function emitGrouped(b: WebGpuBuilder, i: number, grouping: Grouping): void {
  const { index, rows, lanes, row, element, before = '', lane, own } = grouping;
  const { length } = rows;
  const order = b.scratch('int32', index.count);
  const keys = b.scratch('int32', index.count);
  sortRows(b, i, index, rows, INTEGER_KEY, { order, keys });
  const chunks = Math.floor(length / CHUNK);
  const partial = b.scratch('float32', lanes * chunks);
  const source = b.value(b.node(i).inputs[0]!);
  // Inputs of both kernels: the elements, the indices (which the second does not read), positions, and sorted indices.
  const declarations = (positions: number): string => `
fn elementOf(lane: u32, place: u32) -> f32 {
  let n = u32(in${positions}(place));
  return in0(${element});
}`;
  emitScratch(b, i, partial, [source, order, keys], {
    kernel: 'sum of chunks',
    declarations: declarations(1),
    value: `let lane = i % ${lanes}u;
  let begin = (${row}) * ${length}u + i / ${lanes}u * ${CHUNK}u;
  var total = 0f;
  if (in2(begin) != in2(begin + ${CHUNK - 1}u)) { return total; }
  for (var at = begin; at < begin + ${CHUNK}u; at++) { total += elementOf(lane, at); }
  return total;`,
  });
  emitElements(b, i, {
    also: [order, keys, partial],
    declarations: declarations(2),
    steps: Math.ceil(Math.log2(length)) + 2 * CHUNK + chunks,
    value: `${before}
  let lane = ${lane};
  let own = ${own};
  let begin = (${row}) * ${length}u;
  var at = 0u;
  var high = ${length}u;
  while (at < high) {
    let half = (at + high) / 2u;
    if (in3(begin + half) < own) { at = half + 1u; } else { high = half; }
  }
  var total = 0f;
  while (at < ${length}u && in3(begin + at) == own) {
    if (at % ${CHUNK}u == 0u && at + ${CHUNK}u <= ${length}u && in3(begin + at + ${CHUNK - 1}u) == own) {
      total += in4(at / ${CHUNK}u * ${lanes}u + lane);
      at += ${CHUNK}u;
    } else {
      total += elementOf(lane, begin + at);
      at++;
    }
  }
  return total;`,
  });
}
