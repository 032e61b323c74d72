import { DeviceError } from '../../errors/errors.js';
import type { Region } from '../plan/region.js';
import type { GpuBindGroup, GpuBuffer, GpuPipeline } from './api.js';
import { bindingsOf, type Operand } from './bindings.js';
import type { HostWork, Value } from './builder.js';
import type { FinalStep, JoinedStep, Member } from './join.js';
import { CHUNK, joinedMap, joinedReduce } from './kernels/joined.js';
import { linearMap } from './kernels/linear.js';
import type { Program, Slot } from './kernels/program.js';

/** A range of a buffer. */
export interface Place {
  readonly buffer: GpuBuffer;
  /** In bytes. */
  readonly offset: number;
}

/** A command of a bound plan. */
export type Command =
  | {
      readonly pipeline: GpuPipeline;
      readonly group: GpuBindGroup;
      readonly size: readonly [number, number, number];
      /** Index of its step, for profiles. */
      readonly step: number;
    }
  | { readonly host: HostWork; readonly step: number };

/** What binding needs of a device. */
export interface Binder {
  readonly limit: number;
  readonly bindings: number;
  /** Largest number of workgroups in a dimension. */
  readonly most: number;
  /** Compiles WGSL once. */
  pipeline(code: string, slots: readonly Slot[], uniform: boolean): Promise<GpuPipeline>;
  bindGroup(
    slots: readonly Slot[],
    uniform: boolean,
    ranges: readonly (Place & { readonly bytes: number })[],
  ): GpuBindGroup;
  /** A buffer with constant contents, owned by the plan. */
  constant(data: Uint32Array<ArrayBuffer>, uniform: boolean): GpuBuffer;
}

/** One kernel of a plan with everything but its pipeline. */
interface Prepared {
  readonly program: Program;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  readonly params: readonly number[];
  readonly groups: number;
  readonly rows?: number;
  readonly layers?: number;
  readonly step: number;
}

/** Compiles and binds the steps of a plan. */
export async function bindSteps(
  binder: Binder,
  steps: readonly FinalStep[],
  placeOf: (region: Region) => Place,
): Promise<Command[]> {
  const operand = (value: Value): Operand => {
    const { buffer, offset } = placeOf(value.region);
    return { buffer, offset: offset + value.start, dtype: value.dtype, count: value.count };
  };
  const prepared = steps.flatMap((step, at): (Prepared | { host: HostWork; step: number })[] => {
    if ('members' in step) return joined(binder, step, at, operand);
    if ('host' in step) return [{ host: step.host, step: at }];
    const { inputs, outputs, ...rest } = step.dispatch;
    return [{ ...rest, inputs: inputs.map(operand), outputs: outputs.map(operand), step: at }];
  });
  return Promise.all(prepared.map(async (one) => ('host' in one ? one : await bound(binder, one, steps))));
}

