import type { Graph } from '../../graph/graph.js';
import { isAlias } from './describe.js';

/** Readers of each node: `users[i]` reads node i. */
export function usersOf({ nodes }: Graph): number[][] {
  const users: number[][] = nodes.map(() => []);
  nodes.forEach((node, i) => {
    for (const input of new Set(node.inputs)) users[input]!.push(i);
  });
  return users;
}

/** Nodes whose values must exist: outputs, updates and the guard. */
export function wantedOf({ outputs, updates, guard }: Graph): Set<number> {
  const wanted = new Set([...outputs, ...updates.map(({ node }) => node)]);
  if (guard !== undefined) wanted.add(guard);
  return wanted;
}

/** A graph with the readers of its nodes, and the nodes whose values must exist. */
interface Readable {
  readonly graph: Pick<Graph, 'nodes'>;
  readonly users: readonly (readonly number[])[];
  readonly wanted: ReadonlySet<number>;
}

/** The nodes that read a value, also under other shapes; undefined if the value itself must exist. */
export function readersOf(plan: Readable, i: number): number[] | undefined {
  if (plan.wanted.has(i)) return undefined;
  const found: number[] = [];
  for (const user of plan.users[i]!) {
    const node = plan.graph.nodes[user]!;
    // Another name has the value of its first input; it does not read the others.
    if (isAlias(node) && node.inputs[0] !== i) continue;
    const readers = isAlias(node) ? readersOf(plan, user) : [user];
    if (!readers) return undefined;
    found.push(...readers);
  }
  return found;
}

/** The only node that reads a value, also under other shapes. */
export function readerOf(plan: Readable, i: number): number | undefined {
  const [only, ...others] = readersOf(plan, i) ?? [];
  return others.length === 0 ? only : undefined;
}
