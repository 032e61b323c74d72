import type { Graph } from '../../graph/graph.js';
import { sizeOf } from '../../graph/types.js';
import { PlanBuilder } from '../plan/builder.js';
import type { Region } from '../plan/region.js';
import type { Bind, NewStep, PlanStep } from '../plan/step.js';
import { VectorSteps } from '../simd/chain.js';
import type { KernelPool } from '../simd/pool.js';
import type { Algorithms } from './algorithms.js';
import { bytesFor, type WasmMemory } from './memory.js';

/** A value of a plan, row-major. */
export interface Value {
  readonly region: Region;
}

/** Work of a step. */
interface Work {
  readonly bind: Bind;
}

/** Builds a plan on a WebAssembly memory. */
export class WasmBuilder extends PlanBuilder<Value, Work> {
  /** The storages, by slot. */
  readonly slots: readonly Region[];
  readonly vectors: VectorSteps<Value, Work>;
  /** Memory for values that are computed from storages, and kept until these change. */
  readonly kept: Region[] = [];
  /** Steps that compute these, before all others. */
  readonly preparations: (PlanStep & Work)[] = [];
  readonly #written: ReadonlySet<number>;

  constructor(
    graph: Graph,
    readonly memory: WasmMemory,
    readonly pool: KernelPool,
    readonly algorithms: Algorithms,
  ) {
    super(graph, () => false);
    this.vectors = new VectorSteps(this, pool, (bind) => ({ bind }));
    this.#written = new Set(graph.updates.map(({ slot }) => slot));
    this.slots = graph.storages.map((node, slot) => ({
      bytes: this.bytesOf(node),
      slot,
      first: 0,
      last: 0,
      offset: 0,
    }));
  }

  /** Bytes of a node's value. */
  bytesOf(i: number): number {
    const { dtype, shape } = this.node(i);
    return bytesFor(dtype, sizeOf(shape));
  }

  regionOf(i: number): Region {
    return this.value(i).region;
  }

  define(i: number, region: Region): void {
    this.values[i] = { region };
  }

  /** New memory for a node's result. */
  newRegion(i: number): Region {
    return this.region(this.bytesOf(i));
  }

  /**
   * Adds a step that computes a node: `run` gets the addresses of the values that it reads, then the result's.
   * @param nodes the nodes that it computes, of which the last is the result
   */
  emitNode(
    nodes: readonly number[],
    reads: readonly Region[],
    result: Region,
    kernel: string,
    run: (addresses: readonly number[]) => () => void,
  ): void {
    this.emit({
      ...this.label(nodes),
      kernel,
      touches: [...reads, result],
      writes: result.slot !== undefined,
      bind: (at) => run([...reads, result].map(at)),
    });
    this.define(nodes.at(-1)!, result);
  }

  /** Adds a step that copies a value. */
  emitCopy(i: number, from: Region, to: Region): void {
    const bytes = this.bytesOf(i);
    this.emit({
      op: 'copy',
      scope: this.node(i).scope,
      kernel: 'copy',
      macs: 0,
      touches: [from, to],
      writes: to.slot !== undefined,
      bind: (at) => {
        const [source, target] = [from, to].map((region) => this.memory.bytes(at(region), bytes));
        return () => target!.set(source!);
      },
    });
  }

  /**
   * Memory for the result of nodes whose kernel reads each element before it writes the same position: the storage that
   * the result updates, else an input of the same size that nothing else reads, else new memory.
   */
  placeOver(nodes: readonly number[], inputs: readonly number[]): Region {
    const root = nodes.at(-1)!;
    const slot = this.targetSlot(root, nodes);
    if (slot !== undefined) return this.slots[slot]!;
    const size = sizeOf(this.node(root).shape);
    const over = inputs.find(
      (input) =>
        sizeOf(this.node(input).shape) === size &&
        this.node(input).dtype === this.node(root).dtype &&
        this.regionOf(input).slot === undefined &&
        this.onlyReaders(input, nodes),
    );
    return over === undefined ? this.newRegion(root) : this.regionOf(over);
  }

  /** Whether this is the memory of a storage that the plan does not write. */
  isConstant({ slot }: Region): boolean {
    return slot !== undefined && !this.#written.has(slot);
  }

  /** Memory that keeps what is computed from a storage; undefined if the plan writes it, or if it is no storage. */
  packed(storage: Region, bytes: number): Region | undefined {
    if (!this.isConstant(storage)) return undefined;
    const region: Region = { bytes, packs: storage.slot!, first: 0, last: 0, offset: 0 };
    this.kept.push(region);
    return region;
  }

  /** Adds a step that fills memory of `packed`. */
  prepare(step: NewStep<Work>): void {
    this.preparations.push({ ...step, node: this.current });
  }

  /** Memory for a node's result that does not overlap the inputs, since its kernel writes while it still reads them. */
  placeApart(i: number, nodes: readonly number[] = [i]): Region {
    const slot = this.targetSlot(i, nodes);
    const reads = nodes.some((node) =>
      this.node(node).inputs.some((input) => this.values[input]?.region.slot === slot),
    );
    return slot === undefined || reads ? this.newRegion(i) : this.slots[slot]!;
  }
}
