import type { Graph, GraphNode } from '../../graph/graph.js';
import type { Spec } from '../../graph/types.js';
import type { Engine } from '../backend.js';

/** Storage ids that no tensor uses. */
const IDS = [-1, -2, -3];

/** Rate of float32 n × n matrix products in GFLOP/s, the best of `repeats` runs after a warm-up run. */
export function sgemmRate(
  engine: Engine & { changed(id: number): void },
  n: number,
  repeats: number,
): number {
  const spec: Spec = { shape: [n, n], dtype: 'float32' };
  const stored: GraphNode = { op: 'storage', inputs: [], attrs: {}, scope: '', ...spec };
  const attrs = { transposeA: false, transposeB: false };
  const graph: Graph = {
    nodes: [stored, stored, stored, { op: 'matmul', inputs: [0, 1], attrs, scope: '', ...spec }],
    feeds: [],
    storages: [0, 1, 2],
    outputs: [],
    updates: [{ node: 3, slot: 2 }],
  };
  const plan = engine.compile(graph);
  try {
    for (const id of IDS) engine.write(id, spec, new Float32Array(n * n).fill(1 / n));
    let best = Number.POSITIVE_INFINITY;
    for (let r = 0; r <= repeats; r++) {
      // Packing an operand is part of the product, also where it could be kept.
      for (const id of IDS) engine.changed(id);
      const started = performance.now();
      plan.run([], IDS);
      if (r > 0) best = Math.min(best, performance.now() - started);
    }
    return (2 * n ** 3) / best / 1e6;
  } finally {
    plan.dispose();
    for (const id of IDS) engine.free(id);
  }
}
