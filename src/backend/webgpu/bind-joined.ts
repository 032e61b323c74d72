import type { GpuBuffer } from './api.js';
import { bindingsOf, type Operand, pieceOf } from './bindings.js';
import type { Value } from './builder.js';
import type { Binder, Prepared } from './commands.js';
import type { JoinedStep, Member } from './join.js';
import { CHUNK, joinedMap, joinedReduce } from './kernels/joined.js';
import { linearMap } from './kernels/linear.js';

/** A kernel of a joined step. */
type Part = Omit<Prepared, 'step' | 'macs' | 'about'>;

/** Where a value lies. */
type Find = (value: Value) => Operand;

/** Members whose operands lie in the same buffers. */
interface BufferSet {
  readonly inputs: readonly GpuBuffer[];
  readonly output: GpuBuffer;
  readonly members: Member[];
}

/**
 * The kernels of a joined step, as few as there may be: large values have buffers of their own, and a kernel can use a
 * limited number of buffers. Which buffers its members use may depend on where storages lie.
 */
export function joinedParts(binder: Binder, step: JoinedStep, operand: Find): Part[] {
  const { members } = step;
  if (members[0]!.join.reduce) return reductions(binder, members, operand);
  const guard = step.guard && operand(step.guard);
  // The table and the guard have bindings too.
  const room = binder.bindings - (guard ? 2 : 1);
  return packed(setsOf(members, operand), (sets) => bindingsFor(buffersOf(sets), binder) <= room).flatMap(
    (sets) => mapped(binder, sets, guard, room, operand),
  );
}

function setsOf(members: readonly Member[], operand: Find): BufferSet[] {
  const sets = new Map<string, BufferSet>();
  const names = new Map<GpuBuffer, number>();
  const nameOf = (buffer: GpuBuffer): number => {
    if (!names.has(buffer)) names.set(buffer, names.size);
    return names.get(buffer)!;
  };
  for (const member of members) {
    const inputs = member.inputs.map((value) => operand(value).buffer);
    const output = operand(member.output).buffer;
    const key = [...inputs, output].map(nameOf).join();
    const known = sets.get(key);
    if (known) known.members.push(member);
    else sets.set(key, { inputs, output, members: [member] });
  }
  return [...sets.values()];
}

/** Divides sets so that each part fits, or is a single set. */
function packed(sets: readonly BufferSet[], fits: (sets: readonly BufferSet[]) => boolean): BufferSet[][] {
  const parts: BufferSet[][] = [];
  for (const set of sets) {
    const part = parts.find((some) => fits([...some, set]));
    if (part) part.push(set);
    else parts.push([set]);
  }
  return parts;
}

const inputsOf = (sets: readonly BufferSet[]): GpuBuffer[] => [
  ...new Set(sets.flatMap(({ inputs }) => inputs)),
];
const outputsOf = (sets: readonly BufferSet[]): GpuBuffer[] => [...new Set(sets.map(({ output }) => output))];
const buffersOf = (sets: readonly BufferSet[]): GpuBuffer[] => [
  ...new Set([...inputsOf(sets), ...outputsOf(sets)]),
];

/** Number of bindings of whole buffers. */
const bindingsFor = (buffers: readonly GpuBuffer[], { limit }: Binder): number =>
  buffers.reduce((sum, { size }) => sum + Math.ceil(size / pieceOf(limit)), 0);

/** Elementwise work on the members of some sets. */
function mapped(
  binder: Binder,
  sets: readonly BufferSet[],
  guard: Operand | undefined,
  room: number,
  operand: Find,
): Part[] {
  const members = sets.flatMap((set) => set.members);
  const alone = members.length === 1 || bindingsFor(buffersOf(sets), binder) > room;
  if (alone) return members.flatMap((member) => linear(binder, member, guard, operand));
  const { formula, scalar } = members[0]!.join;
  const [inputs, outputs] = [inputsOf(sets), outputsOf(sets)];
  const rows = sets.flatMap((set, s) =>
    set.members.flatMap(({ inputs: read, output, join: { count } }) =>
      chunks(count, count < CHUNK.large ? CHUNK.map : CHUNK.largeMap).map(([start, length]) => [
        length,
        place(operand(output)) + start,
        ...read.map((value, k) => place(operand(value)) + (scalar[k] ? 0 : start)),
        ...(sets.length > 1 ? [s] : []),
      ]),
    ),
  );
  const program = joinedMap(formula, scalar, {
    guarded: guard !== undefined,
    inputs: inputs.length,
    outputs: outputs.length,
    sets: sets.map((set) => ({
      inputs: set.inputs.map((buffer) => inputs.indexOf(buffer)),
      output: outputs.indexOf(set.output),
    })),
  });
  return [
    {
      program,
      inputs: [...inputs.map(wholeOf), table(binder, rows), ...(guard ? [guard] : [])],
      outputs: outputs.map(wholeOf),
      params: [rows.length],
      groups: rows.length,
    },
  ];
}

