import type { Device } from '../../src/backend/backend.js';
import { UsageError } from '../../src/errors/errors.js';
import { buildGraph } from '../../src/graph/graph.js';
import { hostLeaf, type Node, type Storage, storageLeaf } from '../../src/graph/node.js';
import { makeArray, sizeOf, type TypedArray } from '../../src/graph/types.js';
import * as ops from '../../src/ops/index.js';
import { gradients } from '../../src/tensor/autograd.js';
import { type Disturbance, evaluateNodes } from './exact.js';
import { kindOf } from './kinds/index.js';
import { leafValues, type Program, type Real, typeOf, valuesOf } from './program.js';

/** Results by their names in reports. */
export type Results = ReadonlyMap<string, TypedArray>;

/** The nodes of a program: results, and the new values of its changes. */
interface Built {
  readonly values: readonly Node[];
  readonly results: ReadonlyMap<string, Node>;
  readonly changes: ReadonlyMap<number, Node>;
}

const RATE = 0.05;

function build(program: Program, leaves: readonly Node[], real: Real): Built {
  const constant = (shape: readonly number[], low: number, high: number, seed: number): Node =>
    hostLeaf(valuesOf({ seed, low, high }, real, sizeOf(shape)), shape, real);
  const values: Node[] = [...leaves];
  for (const { kind, inputs, attrs } of program.body)
    values.push(
      kindOf(kind).make(
        inputs.map((at) => values[at]!),
        attrs,
        real,
      ),
    );
  const results = new Map<string, Node>(program.outputs.map((at) => [`v${at}`, values[at]!]));
  const grads =
    program.loss.length > 0
      ? differentiate(program, values, leaves, constant, real)
      : new Map<number, Node>();
  for (const [leaf, grad] of grads) results.set(`gradient of v${leaf}`, grad);
  if (program.twice && grads.size > 0) {
    const total = [...grads]
      .map(([leaf, g]) => ops.sum(ops.mul(g, constant(g.shape, -1, 1, 500 + leaf))))
      .reduce((a, b) => ops.add(a, b));
    for (const [leaf, grad] of twice(total, leaves, real)) results.set(`second gradient of v${leaf}`, grad);
  }
  return { values, results, changes: changesOf(program, values, grads, real) };
}

function differentiate(
  program: Program,
  values: readonly Node[],
  leaves: readonly Node[],
  constant: (shape: readonly number[], low: number, high: number, seed: number) => Node,
  real: Real,
): Map<number, Node> {
  const parts = program.loss.map(({ value, as }) => {
    const v = values[value]!;
    if (as === 'sum') return ops.sum(v);
    if (as === 'square') return ops.mean(ops.square(v));
    return ops.sum(ops.mul(v, constant(v.shape, -1, 1, 1000 + value)));
  });
  return gradientsOf(
    parts.reduce((a, b) => ops.add(a, b)),
    leaves,
    real,
  );
}

/** Second derivatives; empty if a gradient operation cannot be differentiated again. */
function twice(root: Node, leaves: readonly Node[], real: Real): Map<number, Node> {
  try {
    return gradientsOf(root, leaves, real);
  } catch (error) {
    if (error instanceof UsageError) return new Map();
    throw error;
  }
}

function gradientsOf(root: Node, leaves: readonly Node[], real: Real): Map<number, Node> {
  const targets = new Set(leaves.filter((leaf) => leaf.dtype === real));
  const seed = hostLeaf(makeArray(real, 1).fill(1), [], real);
  const found = gradients(root, seed, (node) => targets.has(node));
  return new Map(leaves.flatMap((leaf, i) => (found.has(leaf) ? [[i, found.get(leaf)!] as const] : [])));
}

