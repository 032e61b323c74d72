import { type DType, sizeOf } from '../../../graph/types.js';
import type { Formula } from '../../../ops/formula.js';
import { withFollowers } from '../../plan/followers.js';
import { splitNumbers } from '../../plan/numbers/varying.js';
import type { Value, WebGpuBuilder } from '../builder.js';
import { renderFormula } from '../kernels/formula.js';
import { map, WORKGROUP } from '../kernels/map.js';
import { param } from '../kernels/program.js';
import { literal } from '../kernels/wgsl.js';

/** Number of invocations for the elements of a type: bytes are written in words. */
const invocations = (dtype: DType, count: number): number =>
  dtype === 'uint8' ? Math.ceil(count / 4) : count;

/** A WGSL function `finish` that applies what follows a kernel to its result. */
export const finisher = (activation?: Formula): string => {
  if (!activation) return 'fn finish(v: f32) -> f32 { return v; }';
  const { lines, result } = renderFormula(activation, ['v']);
  return `fn finish(v: f32) -> f32 {\n  ${lines}\n  return ${result};\n}`;
};

export interface ElementOptions {
  /** Body of a function of the position `i` that returns the element. */
  readonly value: string;
  readonly declarations?: string;
  /** Further values behind the node's inputs. */
  readonly also?: readonly Value[];
  readonly kernel?: string;
  /** Further results, which the body writes with `put1`, `put2` … */
  readonly beside?: readonly Value[];
  /** Numbers that are passed with the step, so that one kernel serves all sizes; the first is the number of elements. */
  readonly params?: readonly number[];
  /** Steps of the loop of each element, if there may be very many: the work is then split into commands. */
  readonly steps?: number;
}

/** What a dispatch needs to be split, given the kernel's own numbers; the next one is that of the first workgroup. */
export const splitting = (params: readonly number[], steps: number) => ({
  params: [...params, 0, 0, 0],
  from: params.length,
  steps,
});

/**
 * Adds a step that computes each element of a node by itself, and what follows: an elementwise operation of a float32
 * result is applied too.
 */
export function emitElements(b: WebGpuBuilder, i: number, options: ElementOptions): void {
  const { inputs, op, dtype, shape } = b.node(i);
  const { value, declarations = '', also = [], kernel = op, beside = [], params = [], steps } = options;
  const values = [...inputs.map((input) => b.value(input)), ...also];
  const { nodes, activation } = dtype === 'float32' ? withFollowers(b, i) : { nodes: [i] };
  const root = nodes.at(-1)!;
  const output = b.newValue(root);
  const count = sizeOf(shape);
  const finished = activation !== undefined;
  const split = steps === undefined ? undefined : splitting(params, steps * count);
  const program = map({
    kernel,
    inputs: values.map((one) => one.dtype),
    output: dtype,
    count: params.length > 0 ? param(0) : `${count}u`,
    params: (split?.params ?? params).length,
    ...(split ? { first: param(split.from) } : {}),
    value: finished ? 'return finish(elementAt(i));' : value,
    declarations: finished
      ? `${declarations}\n${finisher(activation)}\nfn elementAt(i: u32) -> f32 {\n  ${value}\n}`
      : declarations,
  });
  b.add(nodes, {
    program: { ...program, outputs: [...program.outputs, ...beside.map((one) => one.dtype)] },
    inputs: values,
    outputs: [output, ...beside],
    groups: Math.ceil(invocations(dtype, count) / WORKGROUP),
    params,
    ...split,
  });
  b.define(root, output);
}

/** WGSL of a number of a node: its value, or the input that it has become. */
export function numberIn(b: WebGpuBuilder, i: number, name: string): string {
  const { inputs, attrs } = b.node(i);
  const value = attrs[name];
  if (typeof value === 'number') return literal(value);
  const { numbers } = splitNumbers(
    inputs.map((_, k) => k),
    attrs,
  );
  return `in${numbers[name]}(0u)`;
}

/** Adds a step that computes an intermediate value which is no node. */
export function emitScratch(
  b: WebGpuBuilder,
  i: number,
  output: Value,
  inputs: readonly Value[],
  options: {
    readonly kernel: string;
    readonly value: string;
    readonly declarations?: string;
    /** Index of an input with the guard. */
    readonly guard?: number;
    /** See {@link ElementOptions}. */
    readonly params?: readonly number[];
  },
): void {
  const { params = [], ...rest } = options;
  b.add([i], {
    program: map({
      ...rest,
      inputs: inputs.map(({ dtype }) => dtype),
      output: output.dtype,
      count: params.length > 0 ? param(0) : `${output.count}u`,
      params: params.length,
    }),
    inputs,
    outputs: [output],
    params,
    groups: Math.ceil(invocations(output.dtype, output.count) / WORKGROUP),
  });
}

/** A step whose kernel has a workgroup for each of `groups` rows. */
export function emitRows(
  b: WebGpuBuilder,
  i: number,
  groups: number,
  code: string,
  options: { readonly output?: Value; readonly also?: readonly Value[] } = {},
): void {
  const { inputs, op } = b.node(i);
  const output = options.output ?? b.newValue(i);
  const values = [...inputs.map((input) => b.value(input)), ...(options.also ?? [])];
  b.add([i], {
    program: {
      kernel: op,
      inputs: values.map(({ dtype }) => dtype),
      outputs: [output.dtype],
      params: 0,
      code,
    },
    inputs: values,
    outputs: [output],
    params: [],
    groups,
  });
  // The value may have more elements than the node, such as unused ones between two rows.
  if (options.output) b.values[i] = output;
  else b.define(i, output);
}
