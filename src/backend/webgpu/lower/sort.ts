import type { Value, WebGpuBuilder } from '../builder.js';
import { entry, WORKGROUP } from '../kernels/map.js';
import { type Program, param } from '../kernels/program.js';
import { splitting } from './emit.js';

/** Rows up to this length are sorted by one kernel. */
const SHORT = 256;
/** Longer rows are sorted in runs of this length, which are then merged two by two. */
const RUN = 64;

/** Rows of one value, of which element j of row r lies at `r / inner * length * inner + r % inner + j * inner`. */
export interface Rows {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/**
 * WGSL for an integer whose order is that of the float32 number `v`. NaN is the largest number, and both zeros are equal.
 * @param descending reverses the order
 */
export const floatKey = (descending: boolean): string => `
fn keyOf(v: f32) -> i32 {
  let bits = bitcast<i32>(v);
  let ordered = select(bits, bits ^ 0x7fffffff, bits < 0);
  let key = select(select(ordered, 0, (bits & 0x7fffffff) == 0), 0x7fffffff, isNaN(v));
  return ${descending ? '~key' : 'key'};
}`;

/** For values that are their own keys. */
export const INTEGER_KEY = 'fn keyOf(v: i32) -> i32 { return v; }';

/** Where the positions, and perhaps the keys, of sorted rows are written. */
interface Sorted {
  readonly order: Value;
  /** One row behind the other. */
  readonly keys?: Value;
}

/**
 * Sorts rows stably: equal keys keep their order. Each element finds its place by itself, first by counting within its
 * run, then by searching in the run that its own is merged with.
 *
 * @param to receives positions in the layout of the rows, unless its keys are wanted too: then row behind row
 */
export function sortRows(
  b: WebGpuBuilder,
  i: number,
  input: Value,
  { outer, length, inner }: Rows,
  key: string,
  to: Sorted,
): void {
  const count = outer * length * inner;
  const run = length <= SHORT ? length : RUN;
  const scattered = inner > 1 && !to.keys;
  const targetOf = (last: boolean): Sorted =>
    last ? to : { order: b.scratch('int32', count), keys: b.scratch('int32', count) };
  let target = targetOf(run >= length);
  emitSort(b, i, countingProgram(key, { scattered: scattered && run >= length, keys: !!target.keys }), {
    inputs: [input],
    target,
    params: [count, length, inner, run],
    steps: count * run,
  });
  for (let width = run; width < length; width *= 2) {
    const { order, keys } = target as Required<Sorted>;
    const last = 2 * width >= length;
    target = targetOf(last);
    emitSort(b, i, mergingProgram({ scattered: scattered && last, keys: !!target.keys }), {
      inputs: [order, keys],
      target,
      params: [count, length, inner, width],
      steps: count * Math.ceil(Math.log2(width) + 1),
    });
  }
}

function emitSort(
  b: WebGpuBuilder,
  i: number,
  program: Omit<Program, 'inputs' | 'outputs' | 'params'>,
  options: {
    readonly inputs: readonly Value[];
    readonly target: Sorted;
    readonly params: readonly number[];
    readonly steps: number;
  },
): void {
  const { inputs, target, params, steps } = options;
  const outputs = [target.order, ...(target.keys ? [target.keys] : [])];
  const split = splitting(params, steps);
  b.add([i], {
    program: {
      ...program,
      inputs: inputs.map(({ dtype }) => dtype),
      outputs: outputs.map(({ dtype }) => dtype),
      params: split.params.length,
    },
    inputs,
    outputs,
    groups: Math.ceil(params[0]! / WORKGROUP),
    ...split,
  });
}

interface Writing {
  /** Whether positions are written in the layout of the rows. */
  readonly scattered: boolean;
  readonly keys: boolean;
}

// Numbers of both kernels: elements, length and distance of a row's elements, length of runs.
const [COUNT, LENGTH, INNER, WIDTH] = [0, 1, 2, 3].map(param) as [string, string, string, string];

/** The start of both kernels: element j of row `row`. */
const ELEMENT = `if (i >= ${COUNT}) { return; }
  let row = i / ${LENGTH};
  let j = i % ${LENGTH};`;

const writing = ({ scattered, keys }: Writing, position: string): string => `
  put0(${scattered ? `row / ${INNER} * ${LENGTH} * ${INNER} + row % ${INNER} + place * ${INNER}` : `row * ${LENGTH} + place`}, ${position});
  ${keys ? `put1(row * ${LENGTH} + place, own);` : ''}`;

/** The place of an element in its run is the number of those before it in the order. */
const countingProgram = (key: string, to: Writing) => ({
  kernel: 'sort runs',
  code: `${key}
${entry(
  `${ELEMENT}
  let begin = row / ${INNER} * ${LENGTH} * ${INNER} + row % ${INNER};
  let own = keyOf(in0(begin + j * ${INNER}));
  let start = j / ${WIDTH} * ${WIDTH};
  var place = start;
  for (var n = start; n < min(start + ${WIDTH}, ${LENGTH}); n++) {
    let other = keyOf(in0(begin + n * ${INNER}));
    if (other < own || (other == own && n < j)) { place++; }
  }
  ${writing(to, 'i32(j)')}`,
  WORKGROUP,
  '',
  param(4),
)}`,
});

/** Two runs are merged: those of the first come before equal ones of the second. */
const mergingProgram = (to: Writing) => ({
  kernel: 'merge runs',
  code: entry(
    `${ELEMENT}
  let begin = row * ${LENGTH};
  let own = in1(i);
  let start = j / (2u * ${WIDTH}) * (2u * ${WIDTH});
  let middle = min(start + ${WIDTH}, ${LENGTH});
  let isFirst = j < middle;
  let other = select(start, middle, isFirst);
  var low = other;
  var high = select(middle, min(middle + ${WIDTH}, ${LENGTH}), isFirst);
  while (low < high) {
    let half = (low + high) / 2u;
    let key = in1(begin + half);
    if (key < own || (key == own && !isFirst)) { low = half + 1u; } else { high = half; }
  }
  let place = start + j - select(middle, start, isFirst) + low - other;
  ${writing(to, 'in0(i)')}`,
    WORKGROUP,
    '',
    param(4),
  ),
});
