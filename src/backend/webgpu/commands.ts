import { DeviceError } from '../../errors/errors.js';
import type { GpuBindGroup, GpuBuffer, GpuEncoder, GpuPipeline } from './api.js';
import { bindingsOf, type Operand } from './bindings.js';
import type { Dispatch, HostWork, Variant } from './builder.js';
import type { Slot } from './kernels/program.js';

/** A range of a buffer. */
export interface Place {
  readonly buffer: GpuBuffer;
  /** In bytes. */
  readonly offset: number;
}

/** One kernel with its operands. */
export interface KernelCommand {
  readonly pipeline: GpuPipeline;
  readonly group: GpuBindGroup;
  readonly size: readonly [number, number, number];
  /** Index of its step, and the name of its kernel, for profiles. */
  readonly step: number;
  readonly kernel: string;
}

/** A command of a bound plan. */
export type Command = KernelCommand | { readonly host: HostWork; readonly step: number };

/** Kernels that compute the same, of which the first is the one to compare with. */
export interface Choice {
  readonly variants: readonly [Variant, ...Variant[]];
  readonly work: Prepared;
}

/** What binding needs of a device. */
export interface Binder {
  readonly limit: number;
  readonly bindings: number;
  /** Largest number of workgroups in a dimension. */
  readonly most: number;
  /** Maximum number of multiply-adds in one command. */
  readonly longest: number;
  /** Compiles WGSL once. */
  pipeline(code: string, slots: readonly Slot[], uniform: boolean): Promise<GpuPipeline>;
  bindGroup(
    slots: readonly Slot[],
    uniform: boolean,
    ranges: readonly (Place & { readonly bytes: number })[],
  ): GpuBindGroup;
  /** The kernel that computes this the fastest. */
  choose(choice: Choice): Promise<Variant>;
  /** A buffer with constant contents, owned by the plan. */
  constant(data: Uint32Array<ArrayBuffer>, uniform: boolean): GpuBuffer;
}

/** A kernel of a plan with everything but its pipeline. */
export interface Prepared extends Omit<Dispatch, 'inputs' | 'outputs' | 'join'> {
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  readonly step: number;
  /** What computes it, for errors. */
  readonly about: string;
  /** Multiply-adds. */
  readonly macs: number;
}

/** Compiles and binds a kernel: the fastest of those that compute the same. */
export async function commandsOf(binder: Binder, work: Prepared): Promise<KernelCommand[]> {
  const { params, groups, from, macs } = work;
  if (from === undefined || (macs <= binder.longest && groups <= binder.most))
    return [await bound(binder, work)];
  const count = Math.min(groups, Math.ceil(macs / binder.longest));
  const size = Math.min(binder.most, Math.ceil(groups / count));
  const parts = Array.from({ length: Math.ceil(groups / size) }, (_, n): Prepared => {
    const first = n * size;
    const own = params.map((value, k) => (k === from ? first : value));
    return { ...work, params: own, groups: Math.min(size, groups - first) };
  });
  return Promise.all(parts.map((part) => bound(binder, part)));
}

/** The work with the fastest of its kernels. */
export async function fastest(binder: Binder, work: Prepared): Promise<Prepared> {
  const { others = [], program, groups, rows } = work;
  if (others.length === 0) return work;
  const own: Variant = { program, groups, ...(rows === undefined ? {} : { rows }) };
  return { ...work, ...(await binder.choose({ variants: [own, ...others], work })) };
}

async function bound(binder: Binder, work: Prepared): Promise<KernelCommand> {
  const { program, inputs, outputs, params, groups, rows, layers = 1, step, about } = work;
  const made = bindingsOf(program, inputs, outputs, binder.limit);
  if (made.slots.length > binder.bindings)
    throw new DeviceError({
      what: `${about} needs ${made.slots.length} ranges of GPU memory in one kernel`,
      expected: `at most ${binder.bindings}, of ${binder.limit} bytes each, on this GPU`,
      got: `values of ${[...inputs, ...outputs].map(({ count }) => count).join(', ')} elements`,
      next: 'use a smaller batch or a smaller layer',
    });
  const numbers = [
    ...params,
    ...Array(Math.max(0, program.params - params.length)).fill(0),
    ...made.distances,
  ];
  const uniform = numbers.length > 0;
  const pipeline = await binder.pipeline(made.code, made.slots, uniform);
  const ranges = made.ranges.map((range) => range);
  if (uniform) {
    const data = new Uint32Array(Math.ceil(numbers.length / 4) * 4);
    data.set(numbers.map((n) => n >>> 0));
    ranges.push({ buffer: binder.constant(data, true), offset: 0, bytes: data.byteLength });
  }
  const group = binder.bindGroup(made.slots, uniform, ranges);
  // At least one workgroup, since an empty sum is written too, as 0.
  const x = Math.max(1, Math.min(groups, binder.most));
  const y = rows ?? Math.ceil(groups / x);
  return { pipeline, group, size: [x, y, layers], step, kernel: program.kernel };
}

/** Adds the kernels among some commands to an encoder, in one pass. */
export function encode(encoder: GpuEncoder, commands: readonly Command[]): void {
  if (commands.length === 0) return;
  const pass = encoder.beginComputePass();
  for (const command of commands) {
    if ('host' in command) continue;
    pass.setPipeline(command.pipeline);
    pass.setBindGroup(0, command.group);
    pass.dispatchWorkgroups(...command.size);
  }
  pass.end();
}