function changesOf(
  { changes, leaves }: Program,
  values: readonly Node[],
  grads: ReadonlyMap<number, Node>,
  real: Real,
): Map<number, Node> {
  const news = new Map<number, Node>();
  const scalar = (value: number): Node => hostLeaf(makeArray(real, 1).fill(value), [], real);
  for (const change of changes) {
    const grad = grads.get(change.leaf);
    if (change.by === 'value') news.set(change.leaf, values[change.value]!);
    else if (grad && change.by === 'gradient')
      news.set(change.leaf, ops.addScaled(values[change.leaf]!, grad, scalar(-RATE)));
    else if (grad && change.by === 'momentum') {
      const momentum = ops.addScaled(grad, values[change.momentum]!, scalar(0.5));
      news.set(change.momentum, momentum);
      news.set(change.leaf, ops.addScaled(values[change.leaf]!, momentum, scalar(-RATE)));
    }
  }
  for (const leaf of news.keys()) if (!leaves[leaf]!.stored) throw new Error(`leaf ${leaf} is not stored`);
  return news;
}

/** Runs per program: the second run uses the updated leaves and must use the same plan. */
const RUNS = 2;

let nextId = 1_000_000;

/**
 * Runs a program on a device; each run uses the stored leaves as the previous run left them.
 * @param operations receives the names of all operations that ran
 * @returns the results of each run
 */
export async function runOn(device: Device, program: Program, operations?: Set<string>): Promise<Results[]> {
  const { real } = program;
  const storages = new Map<number, Storage>();
  program.leaves.forEach((leaf, i) => {
    if (!leaf.stored) return;
    const storage: Storage = {
      id: nextId++,
      device,
      version: 0,
      shape: leaf.shape,
      dtype: typeOf(leaf, real),
    };
    device.write(storage.id, storage, leafValues(leaf, real));
    storages.set(i, storage);
  });
  try {
    const all: Results[] = [];
    for (let run = 0; run < RUNS; run++) {
      const leaves = program.leaves.map((leaf, i) => {
        const storage = storages.get(i);
        return storage
          ? storageLeaf(storage)
          : hostLeaf(leafValues(leaf, real), leaf.shape, typeOf(leaf, real));
      });
      const { results, changes } = build(program, leaves, real);
      const updates = [...changes].map(([leaf, node]) => ({ node, storage: storages.get(leaf)! }));
      const bound = buildGraph([...results.values()], updates);
      for (const node of bound.graph.nodes) operations?.add(node.op);
      const values = await device.run(
        bound.key,
        bound.graph,
        bound.feeds,
        bound.storages.map(({ id }) => id),
      );
      const found = new Map([...results.keys()].map((name, i) => [name, values[i]!]));
      for (const leaf of changes.keys())
        found.set(`v${leaf} afterwards`, await device.read(storages.get(leaf)!.id));
      all.push(found);
      if (changes.size === 0) break;
      for (const leaf of changes.keys()) storages.get(leaf)!.version++;
    }
    return all;
  } finally {
    for (const { id } of storages.values()) device.free(id);
  }
}

/**
 * The results of a program in float64, for each run.
 * @param check called with the values of each run, leaves first; returning false ends the runs
 */
export function runExactly(
  program: Program,
  check: (values: readonly TypedArray[], shapes: readonly (readonly number[])[]) => boolean,
  disturbance?: Disturbance,
): Results[] {
  const held = program.leaves.map((leaf) => leafValues(leaf, 'float64'));
  const all: Results[] = [];
  for (let run = 0; run < RUNS; run++) {
    const leaves = program.leaves.map((leaf, i) => hostLeaf(held[i]!, leaf.shape, typeOf(leaf, 'float64')));
    const { values, results, changes } = build(program, leaves, 'float64');
    const wanted = [...results.values(), ...changes.values(), ...values];
    const found = evaluateNodes(wanted, disturbance);
    if (
      !check(
        found.slice(results.size + changes.size),
        values.map(({ shape }) => shape),
      )
    )
      break;
    const named = new Map([...results.keys()].map((name, i) => [name, found[i]!]));
    [...changes.keys()].forEach((leaf, i) => {
      held[leaf] = found[results.size + i]!;
      named.set(`v${leaf} afterwards`, held[leaf]!);
    });
    all.push(named);
    if (changes.size === 0) break;
  }
  return all;
}