async function bound(binder: Binder, one: Prepared, steps: readonly FinalStep[]): Promise<Command> {
  const { program, inputs, outputs, params, groups, rows, layers = 1, step } = one;
  const made = bindingsOf(program, inputs, outputs, binder.limit);
  if (made.slots.length > binder.bindings)
    throw new DeviceError({
      what: `${steps[step]!.op}${steps[step]!.scope ? ` in ${steps[step]!.scope}` : ''} needs ${made.slots.length} ranges of GPU memory in one kernel`,
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
  // At least one, since a product of nothing is written too.
  const x = Math.max(1, Math.min(groups, binder.most));
  const y = rows ?? Math.ceil(groups / x);
  return { pipeline, group, size: [x, y, layers], step };
}

/** Splits a joined step by the buffers of its members, which may depend on where storages lie. */
function joined(
  binder: Binder,
  step: JoinedStep,
  at: number,
  operand: (value: Value) => Operand,
): Prepared[] {
  const groups = new Map<string, Member[]>();
  const names = new Map<GpuBuffer, number>();
  const nameOf = (buffer: GpuBuffer): number => {
    if (!names.has(buffer)) names.set(buffer, names.size);
    return names.get(buffer)!;
  };
  // A reduction of single inputs reads several buffers at once.
  const apart = step.members[0]!.join.reduce !== undefined && step.members[0]!.inputs.length === 1;
  for (const member of step.members) {
    const key = [...(apart ? [] : member.inputs), member.output]
      .map((value) => nameOf(operand(value).buffer))
      .join();
    groups.set(key, [...(groups.get(key) ?? []), member]);
  }
  const guard = step.guard && operand(step.guard);
  return [...groups.values()].flatMap((members) => {
    const { formula, scalar, reduce, count } = members[0]!.join;
    if (reduce) {
      const several = apart ? byBuffers(members, operand, binder.bindings - 2) : [members];
      return several.flatMap((some) => reduced(binder, some, at, operand));
    }
    if (members.length === 1) {
      const { inputs, output } = members[0]!;
      const program = linearMap(formula, scalar, guard !== undefined);
      return [
        {
          program,
          inputs: [...inputs.map(operand), ...(guard ? [guard] : [])],
          outputs: [operand(output)],
          params: [count],
          groups: Math.ceil(count / 64),
          step: at,
        },
      ];
    }
    const rows = members.flatMap(({ inputs, output, join }) =>
      chunks(join.count, CHUNK.map).map(([start, length]) => [
        length,
        place(operand(output)) + start,
        ...inputs.map((value, k) => place(operand(value)) + (scalar[k] ? 0 : start)),
      ]),
    );
    return [
      {
        program: joinedMap(formula, scalar, guard !== undefined),
        inputs: [...wholes(members, operand), table(binder, rows), ...(guard ? [guard] : [])],
        outputs: [whole(operand(members[0]!.output))],
        params: [rows.length],
        groups: rows.length,
        step: at,
      },
    ];
  });
}

/** Divides members with one input each so that the inputs of each group lie in at most `most` buffers. */
function byBuffers(members: readonly Member[], operand: (value: Value) => Operand, most: number): Member[][] {
  const buffers = new Map<GpuBuffer, Member[]>();
  for (const member of members) {
    const { buffer } = operand(member.inputs[0]!);
    buffers.set(buffer, [...(buffers.get(buffer) ?? []), member]);
  }
  const all = [...buffers.values()];
  return Array.from({ length: Math.ceil(all.length / most) }, (_, n) =>
    all.slice(n * most, (n + 1) * most).flat(),
  );
}

/** Sums in two steps: of parts, and of the parts' sums. */
function reduced(
  binder: Binder,
  members: readonly Member[],
  at: number,
  operand: (value: Value) => Operand,
): Prepared[] {
  const { formula, scalar, reduce } = members[0]!.join;
  const parts = members.map(({ join }) => chunks(join.count, CHUNK.reduce));
  const single = parts.every((list) => list.length === 1);
  const sources =
    members[0]!.inputs.length === 1
      ? [
          ...new Map(
            members.map(({ inputs }) => [operand(inputs[0]!).buffer, whole(operand(inputs[0]!))]),
          ).values(),
        ]
      : wholes(members, operand);
  const numbered = members[0]!.inputs.length === 1 && sources.length > 1;
  let next = 0;
  const rows = members.flatMap(({ inputs, output }, m) =>
    parts[m]!.map(([start, length]) => [
      length,
      single ? place(operand(output)) : next++,
      ...inputs.map((value, k) => place(operand(value)) + (scalar[k] ? 0 : start)),
      ...(numbered ? [sources.findIndex(({ buffer }) => buffer === operand(inputs[0]!).buffer)] : []),
    ]),
  );
  const target = whole(operand(members[0]!.output));
  const partial: Operand = single
    ? target
    : {
        buffer: binder.constant(new Uint32Array(Math.max(4, next)), false),
        offset: 0,
        dtype: 'float32',
        count: next,
      };
  const first: Prepared = {
    program: joinedReduce(formula, scalar, reduce!, numbered ? sources.length : 1),
    inputs: [...sources, table(binder, rows)],
    outputs: [partial],
    params: [rows.length],
    groups: rows.length,
    step: at,
  };
  if (single) return [first];
  let from = 0;
  const sums = members.map(({ output }, m) => {
    const row = [parts[m]!.length, place(operand(output)), from];
    from += parts[m]!.length;
    return row;
  });
  const second: Prepared = {
    program: joinedReduce({ kind: 'input', index: 0 }, [false], reduce!),
    inputs: [partial, table(binder, sums)],
    outputs: [target],
    params: [sums.length],
    groups: sums.length,
    step: at,
  };
  return [first, second];
}

/** Position of a value in its buffer, in elements. */
const place = ({ offset }: Operand): number => offset / 4;

/** A buffer up to its end, as an operand whose positions count from its start. */
const whole = ({ buffer, dtype }: Operand): Operand => ({ buffer, offset: 0, dtype, count: buffer.size / 4 });

const wholes = (members: readonly Member[], operand: (value: Value) => Operand): Operand[] =>
  members[0]!.inputs.map((value) => whole(operand(value)));

function table(binder: Binder, rows: readonly (readonly number[])[]): Operand {
  const data = Uint32Array.from(rows.flat());
  return { buffer: binder.constant(data, false), offset: 0, dtype: 'int32', count: data.length };
}

/** Start and length of parts of at most `size` elements; one empty part if there are no elements. */
const chunks = (count: number, size: number): [number, number][] =>
  Array.from({ length: Math.max(1, Math.ceil(count / size)) }, (_, n) => [
    n * size,
    Math.min(size, count - n * size),
  ]);
