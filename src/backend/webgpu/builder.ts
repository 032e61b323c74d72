import type { Graph } from '../../graph/graph.js';
import { bytesOf, type DType, sizeOf } from '../../graph/types.js';
import type { Formula } from '../../ops/formula.js';
import { PlanBuilder } from '../plan/builder.js';
import { macsOf } from '../plan/describe.js';
import type { Region } from '../plan/region.js';
import type { Program } from './kernels/program.js';
import { OWN_FORMULAS } from './rewrite.js';

/** A value of a plan, row-major, or a part of a region. */
export interface Value {
  readonly region: Region;
  /** Where it begins in the region, in bytes; a multiple of 4. */
  readonly start: number;
  readonly dtype: DType;
  /** Number of elements. */
  readonly count: number;
  /** Whether its float32 elements are stored in float16. */
  readonly half?: boolean;
}

/** A factor of a product, stored in float16 after a multiplication by powers of two. */
export interface HalfFactor {
  readonly values: Value;
  /** The exponents of the powers of two: an int32 for each group of elements. */
  readonly exponents: Value;
}

/** Buffers are bound at multiples of this, the largest alignment that a device may demand. */
export const ALIGNMENT = 256;

/** Number of bytes that a value takes in a buffer: whole words, and at least one. @param half see {@link Value} */
export const roomFor = (dtype: DType, count: number, half = false): number =>
  Math.max(4, Math.ceil((count * (half ? 2 : bytesOf(dtype))) / 4) * 4);

/** Elementwise work on values of one size, which may be joined with equal work on other values. */
export interface Joinable {
  /** Equal for steps that one kernel can do. */
  readonly key: string;
  readonly formula: Formula;
  /** Which inputs are single numbers. */
  readonly scalar: readonly boolean[];
  /** Number of elements. */
  readonly count: number;
  /** The result is needed only at the end of the plan, so that the step may wait for others. */
  readonly late?: boolean;
  /** Present if the elements are then reduced to one. */
  readonly reduce?: 'sum' | 'max';
}

/** A kernel, and its workgroups. */
export interface Variant {
  readonly program: Program;
  /** Number of workgroups: in all, or, if `rows` is given, in each dimension. */
  readonly groups: number;
  readonly rows?: number;
}

/** A kernel and what it works on. */
export interface Dispatch extends Variant {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly params: readonly number[];
  readonly layers?: number;
  readonly join?: Joinable;
  /** Other kernels for the same work, of which one may be faster. */
  readonly others?: readonly Variant[];
  /** Which of `params` begin the numbers of the first workgroup in three dimensions: large work is split there. */
  readonly from?: number;
  /** Steps of the loops of all elements, if they are more than the multiply-adds. */
  readonly steps?: number;
}

/** Work of the thread itself, between two submissions: an exchange with other ranks. */
export interface HostWork {
  readonly node: number;
  readonly inputs: readonly Value[];
  readonly output: Value;
}

/** Work of a step. */
export type Work = { readonly dispatch: Dispatch } | { readonly host: HostWork };

/** Limits of a device that plans depend on. */
export interface Limits {
  /** Largest range of a buffer that a kernel can read, in bytes. */
  readonly binding: number;
  /** Number of values that a kernel can use. */
  readonly bindings: number;
  /** Most lanes of a workgroup, and the bytes of its memory. */
  readonly lanes: number;
  readonly shared: number;
  /** Lanes of the smallest subgroup, if kernels can use subgroups. */
  readonly subgroup?: number;
  /** Whether kernels that compute the same are tried. */
  readonly trials: boolean;
  /** With float16: a product that reads each element of its factors at least this often, on average, stores them so. */
  readonly half?: number;
}

/** Number of buffers that a kernel needs besides the inputs of a group of elementwise operations: result and guard. */
const RESERVED = 2;

/** Largest number of inputs of such a group. */
const MOST_INPUTS = 13;

/** Builds a plan of WebGPU kernels. */
export class WebGpuBuilder extends PlanBuilder<Value, Work> {
  /** The storages, by slot. */
  readonly slots: readonly Value[];
  /** What updates depend on: the guard, or whether all indices are in range as well. */
  verdict: Value | undefined;
  /** Places of maxima that a pooling has found, by the node of its gradient. */
  readonly places = new Map<number, Value>();
  /** Factors of products in float16, by the node whose value they are and the groups of its elements. */
  readonly halves = new Map<string, HalfFactor>();
  /** Gradients of first states that backward passes of recurrent layers have found, by what describes the pass. */
  readonly carried = new Map<string, Value>();

  /** The node whose value lies in a region, or whose kernel writes it. */
  readonly owners = new Map<Region, number>();

