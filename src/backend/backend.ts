import type { Graph } from '../graph/graph.js';
import type { Feed, Spec, TypedArray } from '../graph/types.js';

/**
 * Type of the numbers that large layers compute with. Parameters, gradients of parameters, sums and the optimizer
 * are float32 in any case. `auto` takes bfloat16 where this machine is measurably faster with it.
 */
export type Precision = 'float32' | 'bfloat16' | 'auto';

/** What an engine tells of itself: for `doctor`, logs and run folders. */
export interface EngineInfo {
  /** `reference` or `onednn`. */
  readonly engine: string;
  /** Version of the library behind it, and where that was found. */
  readonly version: string;
  readonly library?: string;
  readonly threads: number;
  /** What large layers compute with. */
  readonly precision: Exclude<Precision, 'auto'>;
  /** Instruction set that the engine uses, in its own words. */
  readonly isa?: string;
}

/** Which of several implementations a piece of work is computed by: names, by the work's own. */
export type Kernels = Readonly<Record<string, string>>;

/** Counters of one compiled plan. They are exact, so tests and benchmarks may compare them. */
export interface PlanStats {
  readonly primitives: number;
  readonly reorders: number;
  /** Bytes of intermediate values and scratch memory, shared by liveness. */
  readonly arenaBytes: number;
  /** Bytes of weights that are kept in another layout or type, beside the weights themselves. */
  readonly packedBytes: number;
  /** Operations that run as TypeScript kernels, by name. */
  readonly scripted: readonly string[];
  readonly compileSeconds: number;
  /** Time spent in the plan's lines over all runs, where the engine takes it. */
  readonly runSeconds?: number;
}

/** Time that one line of a plan took in the last profiled run. */
export interface ProfileRow {
  readonly op: string;
  readonly scope: string;
  readonly kernel: string;
  readonly milliseconds: number;
  readonly macs: number;
  /** Memory layout of each operand in the engine's own words, such as `src aBcd16b`; left out by engines that have one only. */
  readonly layouts?: readonly string[];
}

/** A compiled graph. */
export interface Plan {
  readonly stats: PlanStats;
  /** Runs with the given leaves; `storages` are ids, in the graph's order. Returns the outputs, and has written the updates. */
  run(feeds: readonly TypedArray[], storages: readonly number[]): TypedArray[];
  /** As `run`, with a clock around each line. */
  profile?(feeds: readonly TypedArray[], storages: readonly number[]): ProfileRow[];
  dispose(): void;
}

/**
 * A backend: compiles whole graphs and owns the storages. Synchronous and bound to one thread; a `Device`
 * brings it to the user, in this thread or in a worker.
 */
export interface Engine {
  readonly info: EngineInfo;
  compile(graph: Graph): Plan;
  /** Creates or overwrites a storage, row-major. */
  write(id: number, spec: Spec, data: TypedArray): void;
  /** A copy of a storage's values, row-major. */
  read(id: number): TypedArray;
  /** Copies values from position `start` on, row-major, until `into` is full. */
  readInto(id: number, start: number, into: TypedArray): void;
  free(id: number): void;
  /** As `Device.kernels`; left out by engines that have nothing to choose. */
  kernels?(keep: Kernels): Kernels;
  /** Single-precision matrix product rate in GFLOP/s, the machine's own yardstick; undefined where it has none. */
  sgemmRate?(n: number, repeats: number): number;
  close(): void;
}

/**
 * Where tensors live and graphs run. Calls are queued in order and none of them blocks; a failure rejects the
 * promise of the call that hit it, and that of every later one that needs its results.
 */
export interface Device {
  readonly name: string;
  /** Of feeds that are still to come, the run and all calls after it wait. */
  run(key: string, graph: Graph, feeds: readonly Feed[], storages: readonly number[]): Promise<TypedArray[]>;
  write(id: number, spec: Spec, data: TypedArray): void;
  read(id: number): Promise<TypedArray>;
  /** Fills `into`, which must lie in shared memory, with values from position `start` on. */
  readInto(id: number, start: number, into: TypedArray): Promise<void>;
  free(id: number): void;
  info(): Promise<EngineInfo>;
  /** Counters of each plan compiled so far. */
  stats(): Promise<PlanStats[]>;
  profile(
    key: string,
    graph: Graph,
    feeds: readonly Feed[],
    storages: readonly number[],
  ): Promise<ProfileRow[]>;
  /**
   * The kernels that were chosen on this machine so far. They decide the last bits of results.
   * @param keep choices from before, which plans compiled from now on keep to
   */
  kernels(keep?: Kernels): Promise<Kernels>;
  sgemmRate(n: number, repeats: number): Promise<number | undefined>;
  close(): Promise<void>;
}
