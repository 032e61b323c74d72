import { DeviceError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import type { TypedArray } from '../../graph/types.js';
import type { ProfileRow } from '../backend.js';
import type { PlanStep } from './step.js';

/** A step with addresses. */
export interface BoundStep extends Pick<PlanStep, 'op' | 'scope' | 'kernel' | 'macs' | 'packs' | 'writes'> {
  readonly run: () => void;
}

/** A plan with addresses. */
export interface BoundPlan {
  readonly steps: readonly BoundStep[];
  readonly feeds: readonly TypedArray[];
  readonly outputs: readonly TypedArray[];
  /** The guard's value, and the index of the first step that runs after it is computed. */
  readonly guard: { readonly value: TypedArray; readonly before: number } | undefined;
}

/** Runs the steps of a plan on the memory that they are bound to. */
export class Execution {
  #bound: BoundPlan | undefined;
  #seconds = 0;
  /** Indices of the steps that always run, and the storages that others pack. */
  #always: readonly number[] = [];
  #packed: readonly number[] = [];
  /** Version of each storage from which its packed copies were made. */
  #packedFrom: readonly number[] = [];

  /** @param numbers where to put the graph's numbers, by their leaves */
  constructor(
    readonly graph: Graph,
    private readonly numbers: ReadonlyMap<number, TypedArray>,
  ) {}

  get bound(): BoundPlan | undefined {
    return this.#bound;
  }

  /** @param bound undefined if the memory that the plan is bound to is freed, packed copies included */
  bind(bound: BoundPlan | undefined): void {
    this.#bound = bound;
    if (!bound) this.#packedFrom = [];
    const steps = bound?.steps ?? [];
    this.#always = steps.flatMap(({ packs }, n) => (packs === undefined ? [n] : []));
    this.#packed = [...new Set(steps.flatMap(({ packs }) => packs ?? []))];
  }

  /** Total time of all runs. */
  get seconds(): number {
    return this.#seconds;
  }

  /** @param versions content version of each storage, by slot; needed if steps pack storages */
  run(feeds: readonly TypedArray[], versions: readonly number[] = []): TypedArray[] {
    const { outputs, guard } = this.#bound!;
    this.#feed(feeds);
    const due = this.#due(versions);
    const started = performance.now();
    if (guard) runGuarded(this.#bound!.steps, due, guard);
    else for (const n of due) this.#bound!.steps[n]!.run();
    this.#seconds += (performance.now() - started) / 1000;
    return outputs.map((values) => values.slice());
  }

  /** @param layoutsOf layouts of a step's operands */
  profile(
    feeds: readonly TypedArray[],
    versions: readonly number[] = [],
    layoutsOf?: (step: number) => string[],
  ): ProfileRow[] {
    this.#feed(feeds);
    return this.#due(versions).map((n) => {
      const { op, scope, kernel, macs, run } = this.#bound!.steps[n]!;
      const started = performance.now();
      run();
      const milliseconds = performance.now() - started;
      return {
        op,
        scope,
        kernel,
        macs,
        milliseconds,
        ...(layoutsOf ? { layouts: layoutsOf(n) } : {}),
      };
    });
  }

  /** The steps of a run: without those whose packed copies are still up to date. */
  #due(versions: readonly number[]): readonly number[] {
    if (this.#packed.every((slot) => versions[slot] === this.#packedFrom[slot])) return this.#always;
    const due = this.#bound!.steps.flatMap(({ packs }, n) =>
      packs === undefined || versions[packs] !== this.#packedFrom[packs] ? [n] : [],
    );
    this.#packedFrom = [...versions];
    return due;
  }

  #feed(feeds: readonly TypedArray[]): void {
    this.graph.feeds.forEach((i, n) => {
      const data = feeds[n]!;
      const target = this.#bound!.feeds[n]!;
      const number = this.numbers.get(i);
      if (data?.length !== target.length || data.constructor !== (number ?? target).constructor) {
        const { shape, dtype } = this.graph.nodes[i]!;
        throw new DeviceError({
          what: 'A value passed to a plan does not fit',
          expected: `${target.length} values of ${dtype} for [${shape.join(', ')}]`,
          got: data ? `${data.length} of ${data.constructor.name}` : 'nothing',
        });
      }
      target.set(data as never);
      number?.set(data as never);
    });
  }
}

/** Skips the steps that write storages, which all come after the guard, if the guard is NaN or infinite. */
function runGuarded(
  steps: readonly BoundStep[],
  due: readonly number[],
  { value, before }: { readonly value: TypedArray; readonly before: number },
): void {
  let held: boolean | undefined;
  for (const n of due) {
    if (n >= before) held ??= !Number.isFinite(value[0]);
    if (!held || !steps[n]!.writes) steps[n]!.run();
  }
}