  /** @param checked whether kernels check indices, so that no update is written before the end */
  constructor(
    graph: Graph,
    readonly limits: Limits,
    readonly checked: boolean,
  ) {
    super(graph, (i) => graph.nodes[i]!.dtype !== 'float32', undefined, {
      formulas: OWN_FORMULAS,
      inputs: Math.min(MOST_INPUTS, limits.bindings - RESERVED),
    });
    this.slots = graph.storages.map((node, slot) => {
      const value = this.#valueIn(node, {
        bytes: this.roomOf(node),
        slot,
        first: 0,
        last: 0,
        offset: 0,
      });
      return value;
    });
  }

  #valueIn(i: number, region: Region, start = 0): Value {
    const { dtype, shape } = this.node(i);
    return { region, start, dtype, count: sizeOf(shape) };
  }

  /** Number of bindings that a value needs. */
  rangesOf({ dtype, count, half }: Value): number {
    return Math.max(1, Math.ceil(roomFor(dtype, count, half) / this.limits.binding));
  }

  roomOf(i: number): number {
    const { dtype, shape } = this.node(i);
    return roomFor(dtype, sizeOf(shape));
  }

  /** The value of a node as that of another node with the same elements. */
  define(i: number, value: Value): void {
    this.values[i] = { ...this.#valueIn(i, value.region, value.start) };
  }

  /** New memory for a node's result. */
  newValue(i: number): Value {
    const region = this.region(this.roomOf(i));
    this.owners.set(region, i);
    return this.#valueIn(i, region);
  }

  /** New memory for an intermediate value that belongs to no node. */
  scratch(dtype: DType, count: number, half = false): Value {
    return { region: this.region(roomFor(dtype, count, half)), start: 0, dtype, count, half };
  }

  /** Whether a product computes with factors in float16. */
  isHalf(i: number): boolean {
    const { half } = this.limits;
    const { op, inputs } = this.node(i);
    if (half === undefined) return false;
    // Matrices resize images too, whose bytes must not depend on the device.
    const isRounded = this.users[i]!.some((user) => this.node(user).op === 'roundToByte');
    if (op === 'leftMatmul' || isRounded) return false;
    const [left, right] = inputs.map((input) => sizeOf(this.node(input).shape));
    const macs = macsOf(this.graph, i);
    return macs > 0 && macs >= half * (left! + right!);
  }

  /** A part of a value, from a byte on. */
  part(of: Value, start: number, count: number): Value {
    return { region: of.region, start: of.start + start, dtype: of.dtype, count };
  }

  override targetSlot(i: number, nodes: readonly number[] = [i]): number | undefined {
    return this.checked ? undefined : super.targetSlot(i, nodes);
  }

  /** What a step that writes a storage must read before it writes. */
  guardOf(output: Value): Value | undefined {
    return output.region.slot === undefined ? undefined : this.verdict;
  }

  /**
   * Adds a step.
   * @param nodes the nodes that it computes, of which the last is the result
   * @param counts whether the multiply-adds of these nodes are those of this step
   */
  add(nodes: readonly number[], dispatch: Dispatch, counts = true): void {
    const { inputs, outputs } = dispatch;
    const root = nodes.at(-1)!;
    for (const { region } of outputs) if (!this.owners.has(region)) this.owners.set(region, root);
    this.emit({
      op: nodes.map((i) => this.node(i).op).join('+'),
      scope: this.node(root).scope,
      kernel: dispatch.program.kernel,
      macs: counts ? nodes.reduce((sum, i) => sum + macsOf(this.graph, i), 0) : 0,
      touches: [...new Set([...inputs, ...outputs].map(({ region }) => region))],
      writes: outputs.some(({ region }) => region.slot !== undefined),
      dispatch,
    });
  }

  /**
   * Memory for the result of nodes whose kernel reads only position i of the given inputs before it writes position i: the
   * storage that the result updates, else one of these inputs that nothing else reads, else new memory.
   */
  placeOver(nodes: readonly number[], inputs: readonly number[]): Value {
    const root = nodes.at(-1)!;
    const slot = this.targetSlot(root, nodes);
    if (slot !== undefined) return this.slots[slot]!;
    const { dtype, shape } = this.node(root);
    const over = inputs.find((input) => {
      const { region, count, dtype: own, start } = this.value(input);
      return (
        count === sizeOf(shape) &&
        own === dtype &&
        start === 0 &&
        region.slot === undefined &&
        region.bytes === this.roomOf(root) &&
        this.onlyReaders(input, nodes)
      );
    });
    return over === undefined ? this.newValue(root) : this.value(over);
  }

  /** Memory for a result whose kernel reads inputs after it has begun to write: never a storage, which may be an input. */
  placeApart(i: number): Value {
    return this.newValue(i);
  }
}
