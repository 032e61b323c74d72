import { buildGraph } from '../graph/graph.js';
import { hostLeaf } from '../graph/node.js';
import { makeArray } from '../graph/types.js';
import type { Module } from '../nn/index.js';
import { Tensor } from '../tensor/tensor.js';

/** A network's forward pass as a graph of operations, for peers: what a list of layers cannot describe. */
export interface GraphSpec {
  readonly nodes: readonly {
    readonly op: string;
    readonly inputs: readonly number[];
    readonly attrs: Readonly<Record<string, unknown>>;
    readonly shape: readonly number[];
  }[];
  /** Nodes of the images, the logits, and the parameters in the order of `model.parameters()`. */
  readonly images: number;
  readonly logits: number;
  readonly parameters: readonly number[];
  /** Nodes with known values, such as running statistics. */
  readonly constants: readonly { readonly node: number; readonly dtype: string; readonly values: number[] }[];
}

/**
 * Traces a forward pass in the model's mode. Do not reuse the model: in training mode its
 * statistics change.
 *
 * @param shape shape of a batch of images
 */
export function describeGraph(model: Module, shape: readonly number[]): GraphSpec {
  const images = new Tensor(hostLeaf(makeArray('float32', 0), [...shape], 'float32'));
  const roots = [model.forward(images), images, ...model.parameters()].map(({ node }) => node);
  const { graph, feeds } = buildGraph(roots, []);
  const [logits, input, ...parameters] = graph.outputs as [number, number, ...number[]];
  const named = new Set([input, ...parameters]);
  return {
    nodes: graph.nodes.map(({ op, inputs, attrs, shape }) => ({ op, inputs, attrs: { ...attrs }, shape })),
    images: input,
    logits,
    parameters,
    constants: graph.feeds.flatMap((node, i) => {
      const values = feeds[i];
      if (named.has(node) || !ArrayBuffer.isView(values)) return [];
      return [{ node, dtype: graph.nodes[node]!.dtype, values: Array.from(values) }];
    }),
  };
}
