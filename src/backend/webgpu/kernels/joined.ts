import type { DType } from '../../../graph/types.js';
import type { Formula } from '../../../ops/formula.js';
import { renderFormula } from './formula.js';
import { entry, WORKGROUP } from './map.js';
import { type Program, param } from './program.js';

/*
 * Kernels that do the same work on several values: a table has one row for each workgroup, with the number of elements and
 * where each operand begins.
 */

/**
 * Elements that one workgroup takes: of a map, of a map over a value of `large` elements or more, whose table would be
 * long, and of a reduction.
 */
export const CHUNK = { map: 1024, large: 2 ** 22, largeMap: 16_384, reduce: 4096 } as const;

const floats = (count: number): DType[] => Array(count).fill('float32');

/** A formula of elements whose inputs lie in buffers with these numbers. */
const elements = (formula: Formula, scalar: readonly boolean[], buffers: readonly number[], table: number) =>
  renderFormula(
    formula,
    scalar.map((single, k) => `in${buffers[k]}(u32(in${table}(row + ${k + 2}u))${single ? '' : ' + e'})`),
  );

/** Row of the table: number of elements, place of the result, places of the inputs, and the set if there are several. */
const rowLength = (inputs: number): number => inputs + 2;

/** The buffers of a map: each row of the table works on one of several sets of them. */
export interface MapBuffers {
  readonly guarded: boolean;
  /** Number of buffers that are read, and of those that are written. */
  readonly inputs: number;
  readonly outputs: number;
  /** For each set, the numbers of the buffers of the formula's inputs and of the result. */
  readonly sets: readonly { readonly inputs: readonly number[]; readonly output: number }[];
}

/** Inputs: the buffers that are read, the table, and the guard if there is one. */
export function joinedMap(
  formula: Formula,
  scalar: readonly boolean[],
  { guarded, inputs: table, outputs, sets }: MapBuffers,
): Program {
  const stop = guarded ? `if (!isFinite(in${table + 1}(0u))) { return; }` : '';
  const columns = rowLength(scalar.length);
  const loops = sets.map(({ inputs, output }) => {
    const { lines, result } = elements(formula, scalar, inputs, table);
    return `for (var e = lane; e < count; e += ${WORKGROUP}u) {
    ${lines}
    put${output}(to + e, ${result});
  }`;
  });
  const cases = loops.map((loop, s) => `${s < loops.length - 1 ? `case ${s}u:` : 'default:'} { ${loop} }`);
  return {
    kernel: 'map',
    inputs: [...floats(table), 'int32', ...floats(guarded ? 1 : 0)],
    outputs: floats(outputs),
    params: 1,
    code: entry(`
  if (block >= ${param(0)}) { return; }
  ${stop}
  let row = block * ${columns + (sets.length > 1 ? 1 : 0)}u;
  let count = u32(in${table}(row));
  let to = u32(in${table}(row + 1u));
  ${
    sets.length === 1
      ? loops[0]
      : `switch (u32(in${table}(row + ${columns}u))) {
  ${cases.join('\n  ')}
  }`
  }`),
  };
}

const FOLD = {
  sum: { start: '0f', fold: (a: string, b: string) => `${a} + ${b}` },
  max: { start: '-infinity()', fold: (a: string, b: string) => `maxOf(${a}, ${b})` },
} as const;

/**
 * WGSL that folds the values `total` of all lanes in a fixed order: the result is the variable `name`, in every lane. Each
 * lane reads all values behind a single barrier, since drivers that compute on the processor take seconds to compile many.
 *
 * @param shared name of an array in workgroup memory that nothing else uses
 */
export const together = (
  name: string,
  fold: (a: string, b: string) => string,
  shared = 'shared_',
  lanes = WORKGROUP,
): string => `
  ${shared}[lane] = total;
  workgroupBarrier();
  var ${name} = ${shared}[0];
  for (var s = 1u; s < ${lanes}u; s++) { ${name} = ${fold(name, `${shared}[s]`)}; }`;

/** Elements of a lane whose sum is added to the total at once. */
const RUN = 128;

/**
 * A loop of the lanes of a workgroup over `length` elements that adds to variables. Long sums are added up in runs: each
 * addition of a small number to a large total is rounded, and with many like numbers in the same direction.
 *
 * @param sums names of the variables
 * @param loop WGSL of the loop from a first element to an end, for one lane
 * @param lanes number of lanes, and WGSL for the number of the lane
 */
export function inRuns(
  length: number,
  sums: readonly string[],
  loop: (first: string, end: string) => string,
  lanes = WORKGROUP,
  lane = 'lane',
): string {
  const step = RUN * lanes;
  if (sums.length === 0 || length <= 2 * step) return loop(lane, `${length}u`);
  return `for (var run = ${lane}; run < ${length}u; run += ${step}u) {
    ${sums.map((sum) => `let before_${sum} = ${sum}; ${sum} = 0f;`).join(' ')}
    ${loop('run', `min(${length}u, run + ${step}u)`)}
    ${sums.map((sum) => `${sum} += before_${sum};`).join(' ')}
  }`;
}

/**
 * Reduces the elements of each row of the table to one number.
 * @param buffers number of buffers in which a single input lies; each row then has the number of its buffer too
 */
export function joinedReduce(
  formula: Formula,
  scalar: readonly boolean[],
  op: 'sum' | 'max',
  buffers = 1,
): Program {
  const table = buffers > 1 ? buffers : scalar.length;
  const { start, fold } = FOLD[op];
  const columns = rowLength(scalar.length) + (buffers > 1 ? 1 : 0);
  const several = `pick(u32(in${table}(row + 3u)), u32(in${table}(row + 2u))${scalar[0] ? '' : ' + e'})`;
  const { lines, result } =
    buffers > 1
      ? renderFormula(formula, [several])
      : elements(
          formula,
          scalar,
          scalar.map((_, k) => k),
          table,
        );
  const choices = Array.from({ length: buffers - 1 }, (_, n) => `if (b == ${n}u) { return in${n}(i); }`);
  const pick = `fn pick(b: u32, i: u32) -> f32 { ${choices.join(' ')} return in${buffers - 1}(i); }`;
  return {
    kernel: 'reduce',
    inputs: [...floats(table), 'int32'],
    outputs: ['float32'],
    params: 1,
    code: `${buffers > 1 ? pick : ''}
var<workgroup> shared_: array<f32, ${WORKGROUP}>;
${entry(`
  let inside = block < ${param(0)};
  let row = select(0u, block * ${columns}u, inside);
  let count = select(0u, u32(in${table}(row)), inside);
  var total = ${start};
  for (var e = lane; e < count; e += ${WORKGROUP}u) {
    ${lines}
    total = ${fold('total', result)};
  }
  ${together('all', fold)}
  if (lane == 0u && inside) { put0(u32(in${table}(row + 1u)), all); }`)}`,
  };
}
