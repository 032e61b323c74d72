import type { Graph } from '../../graph/graph.js';
import { sizeOf } from '../../graph/types.js';
import { macsOf } from '../plan/describe.js';

/** Largest node for which a second thread is no faster, in multiply-adds and in elements. */
const PRODUCTS = 2 ** 24;
const ELEMENTS = 2 ** 18;

/**
 * Whether one thread computes a node. It depends only on shapes and the number of threads, so results do not depend on
 * the machine's load.
 *
 * @param threads of the device, at least 2; more threads gain from smaller nodes
 */
export function isForOneThread(graph: Graph, i: number, threads: number): boolean {
  const { inputs, shape } = graph.nodes[i]!;
  const most = Math.max(sizeOf(shape), ...inputs.map((input) => sizeOf(graph.nodes[input]!.shape)));
  return isSmall(most, threads) && macsOf(graph, i) < (2 / threads) * PRODUCTS;
}

/** Whether one thread moves this many elements. @param threads of the device, at least 2 */
export const isSmall = (elements: number, threads: number): boolean => elements < (2 / threads) * ELEMENTS;
