import type { Graph } from '../../graph/graph.js';
import { operationFormula } from './numbers/varying.js';
import { usersOf } from './users.js';

/**
 * The order of execution. Nodes that lead only to storage updates run as soon as their inputs are ready and no other
 * node still reads the old value, so that a gradient's memory is free once its weights are updated. All other nodes keep
 * their order. In a guarded graph, updates come after the guard.
 *
 * An exchange with other ranks starts as soon as its values are ready, so that it runs in parallel with the nodes that
 * follow.
 */
export function schedule(graph: Graph): number[] {
  const { nodes } = graph;
  const users = usersOf(graph);
  const targetSlot = new Map(graph.updates.map(({ node, slot }) => [node, slot]));
  const wanted = new Set(graph.outputs);
  const tail = new Set<number>();
  /** Nodes of the tail that only updates read, directly or not: no other node waits for them. */
  const ending = new Set<number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const leaf = nodes[i]!.inputs.length === 0;
    const writes = targetSlot.has(i);
    const readBy = (set: ReadonlySet<number>): boolean => users[i]!.every((user) => set.has(user));
    const { op } = nodes[i]!;
    const moves = !leaf && (users[i]!.length > 0 || writes) && !wanted.has(i) && isUpdate(op);
    // A node that writes a storage may have to wait, so nothing outside the updates may depend on it.
    if (op === 'sumStart' || (moves && readBy(writes ? ending : tail))) tail.add(i);
    if (tail.has(i) && op !== 'sumStart' && readBy(ending)) ending.add(i);
  }
  // What each node of the tail still waits for: its inputs, and, if it writes a storage, its old value's readers.
  const missing = new Map<number, number>();
  const followers: number[][] = nodes.map(() => []);
  for (const i of tail) {
    const slot = targetSlot.get(i);
    const readers = slot === undefined ? [] : users[graph.storages[slot]!]!.filter((user) => user !== i);
    const guard = slot === undefined || graph.guard === undefined ? [] : [graph.guard];
    const needed = new Set([...nodes[i]!.inputs, ...readers, ...guard]);
    missing.set(i, needed.size);
    for (const other of needed) followers[other]!.push(i);
  }
  const order: number[] = [];
  const done = new Set<number>();
  const place = (first: number): void => {
    const ready = [first];
    for (let i = ready.shift(); i !== undefined; i = ready.shift()) {
      order.push(i);
      done.add(i);
      for (const follower of followers[i]!) {
        const left = missing.get(follower)! - 1;
        missing.set(follower, left);
        if (left === 0) ready.push(follower);
      }
      // Nodes that are ready run in the order in which they were written.
      ready.sort((x, y) => x - y);
    }
  };
  nodes.forEach((_, i) => {
    if (!tail.has(i)) place(i);
  });
  // The remaining nodes read values that other updates overwrite: the plan writes these updates at the end, from copies.
  for (const i of [...tail].sort((x, y) => x - y)) if (!done.has(i)) order.push(i);
  return order;
}

/**
 * Operations of optimizers: elementwise ones. Others, such as matrix products, are not moved: they run while their inputs
 * are in cache.
 */
const isUpdate = (op: string): boolean =>
  op === 'addScaled' || op === 'reshape' || operationFormula(op) !== undefined;
