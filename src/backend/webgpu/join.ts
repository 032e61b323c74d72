import type { PlanStep } from '../plan/step.js';
import type { Dispatch, Joinable, Value, WebGpuBuilder, Work } from './builder.js';

/** A step of a plan. */
export type Step = PlanStep & Work;

/** One of the values that a joined kernel computes. */
export interface Member {
  readonly join: Joinable;
  readonly inputs: readonly Value[];
  readonly output: Value;
}

/** Equal work on several values, as one step. */
export interface JoinedStep extends PlanStep {
  readonly members: readonly Member[];
  /** Nothing is written if it is NaN or infinite. */
  readonly guard: Value | undefined;
}

export type FinalStep = Step | JoinedStep;

const regionsOf = (values: readonly Value[]) => values.map(({ region }) => region);

/** Regions that a step reads and writes. */
interface Effects {
  readonly reads: Set<object>;
  readonly writes: Set<object>;
}

function effects(step: FinalStep): Effects {
  if ('members' in step)
    return {
      reads: new Set([
        ...step.members.flatMap(({ inputs }) => regionsOf(inputs)),
        ...(step.guard ? [step.guard.region] : []),
      ]),
      writes: new Set(step.members.map(({ output }) => output.region)),
    };
  const { inputs, outputs } =
    'host' in step ? { inputs: step.host.inputs, outputs: [step.host.output] } : step.dispatch;
  return { reads: new Set(regionsOf(inputs)), writes: new Set(regionsOf(outputs)) };
}

const meets = (a: ReadonlySet<object>, b: ReadonlySet<object>): boolean => [...a].some((one) => b.has(one));

/** Whether a step may run behind all others: none of them uses what it writes, or writes what it reads. */
function mayMoveLast(known: readonly Effects[], at: number): boolean {
  const own = known[at]!;
  return known
    .slice(at + 1)
    .every(
      ({ reads, writes }) =>
        !meets(reads, own.writes) && !meets(writes, own.writes) && !meets(writes, own.reads),
    );
}

/**
 * Joins steps that do equal elementwise work, such as the updates of all parameters, where no step between them depends
 * on the order. The joined step runs where the first of them stood, or, if they may be late, where the last did.
 */
export function joinSteps(b: WebGpuBuilder): FinalStep[] {
  const done: FinalStep[] = [];
  /** Effects of each of the steps in `done`. */
  const known: Effects[] = [];
  const latest = new Map<string, number>();
  const joinTo = (at: number, step: Step, member: Member, { reads, writes }: Effects): void => {
    const first = done[at] as JoinedStep;
    done[at] = {
      ...first,
      macs: first.macs + step.macs,
      members: [...first.members, member],
      touches: [...new Set([...first.touches, ...step.touches])],
    };
    for (const region of reads) known[at]!.reads.add(region);
    for (const region of writes) known[at]!.writes.add(region);
  };
  for (const step of b.steps) {
    const join = 'dispatch' in step ? step.dispatch.join : undefined;
    const own = effects(step);
    if (!join) {
      done.push(step);
      known.push(own);
      continue;
    }
    const { dispatch } = step as PlanStep & { dispatch: Dispatch };
    const guard = b.guardOf(dispatch.outputs[0]!);
    const member: Member = {
      join,
      inputs: guard ? dispatch.inputs.slice(0, -1) : dispatch.inputs,
      output: dispatch.outputs[0]!,
    };
    const key = `${join.key} ${step.writes} ${guard ? 'guarded' : ''}`;
    const at = latest.get(key);
    const free =
      at !== undefined &&
      known
        .slice(at)
        .every(
          ({ reads, writes }) =>
            !meets(writes, own.reads) && !meets(writes, own.writes) && !meets(reads, own.writes),
        );
    if (!free && at !== undefined && join.late && mayMoveLast(known, at)) {
      const end = done.length - 1;
      done.push(done.splice(at, 1)[0]!);
      known.push(known.splice(at, 1)[0]!);
      for (const [other, place] of latest) if (place > at) latest.set(other, place - 1);
      latest.set(key, end);
      joinTo(end, step, member, own);
      continue;
    }
    if (!free) {
      latest.set(key, done.length);
      done.push({ ...step, members: [member], guard });
      known.push(own);
      continue;
    }
    joinTo(at, step, member, own);
  }
  return done;
}
