import type { DType } from '../../../graph/types.js';
import { type Program, typeOf } from './program.js';

/** Invocations of a workgroup of most kernels. */
export const WORKGROUP = 64;

/**
 * The start of a kernel's entry point: `i` is the number of the invocation, `lane` the one in its workgroup.
 * @param more further parameters
 * @param first WGSL for the number of the first workgroup
 */
export const entry = (body: string, size = WORKGROUP, more = '', first = '0u'): string => `
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32${more && `, ${more}`}) {
  let block = ${first} + group.y * groups.x + group.x;
  let i = block * ${size}u + lane;
  ${body}
}`;

/** Options of {@link map}. */
export interface MapOptions {
  readonly kernel: string;
  readonly inputs: readonly DType[];
  readonly output: DType;
  /** WGSL for the number of elements of the result. */
  readonly count: string;
  /** Body of a function of the position `i` that returns the element. */
  readonly value: string;
  /** Further declarations. */
  readonly declarations?: string;
  readonly params?: number;
  /** Index of an input with the guard: nothing is written if it is NaN or infinite. */
  readonly guard?: number;
  /** WGSL for the number of the first workgroup. */
  readonly first?: string;
}

/** A kernel that computes each element of its result by itself. */
export function map(options: MapOptions): Program {
  const { kernel, inputs, output, count, value, declarations = '', params = 0, guard, first } = options;
  const stop = guard === undefined ? '' : `if (!isFinite(in${guard}(0u))) { return; }`;
  const bytes = output === 'uint8';
  const body = bytes
    ? `if (i * 4u >= ${count}) { return; }
  var packed = 0u;
  for (var b = 0u; b < 4u; b++) { let at = i * 4u + b; if (at < ${count}) { packed |= (valueAt(at) & 255u) << (8u * b); } }
  put0(i, packed);`
    : `if (i >= ${count}) { return; }
  put0(i, valueAt(i));`;
  return {
    kernel,
    inputs,
    outputs: [output],
    params,
    code: `${declarations}
fn valueAt(i: u32) -> ${typeOf(output)} {
  ${value}
}
${entry(`${stop}\n  ${body}`, WORKGROUP, '', first)}`,
  };
}