/** Elementwise work on one member: on windows of it if it takes more bindings than a kernel has. */
function linear(
  binder: Binder,
  { join, inputs, output }: Member,
  guard: Operand | undefined,
  operand: Find,
): Part[] {
  const { formula, scalar, count } = join;
  const program = linearMap(formula, scalar, guard !== undefined);
  const part = (start: number, length: number): Part => {
    const window = (value: Value): Operand => {
      const whole = operand(value);
      return { ...whole, offset: whole.offset + 4 * start, count: length };
    };
    return {
      program,
      inputs: [
        ...inputs.map((value, k) => (scalar[k] ? operand(value) : window(value))),
        ...(guard ? [guard] : []),
      ],
      outputs: [window(output)],
      params: [length],
      groups: Math.ceil(length / 64),
    };
  };
  const all = part(0, count);
  const { slots } = bindingsOf(program, all.inputs, all.outputs, binder.limit);
  if (slots.length <= binder.bindings) return [all];
  // A window that does not begin at an aligned place has a few bytes more.
  const size = Math.max(64, pieceOf(binder.limit) / 4 - 64);
  return chunks(count, size).map(([start, length]) => part(start, length));
}

function reductions(binder: Binder, members: readonly Member[], operand: Find): Part[] {
  // A reduction of single inputs reads several buffers at once.
  if (members[0]!.inputs.length > 1)
    return setsOf(members, operand).flatMap((set) => reduced(binder, set.members, operand));
  const groups = new Map<GpuBuffer, Member[]>();
  for (const member of members) {
    const { buffer } = operand(member.output);
    groups.set(buffer, [...(groups.get(buffer) ?? []), member]);
  }
  // The table and the result have bindings too.
  const fits = (sets: readonly BufferSet[]): boolean =>
    bindingsFor(inputsOf(sets), binder) <= binder.bindings - 2;
  return [...groups.values()]
    .flatMap((some) => packed(setsOf(some, operand), fits))
    .flatMap((sets) => {
      const all = sets.flatMap((set) => set.members);
      return reduced(binder, all, operand);
    });
}

/** Sums in two steps: of parts, and of the parts' sums. */
function reduced(binder: Binder, members: readonly Member[], operand: Find): Part[] {
  const { formula, scalar, reduce } = members[0]!.join;
  const parts = members.map(({ join }) => chunks(join.count, CHUNK.reduce));
  const single = parts.every((list) => list.length === 1);
  // Only members with a single input may have it in different buffers.
  const buffers =
    members[0]!.inputs.length === 1
      ? [...new Set(members.map(({ inputs }) => operand(inputs[0]!).buffer))]
      : members[0]!.inputs.map((value) => operand(value).buffer);
  const numbered = members[0]!.inputs.length === 1 && buffers.length > 1;
  let next = 0;
  const rows = members.flatMap(({ inputs, output }, m) =>
    parts[m]!.map(([start, length]) => [
      length,
      single ? place(operand(output)) : next++,
      ...inputs.map((value, k) => place(operand(value)) + (scalar[k] ? 0 : start)),
      ...(numbered ? [buffers.indexOf(operand(inputs[0]!).buffer)] : []),
    ]),
  );
  const target = wholeOf(operand(members[0]!.output).buffer);
  const partial: Operand = single
    ? target
    : {
        buffer: binder.constant(new Uint32Array(Math.max(4, next)), false),
        offset: 0,
        dtype: 'float32',
        count: next,
      };
  const first: Part = {
    program: joinedReduce(formula, scalar, reduce!, numbered ? buffers.length : 1),
    inputs: [...buffers.map(wholeOf), table(binder, rows)],
    outputs: [partial],
    params: [rows.length],
    groups: rows.length,
  };
  if (single) return [first];
  let from = 0;
  const sums = members.map(({ output }, m) => {
    const row = [parts[m]!.length, place(operand(output)), from];
    from += parts[m]!.length;
    return row;
  });
  const second: Part = {
    program: joinedReduce({ kind: 'input', index: 0 }, [false], reduce!),
    inputs: [partial, table(binder, sums)],
    outputs: [target],
    params: [sums.length],
    groups: sums.length,
  };
  return [first, second];
}

/** Position of a value in its buffer, in elements. */
const place = ({ offset }: Operand): number => offset / 4;

/** A buffer of float32 values, as an operand whose positions count from its start. */
const wholeOf = (buffer: GpuBuffer): Operand => ({
  buffer,
  offset: 0,
  dtype: 'float32',
  count: buffer.size / 4,
});

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
