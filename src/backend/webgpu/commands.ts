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
  /** Maximum number of multiply-adds, or steps of loops, in one command. */
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

/** Compiles and binds a kernel, in several commands if it has too many workgroups or would take too long. */
export async function commandsOf(binder: Binder, work: Prepared): Promise<KernelCommand[]> {
  const { params, groups, rows = 1, layers = 1, from, macs, steps = macs } = work;
  if (from === undefined) return [await bound(binder, work)];
  let pieces = Math.ceil(steps / binder.longest);
  const ranges = [groups, rows, layers].map((size): Ranges => {
    const wanted = Math.max(1, Math.min(size, pieces));
    pieces = Math.ceil(pieces / wanted);
    const each = Math.max(1, Math.min(binder.most, Math.ceil(size / wanted)));
    return Array.from({ length: Math.max(1, Math.ceil(size / each)) }, (_, n) => ({
      first: n * each,
      count: Math.min(each, size - n * each),
    }));
  });
  const [columns, others, depths] = ranges as [Ranges, Ranges, Ranges];
  const parts = depths.flatMap((z) =>
    others.flatMap((y) =>
      columns.map((x): Prepared => {
        const own = [...params];
        [x, y, z].forEach(({ first }, n) => {
          own[from + n] = first;
        });
        return { ...work, params: own, groups: x.count, rows: y.count, layers: z.count };
      }),
    ),
  );
  return Promise.all(parts.map((part) => bound(binder, part)));
}

type Ranges = readonly { readonly first: number; readonly count: number }[];

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
