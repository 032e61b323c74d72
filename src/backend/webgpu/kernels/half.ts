import { together } from './joined.js';
import { entry, map, WORKGROUP } from './map.js';
import { type Program, param } from './program.js';

/** Exponent of a factor's largest element after scaling: sums of 16 products of two such elements stay below 65,504. */
const LARGEST_EXPONENT = 4;

/** Exponents of the powers of two that a float32 number has. */
const MOST_EXPONENT = 126;

/** What {@link largestProgram} reads, and what it writes. */
export interface LargestOptions {
  /** Whether the input is the results of other workgroups, not the elements. */
  readonly folded: boolean;
  /** Whether the result is the exponent, not the bits of the largest element. */
  readonly last: boolean;
}

/**
 * Finds the largest finite size of any element, as the bits of a float32 number, one for each workgroup; the last step
 * makes of it the exponent of the power of two by which the elements are multiplied.
 */
export function largestProgram({ folded, last }: LargestOptions): Program {
  const bits = folded ? 'u32(in0(j))' : 'bitcast<u32>(in0(j)) & 0x7fffffffu';
  // An element of 0 needs no factor. Infinite elements and NaN stay what they are.
  const result = last
    ? `select(min(${127 + LARGEST_EXPONENT} - i32(all >> 23u), ${MOST_EXPONENT}), 0, all == 0u)`
    : 'i32(all)';
  return {
    kernel: 'largest',
    inputs: [folded ? 'int32' : 'float32'],
    outputs: ['int32'],
    params: 1,
    code: `var<workgroup> shared_: array<u32, ${WORKGROUP}>;
${entry(`
  var total = 0u;
  for (var j = i; j < ${param(0)}; j += ${WORKGROUP}u * groups.x) {
    let bits = ${bits};
    total = max(total, select(0u, bits, bits < 0x7f800000u));
  }
  ${together('all', (a, b) => `max(${a}, ${b})`)}
  if (lane == 0u) { put0(block, ${result}); }`)}`,
  };
}

/** Multiplies elements by a power of two, whose exponent is the second input; the result is stored in float16. */
export const toHalfProgram = (): Program =>
  map({
    kernel: 'to float16',
    inputs: ['float32', 'int32'],
    output: 'float32',
    count: param(0),
    params: 1,
    value: 'return timesTwoTo(in0(i), in1(0u));',
  });
