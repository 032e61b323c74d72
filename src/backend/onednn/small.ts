import type { Graph } from '../../graph/graph.js';
import { sizeOf } from '../../graph/types.js';
import { macsOf } from '../plan/describe.js';

/** Below this much work a second thread wakes up later than the first one finishes. */
const PRODUCTS = 2 ** 20;
const ELEMENTS = 2 ** 14;

/** Whether one thread computes a node. It depends only on shapes, so results do not depend on the machine's load. */
export function isForOneThread(graph: Graph, i: number): boolean {
  const { inputs, shape } = graph.nodes[i]!;
  const most = Math.max(sizeOf(shape), ...inputs.map((input) => sizeOf(graph.nodes[input]!.shape)));
  return most < ELEMENTS && macsOf(graph, i) < PRODUCTS;
}
