import type { Region } from '../plan/region.js';
import type { GpuBuffer } from './api.js';
import type { Operand } from './bindings.js';
import type { HostWork, Value } from './builder.js';
import { type Binder, type Command, commandsOf, fastest, type Place, type Prepared } from './commands.js';
import type { FinalStep, JoinedStep, Member } from './join.js';
import { CHUNK, joinedMap, joinedReduce } from './kernels/joined.js';
import { linearMap } from './kernels/linear.js';

/** Compiles and binds the steps of a plan. */
export async function bindSteps(
  binder: Binder,
  steps: readonly FinalStep[],
  placeOf: (region: Region) => Place,
): Promise<Command[]> {
  const operand = (value: Value): Operand => {
    const { buffer, offset } = placeOf(value.region);
    const { dtype, count, half = false } = value;
    return { buffer, offset: offset + value.start, dtype, count, half };
  };
  const prepared = steps.flatMap((step, at): (Prepared | { host: HostWork; step: number })[] => {
    if ('host' in step) return [{ host: step.host, step: at }];
    const { op, scope, macs } = step;
    const common = { step: at, macs, about: scope ? `${op} in ${scope}` : op };
    if ('members' in step) return joined(binder, step, operand).map((kernel) => ({ ...kernel, ...common }));
    const { inputs, outputs, ...rest } = step.dispatch;
    return [{ ...rest, ...common, inputs: inputs.map(operand), outputs: outputs.map(operand) }];
  });
  // One after another, since trials of kernels would disturb each other.
  const chosen: typeof prepared = [];
  for (const one of prepared) chosen.push('host' in one ? one : await fastest(binder, one));
  const commands = chosen.map(async (one) => ('host' in one ? [one] : commandsOf(binder, one)));
  return (await Promise.all(commands)).flat();
}

/** A kernel of a joined step. */
type Part = Omit<Prepared, 'step' | 'macs' | 'about'>;

/** Splits a joined step by the buffers of its members, which may depend on where storages lie. */
function joined(binder: Binder, step: JoinedStep, operand: (value: Value) => Operand): Part[] {
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
      return several.flatMap((some) => reduced(binder, some, operand));
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
function reduced(binder: Binder, members: readonly Member[], operand: (value: Value) => Operand): Part[] {
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
  const first: Part = {
    program: joinedReduce(formula, scalar, reduce!, numbered ? sources.length : 1),
    inputs: [...sources, table(binder, rows)],
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
