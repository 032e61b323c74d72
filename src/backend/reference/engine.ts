import { DeviceError } from '../../errors/errors.js';
import type { Graph, GraphNode } from '../../graph/graph.js';
import {
  bytesOf,
  makeArray,
  type Spec,
  showShape,
  sizeOf,
  type TypedArray,
  withMemory,
} from '../../graph/types.js';
import type { Engine, EngineInfo, Plan, PlanStats, ProfileRow } from '../backend.js';
import { checkFeed, checkFits, checkNumberOf } from '../check-values.js';
import { macsOf } from '../plan/describe.js';
import { type Kernel, kernelOf } from './kernels.js';

interface Held {
  readonly spec: Spec;
  readonly data: TypedArray;
}

/** One operation of a plan, ready to run. */
interface Step {
  readonly at: number;
  readonly node: GraphNode;
  readonly specs: readonly Spec[];
  readonly kernel: Kernel;
  /** Indices of the nodes whose values are not needed after this step. */
  readonly done: readonly number[];
}

/** Operations whose result shares the input's array, since a plan never writes into a computed value. */
const SHARED = new Set(['reshape', 'detach', 'custom']);

/**
 * Engine in plain TypeScript that runs one kernel after the other. It is written for clarity, runs everywhere, and is the
 * reference with which other engines are tested.
 */
export class ReferenceEngine implements Engine {
  readonly info: EngineInfo = { engine: 'reference', version: 'built in', threads: 1, precision: 'float32' };
  readonly #storages = new Map<number, Held>();

  compile(graph: Graph): Plan {
    const began = performance.now();
    const steps = stepsOf(graph);
    const stats: PlanStats = {
      primitives: steps.length,
      reorders: 0,
      arenaBytes: peakBytes(steps),
      packedBytes: 0,
      scripted: [...new Set(steps.map((step) => step.node.op))],
      compileSeconds: (performance.now() - began) / 1000,
    };
    return {
      stats,
      run: (feeds, storages) => this.#run(graph, steps, feeds, storages),
      profile: (feeds, storages) => {
        const rows: ProfileRow[] = [];
        this.#run(graph, steps, feeds, storages, rows);
        return rows;
      },
      dispose: () => {},
    };
  }

  write(id: number, spec: Spec, data: TypedArray): void {
    checkFits(`Values for storage ${id}`, spec, data);
    this.#storages.set(id, { spec: { shape: spec.shape, dtype: spec.dtype }, data: data.slice() });
  }

  read(id: number): TypedArray {
    return this.#held(id).data.slice();
  }

  readInto(id: number, start: number, into: TypedArray): void {
    into.set(this.#held(id).data.subarray(start, start + into.length) as never);
  }

  free(id: number): void {
    this.#storages.delete(id);
  }

  close(): void {
    this.#storages.clear();
  }

  #held(id: number): Held {
    const held = this.#storages.get(id);
    if (held) return held;
    throw new DeviceError({ what: `The reference device holds no storage ${id}`, next: 'write it first' });
  }

  #run(
    graph: Graph,
    steps: readonly Step[],
    feeds: readonly TypedArray[],
    storages: readonly number[],
    rows?: ProfileRow[],
  ): TypedArray[] {
    const held = storages.map((id) => this.#held(id));
    checkNumberOf('feeds', graph.feeds.length, feeds.length);
    checkNumberOf('storages', graph.storages.length, storages.length);
    const values: (TypedArray | undefined)[] = new Array(graph.nodes.length);
    graph.feeds.forEach((at, i) => {
      checkFeed(`Feed ${i}`, graph.nodes[at]!, feeds[i]!);
      values[at] = feeds[i]!;
    });
    graph.storages.forEach((at, i) => {
      checkFits(`Storage ${storages[i]}`, graph.nodes[at]!, held[i]!.data);
      values[at] = held[i]!.data;
    });
    for (const step of steps) {
      const began = rows ? performance.now() : 0;
      values[step.at] = compute(step, values);
      if (rows) rows.push(profileRow(graph, step, performance.now() - began));
      for (const at of step.done) values[at] = undefined;
    }
    // All copies are made before any storage is written: results must not share memory with a storage or a feed,
    // and an update's value may be another storage's old value.
    const outputs = withMemory(
      () => 'A copy of the results',
      () => graph.outputs.map((at) => values[at]!.slice()),
    );
    if (graph.guard !== undefined && !Number.isFinite(values[graph.guard]![0])) return outputs;
    const stored = new Set(held.map(({ data }) => data));
    const updates = graph.updates.map(({ node }) => {
      const value = values[node]!;
      return stored.has(value) ? value.slice() : value;
    });
    graph.updates.forEach(({ slot }, i) => {
      held[slot]!.data.set(updates[i]!);
    });
    return outputs;
  }
}

function compute({ node, specs, kernel }: Step, values: readonly (TypedArray | undefined)[]): TypedArray {
  const inputs = node.inputs.map((at) => values[at]!);
  if (SHARED.has(node.op)) return inputs[0]!;
  const { op, scope, shape, dtype } = node;
  const name = () => `The result ${showShape(shape)} of ${op}${scope ? ` in ${scope}` : ''}`;
  return withMemory(name, () => {
    const output = makeArray(dtype, sizeOf(shape));
    kernel({ inputs, specs, output, outputSpec: node, attrs: node.attrs });
    return output;
  });
}

/** The operations of a graph with their kernels, and the values that can be freed after each. */
function stepsOf(graph: Graph): Step[] {
  const lastUse = new Map<number, number>();
  graph.nodes.forEach((node, at) => {
    for (const input of node.inputs) lastUse.set(input, at);
  });
  for (const at of graph.outputs) lastUse.delete(at);
  for (const { node } of graph.updates) lastUse.delete(node);
  const done = new Map<number, number[]>();
  for (const [value, at] of lastUse) done.set(at, [...(done.get(at) ?? []), value]);

  const leaves = new Set([...graph.feeds, ...graph.storages]);
  return graph.nodes.flatMap((node, at) => {
    if (leaves.has(at)) return [];
    return {
      at,
      node,
      specs: node.inputs.map((input) => graph.nodes[input]!),
      kernel: needKernel(node),
      done: done.get(at) ?? [],
    };
  });
}

function needKernel(node: GraphNode): Kernel {
  const kernel = kernelOf(node.op);
  if (kernel) return kernel;
  throw new DeviceError({
    what: `The reference backend has no kernel for ${node.op}${node.scope ? ` in ${node.scope}` : ''}`,
    next: 'add one to src/backend/reference/kernels',
  });
}

/** Peak memory of intermediate values in bytes. */
function peakBytes(steps: readonly Step[]): number {
  const sizes = new Map(
    steps.map(({ at, node }) => [at, SHARED.has(node.op) ? 0 : sizeOf(node.shape) * bytesOf(node.dtype)]),
  );
  let now = 0;
  let peak = 0;
  for (const { at, done } of steps) {
    now += sizes.get(at)!;
    peak = Math.max(peak, now);
    for (const value of done) now -= sizes.get(value) ?? 0;
  }
  return peak;
}

const profileRow = (graph: Graph, { at, node }: Step, milliseconds: number): ProfileRow => ({
  op: node.op,
  scope: node.scope,
  kernel: 'reference',
  milliseconds,
  macs: macsOf(graph, at),
});
