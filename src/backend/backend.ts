import type { Graph, GraphKey } from '../graph/graph.js';
import type { Feed, Spec, TypedArray } from '../graph/types.js';
import type { PRECISIONS } from './device-names.js';

/**
 * Number type of the inputs of large layers. Parameters, their gradients, accumulation and optimizer state are always
 * float32. `auto` selects bfloat16 (onednn) or float16 (webgpu) if it is measurably faster on this machine.
 */
export type Precision = (typeof PRECISIONS)[number];
/** Number types of the engines of the processor. */
export type ProcessorPrecision = Exclude<Precision, 'float16'>;

/** Engine metadata, shown by `doctor` and stored with runs. */
export interface EngineInfo {
  /** `onednn`, `wasm` or `reference`. */
  readonly engine: string;
  /** Version and path of the library that it calls, if it calls one. */
  readonly version: string;
  readonly library?: string;
  readonly threads: number;
  /** Number type of large layers. */
  readonly precision: Exclude<Precision, 'auto'>;
  /** Instruction set that the engine uses, as the library names it. */
  readonly isa?: string;
  /** Whether a GPU is a software adapter. */
  readonly software?: boolean;
}

/** Name of the chosen implementation, keyed by workload (layer type, direction and sizes). */
export type Kernels = Readonly<Record<string, string>>;

/** Counters of one compiled plan. Apart from times they are exact, so tests and benchmarks may compare them. */
export interface PlanStats {
  readonly primitives: number;
  readonly reorders: number;
  /** Bytes of intermediate values and scratch memory, after sharing memory between values that are not live together. */
  readonly arenaBytes: number;
  /** Bytes of copies of weights in another layout or type; 0 while other plans' copies need the memory. */
  readonly packedBytes: number;
  /** Operations that run as TypeScript kernels, by name. */
  readonly scripted: readonly string[];
  readonly compileSeconds: number;
  /** Total time of all runs, if the engine measures it. */
  readonly runSeconds?: number;
}

/** Time of one step of a plan in the last profiled run. */
export interface ProfileRow {
  readonly op: string;
  readonly scope: string;
  readonly kernel: string;
  readonly milliseconds: number;
  readonly macs: number;
  /** Memory layout of each operand, such as `src aBcd16b`; left out by engines with one layout only. */
  readonly layouts?: readonly string[];
}

/** A compiled graph. */
export interface Plan {
  readonly stats: PlanStats;
  /** Runs the graph and writes its updates; `storages` are ids, in the graph's order. Returns the outputs. */
  run(feeds: readonly TypedArray[], storages: readonly number[]): TypedArray[];
  /** Like `run`, but measures the time of each step. */
  profile?(feeds: readonly TypedArray[], storages: readonly number[]): ProfileRow[];
  dispose(): void;
}

/**
 * A backend: compiles whole graphs and owns the storages. Synchronous and bound to one thread; users reach it through
 * a `Device`, which runs it on the calling thread or in a worker.
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
  /** See `Device.kernels`; left out by engines with one implementation of everything. */
  kernels?(keep: Kernels): Kernels;
  /** Rate of float32 n × n matrix products in GFLOP/s, as a measure of the machine; left out by slow engines. */
  sgemmRate?(n: number, repeats: number): number;
  close(): void;
}

/**
 * Stores tensors and runs graphs. Calls are queued in order and do not block. An error rejects the promise of the call
 * that failed and of every later call that needs its results.
 */
export interface Device {
  readonly name: string;
  /** If a feed is a promise, this run and all later calls wait for it. */
  run(
    key: GraphKey,
    graph: Graph,
    feeds: readonly Feed[],
    storages: readonly number[],
  ): Promise<TypedArray[]>;
  write(id: number, spec: Spec, data: TypedArray): void;
  read(id: number): Promise<TypedArray>;
  /** Fills `into`, which must be in shared memory, with values from position `start` on. */
  readInto(id: number, start: number, into: TypedArray): Promise<void>;
  free(id: number): void;
  info(): Promise<EngineInfo>;
  /** Counters of each plan compiled so far. */
  stats(): Promise<PlanStats[]>;
  profile(
    key: GraphKey,
    graph: Graph,
    feeds: readonly Feed[],
    storages: readonly number[],
  ): Promise<ProfileRow[]>;
  /**
   * The implementations chosen on this machine so far. They affect the last bits of results.
   * @param keep earlier choices, which plans compiled from now on use
   */
  kernels(keep?: Kernels): Promise<Kernels>;
  sgemmRate(n: number, repeats: number): Promise<number | undefined>;
  close(): Promise<void>;
}
