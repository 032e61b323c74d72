import { together } from './joined.js';
import { entry, map, WORKGROUP } from './map.js';
import { type Program, param } from './program.js';

/** Exponent of a group's largest element after scaling: sums of 16 products of two such elements stay below 65,504. */
const LARGEST_EXPONENT = 4;

/** Exponents of the powers of two that a float32 number has. */
const MOST_EXPONENT = 126;

/** WGSL for the size of a finite element, as the bits of a float32 number; 0 for infinite elements and NaN. */
const BITS = `
fn bitsOf(place: u32) -> u32 {
  let bits = bitcast<u32>(in0(place)) & 0x7fffffffu;
  return select(0u, bits, bits < 0x7f800000u);
}`;

/** The exponent of the power of two by which a group of elements is multiplied. Zeros need none. */
const exponent = (bits: string): string =>
  `select(min(${127 + LARGEST_EXPONENT} - i32(${bits} >> 23u), ${MOST_EXPONENT}), 0, ${bits} == 0u)`;

const result = (bits: string, last: boolean): string => (last ? exponent(bits) : `i32(${bits})`);

/*
 * A value is seen as [outer, over, kept, inner]; the elements of a group are those with the same positions in `outer` and
 * `kept`. Numbers of these kernels: results, over, kept, inner, parts of each group, elements of each part.
 */

/** The largest size in each part of each group, or the group's exponent: a workgroup for each part. */
export const largestAlong = (last: boolean): Program => ({
  kernel: 'largest',
  inputs: ['float32'],
  outputs: ['int32'],
  params: 6,
  code: `var<workgroup> shared_: array<u32, ${WORKGROUP}>;
${BITS}
${entry(`
  let inside = block < ${param(0)};
  let group_ = block / ${param(4)};
  let start = block % ${param(4)} * ${param(5)};
  let end = select(0u, min(start + ${param(5)}, ${param(1)} * ${param(3)}), inside);
  let first = group_ / ${param(2)} * ${param(1)};
  let beside = group_ % ${param(2)};
  var total = 0u;
  for (var j = start + lane; j < end; j += ${WORKGROUP}u) {
    total = max(total, bitsOf(((first + j / ${param(3)}) * ${param(2)} + beside) * ${param(3)} + j % ${param(3)}));
  }
  ${together('all', (a, b) => `max(${a}, ${b})`)}
  if (lane == 0u && inside) { put0(block, ${result('all', last)}); }`)}`,
});

/** The same for groups whose elements do not lie beside each other, or which are small: an invocation for each part. */
export const largestBeside = (last: boolean): Program => ({
  kernel: 'largest',
  inputs: ['float32'],
  outputs: ['int32'],
  params: 6,
  code: `${BITS}
${entry(`
  if (i >= ${param(0)}) { return; }
  let beside = i % ${param(2)};
  let part = i / ${param(2)} % ${param(4)};
  let position = i / ${param(2)} / ${param(4)};
  let end = min((part + 1u) * ${param(5)}, ${param(1)});
  var all = 0u;
  for (var o = part * ${param(5)}; o < end; o++) {
    let begin = ((position * ${param(1)} + o) * ${param(2)} + beside) * ${param(3)};
    for (var j = 0u; j < ${param(3)}; j++) { all = max(all, bitsOf(begin + j)); }
  }
  put0((position * ${param(2)} + beside) * ${param(4)} + part, ${result('all', last)});`)}`,
});

/** The exponents of groups from the largest sizes in their parts, of which `param(1)` belong to each. */
export const exponentsProgram = (): Program =>
  map({
    kernel: 'largest',
    inputs: ['int32'],
    output: 'int32',
    count: param(0),
    params: 2,
    value: `var all = 0u;
  for (var part = 0u; part < ${param(1)}; part++) { all = max(all, u32(in0(i * ${param(1)} + part))); }
  return ${exponent('all')};`,
  });

/**
 * Multiplies elements by the power of two of their group, whose exponents are the second input; the result is stored in
 * float16. Numbers: elements, those of one position in `outer`, kept, inner.
 */
export const toHalfProgram = (): Program =>
  map({
    kernel: 'to float16',
    inputs: ['float32', 'int32'],
    output: 'float32',
    count: param(0),
    params: 4,
    value: `return timesTwoTo(in0(i), in1(i / ${param(1)} * ${param(2)} + i / ${param(3)} % ${param(2)}));`,
  });
