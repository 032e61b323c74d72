import type { Graph } from '../../graph/graph.js';
import { operationOf } from '../../ops/operation.js';
import { usersOf } from './users.js';

/**
 * The order of execution. Nodes that lead only to storage updates run as soon as their inputs are ready and no other
 * node still reads the old value, so that a gradient's memory is free once its weights are updated. All other nodes keep
 * their order. In a guarded graph, updates come after the guard.
 *
 * An exchange with other ranks starts as soon as its values are ready, so that it goes on beside what follows.
 */
export function schedule(graph: Graph): number[] {
  const { nodes } = graph;
  const users = usersOf(graph);
  const targetSlot = new Map(graph.updates.map(({ node, slot }) => [node, slot]));
  const wanted = new Set(graph.outputs);
  const tail = new Set<number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const leaf = nodes[i]!.inputs.length === 0;
    const onlyUpdates = users[i]!.every((u) => tail.has(u)) && (users[i]!.length > 0 || targetSlot.has(i));
    const { op } = nodes[i]!;
    if (op === 'sumStart' || (!leaf && onlyUpdates && !wanted.has(i) && isUpdate(op))) tail.add(i);
  }
  const order: number[] = [];
  const done = new Set<number>();
  const waiting = [...tail].sort((a, b) => a - b);
  const ready = (i: number): boolean => {
    if (!nodes[i]!.inputs.every((input) => done.has(input))) return false;
    const slot = targetSlot.get(i);
    if (slot === undefined) return true;
    if (graph.guard !== undefined && !done.has(graph.guard)) return false;
    return users[graph.storages[slot]!]!.every((u) => u === i || done.has(u));
  };
  const place = (i: number): void => {
    order.push(i);
    done.add(i);
  };
  nodes.forEach((_, i) => {
    if (tail.has(i)) return;
    place(i);
    for (let n = 0; n < waiting.length; ) {
      if (ready(waiting[n]!)) {
        place(waiting.splice(n, 1)[0]!);
        n = 0;
      } else n++;
    }
  });
  // The remaining nodes read values that other updates overwrite: the plan writes these updates at the end, from copies.
  for (const i of waiting) place(i);
  return order;
}

/**
 * Operations of optimizers: elementwise ones. Others, such as matrix products, are not moved: they run while their inputs
 * are in cache.
 */
const isUpdate = (op: string): boolean =>
  op === 'addScaled' || op === 'reshape' || operationOf(op).formula !== undefined;
