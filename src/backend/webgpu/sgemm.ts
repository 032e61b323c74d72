import type { Graph, GraphNode } from '../../graph/graph.js';
import type { WebGpuEngine } from './engine.js';
import { WebGpuPlan } from './plan.js';

/** Storages that no tensor has. */
const IDS = [-1, -2] as const;

/** Rate of n × n matrix products in GFLOP/s. */
export async function sgemmRate(engine: WebGpuEngine, n: number, repeats: number): Promise<number> {
  const spec = { shape: [n, n], dtype: 'float32', scope: '' } as const;
  const leaf: GraphNode = { ...spec, op: 'storage', inputs: [], attrs: {} };
  const product: GraphNode = {
    ...spec,
    op: 'matmul',
    inputs: [0, 1],
    attrs: { transposeA: false, transposeB: false },
  };
  // A single number is read back, since the product itself takes longer to copy than to compute.
  const sum: GraphNode = {
    ...spec,
    shape: [],
    op: 'sum',
    inputs: [2],
    attrs: { axes: [0, 1], keepDims: false },
  };
  const graph: Graph = {
    nodes: [leaf, leaf, product, sum],
    feeds: [],
    storages: [0, 1],
    outputs: [3],
    updates: [],
  };
  const values = new Float32Array(n * n).fill(1);
  for (const id of IDS) await engine.write(id, spec, values);
  const plan = new WebGpuPlan(engine, graph);
  try {
    const once = async (): Promise<unknown> => (await plan.start([], IDS))();
    await once();
    const began = performance.now();
    for (let i = 0; i < repeats; i++) await once();
    return (2 * n ** 3 * repeats) / (performance.now() - began) / 1e6;
  } finally {
    plan.dispose();
    for (const id of IDS) engine.free(id);
  }
}
