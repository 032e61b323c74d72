import { isAlias } from '../../plan/describe.js';
import type { HalfFactor, Value, WebGpuBuilder } from '../builder.js';
import { type LargestOptions, largestProgram, toHalfProgram } from '../kernels/half.js';
import { WORKGROUP } from '../kernels/map.js';

/** Elements of each workgroup that looks for the largest one, unless there are very many. */
const EACH = 4096;
const MOST_GROUPS = 1024;

/** The factors of a product in float16, and WGSL that makes its result from a sum. */
export interface HalfFactors {
  readonly values: readonly [Value, Value];
  readonly exponents: readonly [Value, Value];
}

export function halfFactors(b: WebGpuBuilder, i: number): HalfFactors {
  const [left, right] = b.node(i).inputs.map((input) => halfOf(b, input)) as [HalfFactor, HalfFactor];
  return { values: [left.values, right.values], exponents: [left.exponent, right.exponent] };
}

/**
 * A value in float16, for all products that read it. It is multiplied by a power of two that makes the largest element
 * one of 16 to 32, so that gradients are not rounded to 0 and sums do not become infinite.
 */
function halfOf(b: WebGpuBuilder, node: number): HalfFactor {
  let of = node;
  while (isAlias(b.node(of))) of = b.node(of).inputs[0]!;
  const known = b.halves.get(of);
  if (known) return known;
  const value = b.value(of);
  const exponent = exponentOf(b, of, value);
  const values = b.scratch('float32', value.count, true);
  const dispatch = {
    program: toHalfProgram(),
    inputs: [value, exponent],
    outputs: [values],
    params: [value.count],
    groups: Math.ceil(value.count / WORKGROUP),
  };
  b.add([of], dispatch, false);
  const made: HalfFactor = { values, exponent };
  b.halves.set(of, made);
  return made;
}

function exponentOf(b: WebGpuBuilder, node: number, value: Value): Value {
  const groups = Math.min(MOST_GROUPS, Math.ceil(value.count / EACH));
  const step = (input: Value, output: Value, options: LargestOptions): Value => {
    const dispatch = {
      program: largestProgram(options),
      inputs: [input],
      outputs: [output],
      params: [input.count],
      groups: output.count,
    };
    b.add([node], dispatch, false);
    return output;
  };
  const exponent = b.scratch('int32', 1);
  if (groups === 1) return step(value, exponent, { folded: false, last: true });
  const found = step(value, b.scratch('int32', groups), { folded: false, last: false });
  return step(found, exponent, { folded: true, last: true });
}
