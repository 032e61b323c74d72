import { DeviceError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import { bytesOf, sizeOf, type TypedArray } from '../../graph/types.js';
import { describeNode, macsOf } from '../plan/describe.js';
import type { Region } from '../plan/region.js';
import { VectorSteps } from '../simd/chain.js';
import { geluDerivative, isLargeGelu, isPostOp } from './activations.js';
import type { Dims, Dnnl, Md } from './api/dnnl.js';
import type { Arena } from './arena.js';
import { FormBuilder, type SlotLayout } from './forms.js';
import type { Form, Kept, Value, Work } from './ir.js';
import type { KernelChoice } from './kernel-choice.js';
import { arrayAt, MAX_VIEW, tooLarge } from './library/memory.js';
import type { Threads } from './library/threads.js';

/** Builds a plan for oneDNN. */
export class OneDnnBuilder extends FormBuilder {
  /** Workspace memory that a forward primitive passes to its backward primitive, by forward node. */
  readonly workspaces = new Map<number, { md: Md; region: Region } | null>();
  /** Inputs that a forward node keeps for its gradient in runs in which both are corrected. */
  readonly keptInputs = new Map<number, Kept>();
  /** Tensors that are summed over ranks in their place, by the node that starts the sum. */
  readonly summed = new Map<number, Form>();
  readonly training: boolean;
  /** Vector kernels on the arena; undefined if there is no memory for them. */
  readonly vectors: VectorSteps<Value, Work> | undefined;
  /** Frees what steps without a primitive of their own have made. */
  readonly disposers: (() => void)[] = [];

  constructor(
    dnnl: Dnnl,
    graph: Graph,
    layouts: readonly SlotLayout[],
    readonly choice: KernelChoice,
    threads: Threads,
    readonly arena?: Arena,
  ) {
    // Without an arena no vector kernel accesses storages.
    const slots = arena?.pool ? layouts : layouts.map((layout) => ({ ...layout, inside: false }));
    super(dnnl, threads, slots, graph, arena?.pool && ((i, users) => isApart(graph, i, users)), (i) =>
      geluDerivative(graph, i),
    );
    const pool = arena?.pool;
    this.vectors =
      pool &&
      new VectorSteps(this, pool, (bind) => ({
        script: (at) => bind((region) => arena.offsetOf(at(region))),
      }));
    this.training = graph.nodes.some((node) => node.op.includes('Grad'));
  }

  /** True if the node being lowered is the last reader of this input, so that its memory may be overwritten. */
  lastReader(input: number): boolean {
    return (
      this.remainingReaders(input) === 1 &&
      this.value(input).forms[0]!.region.slot === undefined &&
      this.node(this.sourceOf(input)).op !== 'feed'
    );
  }

  /** The storage that a node's result updates, if the node can write it directly. */
  target(i: number): { slot: number; form: Form } | undefined {
    const slot = this.targetSlot(i);
    return slot === undefined ? undefined : { slot, form: this.slots[slot]!.form };
  }

  /** Changes the layout of a storage, if no step uses it yet. */
  settle(leaf: number, dims: Dims, md: Md): void {
    const slot = this.graph.storages.indexOf(leaf);
    if (slot < 0 || !this.slots[slot]!.flexible || !this.dnnl.isBlocked(md)) return;
    // Another input of the node being lowered may already have been given the present layout.
    if (this.node(this.current).inputs.filter((input) => this.sourceOf(input) === leaf).length > 1) return;
    const { region, inside } = this.slots[slot]!;
    region.bytes = this.dnnl.bytes(md);
    const form: Form = { dims, md, region };
    this.slots[slot] = { region, form, flexible: false, inside };
    // In place, since reshapes of the storage share this list.
    this.value(leaf).forms.splice(0, Number.POSITIVE_INFINITY, form);
  }

  isFlexible(leaf: number): boolean {
    const slot = this.graph.storages.indexOf(leaf);
    return slot >= 0 && this.slots[slot]!.flexible;
  }

  /**
   * Adds a step in TypeScript over row-major arrays.
   * @param counts elements of each input, including padding, if that differs from the node's shape
   */
  emitScript(
    i: number,
    inputs: readonly Form[],
    output: Form,
    body: (inputs: TypedArray[], output: TypedArray) => void,
    kernel: string,
    counts: readonly number[] = this.node(i).inputs.map((s) => sizeOf(this.node(s).shape)),
  ): void {
    const { op, scope, inputs: sources, dtype, shape } = this.node(i);
    const types = sources.map((s) => this.node(s).dtype);
    const bytes = Math.max(
      sizeOf(shape) * bytesOf(dtype),
      ...counts.map((count, n) => count * bytesOf(types[n]!)),
    );
    if (bytes > MAX_VIEW)
      throw new DeviceError({
        what: `${describeNode(this.graph, i)} cannot be computed on device "onednn"`,
        ...tooLarge(bytes),
      });
    this.emit({
      op,
      scope,
      kernel,
      macs: macsOf(this.graph, i),
      touches: [...inputs.map((f) => f.region), output.region],
      writes: false,
      script: (at) => {
        const ins = inputs.map((f, n) => arrayAt(at(f.region), types[n]!, counts[n]!));
        const out = arrayAt(at(output.region), dtype, sizeOf(shape));
        return () => body(ins, out);
      },
    });
  }
}

/** Operations with formulas that oneDNN computes by one primitive, or not faster in a cluster. */
const APART = new Set(['addScaled', 'sumOfSquares', 'broadcastTo']);

/** Nodes that are not part of a cluster, such as an activation that the layer before it applies as a post-op. */
function isApart(graph: Graph, i: number, users: readonly (readonly number[])[]): boolean {
  const { nodes } = graph;
  const { op, inputs, shape } = nodes[i]!;
  const [x] = inputs as [number];
  // Matrices are row-major, so a kernel that reads the scalar needs no other layout than a primitive would.
  if (op === 'broadcastTo' && shape.length <= 2 && sizeOf(nodes[x]!.shape) === 1) return false;
  if (APART.has(op) || isLargeGelu(graph, i)) return true;
  return isPostOp(graph, i) && users[x]!.length === 1;
}
