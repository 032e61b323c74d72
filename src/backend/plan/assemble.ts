import type { PlanBuilder } from './builder.js';
import { layOut } from './memory/arena-layout.js';
import type { Region } from './region.js';
import { schedule } from './schedule.js';
import { type UpdateGroup, updateGroups } from './updates.js';

/** Smaller groups of updates wait until the end, where few steps compute all of them. */
const DEFERRED = 2 ** 18;

/** How an engine builds steps. F is a value in some layout, in a region. */
export interface Assembler<F> {
  /** Adds the steps that compute a node. */
  lower(i: number): void;
  /** The value in row-major layout. */
  plain(i: number): F;
  /** A copy of a value in new memory. */
  copy(i: number, form: F): F;
  /** The value in the layout of a storage. */
  stored(i: number, slot: number): F;
  /** Copies a value of the storage's layout into it. */
  store(i: number, form: F, slot: number): void;
  /** Adds steps that compute groups of updates, each in one pass. Returns the groups that it cannot compute so. */
  update?(groups: readonly UpdateGroup[]): readonly UpdateGroup[];
}

/** Result of assembling a plan, in addition to the builder's steps. */
export interface Assembly<F> {
  /** Row-major values of the graph's outputs. */
  readonly outputs: readonly F[];
  /** The guard's value, and the index of the first step that runs after it is computed. */
  readonly guard: { readonly form: F; readonly before: number } | undefined;
  /** Size of the memory for intermediate values. */
  readonly arenaBytes: number;
}

/**
 * Lowers all nodes of a graph in scheduled order, then adds the updates that could not run in place, and lays out memory.
 * @param feeds memory of the feeds
 * @param regionOf where a value is stored
 */
export function assemble<F extends { readonly region: Region }, V, W extends object>(
  b: PlanBuilder<V, W>,
  feeds: readonly Region[],
  regionOf: (i: number) => Region,
  engine: Assembler<F>,
): Assembly<F> {
  const { graph } = b;
  const building = <T>(i: number, body: () => T): T => {
    b.current = i;
    return body();
  };
  // Feeds are filled before the first step, so they are live from the start.
  for (const region of feeds) Object.assign(region, { first: 0, last: 0 });
  let guard: Assembly<F>['guard'];
  // Values that are only part of another kernel cannot be read.
  const groups = engine.update
    ? updateGroups(graph).filter(({ inputs }) => !inputs.some((input) => b.absorbed.has(input)))
    : [];
  // No other kernel may compute a group's nodes along with what they read.
  for (const { inputs } of groups) for (const input of inputs) b.wanted.add(input);
  const groupAt = new Map(groups.flatMap((group) => group.nodes.map((i) => [i, group] as const)));
  const update = (ready: readonly UpdateGroup[]): void => {
    b.current = ready.at(-1)!.nodes.at(-1)!;
    for (const { nodes } of engine.update!(ready)) for (const i of nodes) building(i, () => engine.lower(i));
  };
  const missing = new Map(groups.map((group) => [group, group.nodes.length]));
  for (const i of schedule(graph)) {
    const group = groupAt.get(i);
    if (group) {
      const left = missing.get(group)! - 1;
      missing.set(group, left);
      if (left === 0 && group.size >= DEFERRED) update([group]);
      continue;
    }
    building(i, () => {
      if (graph.nodes[i]!.inputs.length > 0) engine.lower(i);
      if (i === graph.guard) guard = { form: engine.plain(i), before: b.steps.length };
    });
  }
  /** A row-major form of an output, copied if it is a storage that this run overwrites. */
  const outputs = graph.outputs.map((i) =>
    building(i, () => {
      const form = engine.plain(i);
      const updated = graph.updates.some(({ node, slot }) => slot === form.region.slot && node !== i);
      return updated ? engine.copy(i, form) : form;
    }),
  );
  const deferred = groups.filter(({ size }) => size < DEFERRED);
  if (deferred.length > 0) update(deferred);
  // Updates that cannot run in place: all values are copied first, since one may be another storage's old value.
  const later = graph.updates.filter(({ node, slot }) => regionOf(node).slot !== slot);
  const staged = later.map(({ node, slot }) =>
    building(node, () => {
      const form = engine.stored(node, slot);
      return form.region.slot === undefined ? form : engine.copy(node, form);
    }),
  );
  later.forEach(({ node, slot }, n) => {
    building(node, () => engine.store(node, staged[n]!, slot));
  });
  for (const { region } of outputs) region.last = b.steps.length;
  return { outputs, guard, arenaBytes: layOut(b.regions.filter((region) => region.last >= 0)) };
}
