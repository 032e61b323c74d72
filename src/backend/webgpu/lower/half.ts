import { isAlias } from '../../plan/describe.js';
import type { HalfFactor, Value, WebGpuBuilder } from '../builder.js';
import { exponentsProgram, largestAlong, largestBeside, toHalfProgram } from '../kernels/half.js';
import { WORKGROUP } from '../kernels/map.js';
import type { Program } from '../kernels/program.js';

/**
 * Which elements of a factor share a power of two: the factor is seen as [outer, over, kept, inner], and the products sum
 * over the second and the last of these.
 */
export interface Groups {
  readonly outer: number;
  readonly over: number;
  readonly kept: number;
  readonly inner: number;
}

/** How a factor of a product is scaled. */
export interface Scale extends Groups {
  /** WGSL for the group that element (m, n) of the product reads, from `layer`, `m` and `n`. */
  readonly group: string;
}

/** The factors of a product in float16. */
export interface HalfFactors {
  readonly values: readonly [Value, Value];
  readonly exponents: readonly [Value, Value];
}

export function halfFactors(b: WebGpuBuilder, i: number, scales: readonly [Scale, Scale]): HalfFactors {
  const [left, right] = scales.map((scale, n) => halfOf(b, b.node(i).inputs[n]!, scale)) as [
    HalfFactor,
    HalfFactor,
  ];
  return { values: [left.values, right.values], exponents: [left.exponents, right.exponents] };
}

/** The same groups with as few loops as there can be. */
function simplified({ outer, over, kept, inner }: Groups): Groups {
  if (over === 1) return { outer: outer * kept, over: 1, kept: 1, inner };
  return kept === 1 ? { outer, over: 1, kept: 1, inner: over * inner } : { outer, over, kept, inner };
}

/**
 * A value in float16, for all products that sum over the same axes of it. Each group is multiplied by a power of two that
 * makes its largest element one of 16 to 32, so that gradients are not rounded to 0, sums do not become infinite, and
 * a very large row leaves the digits of others alone.
 */
function halfOf(b: WebGpuBuilder, node: number, scale: Scale): HalfFactor {
  let of = node;
  while (isAlias(b.node(of))) of = b.node(of).inputs[0]!;
  const groups = simplified(scale);
  const { outer, over, kept, inner } = groups;
  const key = `${of} ${outer} ${over} ${kept} ${inner}`;
  const known = b.halves.get(key);
  if (known) return known;
  const value = b.value(of);
  const exponents = exponentsOf(b, of, value, groups);
  const values = b.scratch('float32', value.count, true);
  const dispatch = {
    program: toHalfProgram(),
    inputs: [value, exponents],
    outputs: [values],
    params: [value.count, over * kept * inner, kept, inner],
    groups: Math.ceil(value.count / WORKGROUP),
  };
  b.add([of], dispatch, false);
  const made: HalfFactor = { values, exponents };
  b.halves.set(key, made);
  return made;
}

/** Elements of a part of a group: with a workgroup for each part, and with an invocation. */
const ALONG = 4096;
const BESIDE = 64;
const MOST_PARTS = 1024;
/** Workgroups, and invocations, that keep a GPU busy. */
const BUSY = { along: 1024, beside: 2 ** 14 } as const;

/** Groups with fewer elements, or with fewer beside each other, take an invocation each. */
const LONG = 256;
const WIDE = 32;

function exponentsOf(
  b: WebGpuBuilder,
  node: number,
  value: Value,
  { outer, over, kept, inner }: Groups,
): Value {
  const groups = outer * kept;
  const each = over * inner;
  const along = inner >= WIDE && each >= LONG;
  const divisible = along ? each : over;
  const wanted = Math.min(
    MOST_PARTS,
    Math.ceil(each / (along ? ALONG : BESIDE)),
    Math.ceil(BUSY[along ? 'along' : 'beside'] / groups),
    divisible,
  );
  const length = Math.ceil(divisible / wanted);
  const parts = Math.ceil(divisible / length);
  const add = (
    program: Program,
    input: Value,
    output: Value,
    params: readonly number[],
    count: number,
  ): void => b.add([node], { program, inputs: [input], outputs: [output], params, groups: count }, false);
  const exponents = b.scratch('int32', groups);
  const found = parts === 1 ? exponents : b.scratch('int32', groups * parts);
  const params = [groups * parts, over, kept, inner, parts, length];
  if (along) add(largestAlong(parts === 1), value, found, params, groups * parts);
  else add(largestBeside(parts === 1), value, found, params, Math.ceil((groups * parts) / WORKGROUP));
  if (parts > 1) add(exponentsProgram(), found, exponents, [groups, parts], Math.ceil(groups / WORKGROUP));
  return exponents;
}
