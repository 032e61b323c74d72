import { DeviceError } from '../../errors/errors.js';
import type { Graph, GraphNode } from '../../graph/graph.js';
import { showShape } from '../../graph/types.js';
import { isOperation, operationOf } from '../../ops/index.js';
import { kernelOf } from '../reference/kernels.js';

/** Whether a node has the same elements, in the same order, as its input, and so may share its memory. */
const ALIASES = new Set(['reshape', 'detach', 'custom']);
export const isAlias = (node: GraphNode): boolean => ALIASES.has(node.op);

/** Operation, shapes and module path of a node, for error messages. */
export function describeNode({ nodes }: Graph, i: number): string {
  const { op, inputs, shape, scope } = nodes[i]!;
  const from = inputs.map((n) => showShape(nodes[n]!.shape)).join(', ');
  return `${op}(${from}) → ${showShape(shape)}${scope ? ` in ${scope}` : ''}`;
}

/** Multiply-adds of a node: of operations that exist only in plans, those that they name; none for feeds and storages. */
export function macsOf({ nodes }: Graph, i: number): number {
  const node = nodes[i]!;
  if (node.inputs.length === 0) return 0;
  if (!isOperation(node.op)) return typeof node.attrs.macs === 'number' ? node.attrs.macs : 0;
  return (
    operationOf(node.op).macs?.(
      node.inputs.map((n) => nodes[n]!),
      node,
      node.attrs,
    ) ?? 0
  );
}

/** Checks that every operation of a graph can run on a device, before anything runs. */
export function checkOperations(graph: Graph, device: string): void {
  for (const node of graph.nodes) {
    if (node.inputs.length === 0 || isAlias(node) || kernelOf(node.op)) continue;
    throw new DeviceError({
      what: `Operation ${node.op}${node.scope ? ` in ${node.scope}` : ''} cannot run on device "${device}"`,
      expected: 'a kernel of the device, or a TypeScript kernel, for it',
      got: 'neither',
      next: 'add a kernel in src/backend/reference/kernels, which this device uses too',
    });
  }
}
