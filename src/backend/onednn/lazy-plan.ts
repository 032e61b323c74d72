import type { Graph } from '../../graph/graph.js';
import type { TypedArray } from '../../graph/types.js';
import type { Plan, PlanStats, ProfileRow } from '../backend.js';
import type { KeptCopies } from '../plan/kept.js';
import type { BuiltPlan } from './plan.js';

/** The part of the engine that a plan uses. */
export interface PlanHost {
  readonly kept: KeptCopies;
  /** Builds the steps of a plan for the present layouts of the storages. */
  build(graph: Graph, storages: readonly number[]): BuiltPlan;
  /** Reorders storages whose layout may still change. @returns whether all have the layouts that the plan expects */
  prepare(plan: BuiltPlan, graph: Graph, storages: readonly number[]): boolean;
  arenaFor(plan: BuiltPlan): number;
  versionOf(id: number): number;
  addressOf(id: number): number;
}

/** A plan built at its first run, when the layouts of its storages are known, and rebuilt if they change. */
export class LazyPlan implements Plan {
  #built: BuiltPlan | undefined;

  constructor(
    readonly engine: PlanHost,
    readonly graph: Graph,
  ) {}

  get stats(): PlanStats {
    return (
      this.#built?.stats ?? {
        primitives: 0,
        reorders: 0,
        arenaBytes: 0,
        packedBytes: 0,
        scripted: [],
        compileSeconds: 0,
      }
    );
  }

  run(feeds: readonly TypedArray[], storages: readonly number[]): TypedArray[] {
    return this.#ready(storages).run(feeds, this.#versions(storages));
  }

  profile(feeds: readonly TypedArray[], storages: readonly number[]): ProfileRow[] {
    return this.#ready(storages).profile(feeds, this.#versions(storages));
  }

  #versions(storages: readonly number[]): number[] {
    return storages.map((id) => this.engine.versionOf(id));
  }

  #ready(storages: readonly number[]): BuiltPlan {
    let built = (this.#built ??= this.engine.build(this.graph, storages));
    // Twice at most for each storage: it settles in a layout, and may find no memory within reach of vector kernels.
    while (!this.engine.prepare(built, this.graph, storages)) {
      this.dispose();
      built = this.#built = this.engine.build(this.graph, storages);
    }
    this.engine.kept.use(built, built.packedBytes);
    built.bind(
      this.engine.arenaFor(built),
      storages.map((id) => this.engine.addressOf(id)),
    );
    return built;
  }

  dispose(): void {
    if (!this.#built) return;
    this.engine.kept.forget(this.#built);
    this.#built.dispose();
    this.#built = undefined;
  }
}
