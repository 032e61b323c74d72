import type { Graph } from '../../graph/graph.js';

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
