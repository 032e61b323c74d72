import { DeviceError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import { showShape } from '../../graph/types.js';
import { NativeError } from './api/constants.js';

/** The library that may fail. */
interface Named {
  readonly version: string;
  readonly path: string;
}

const nextStep =
  'use another oneDNN (name its file in PAPERWEIGHT_ONEDNN) or --device reference, and report these shapes';

/** An error of the library, as one that says what it was asked for; any other error as it is. */
export function named(error: unknown, what: string, { version, path }: Named): unknown {
  if (!(error instanceof NativeError)) return error;
  return new DeviceError({
    what: `${what} failed on device "onednn"`,
    expected: `oneDNN ${version} (${path}) to compute it`,
    got: error.message,
    next: nextStep,
    cause: error,
  });
}

/** Operation, shapes and module of a node. */
function describeNode({ nodes }: Graph, i: number): string {
  const { op, inputs, shape, scope } = nodes[i]!;
  const from = inputs.map((n) => showShape(nodes[n]!.shape)).join(', ');
  return `${op}(${from}) → ${showShape(shape)}${scope ? ` in ${scope}` : ''}`;
}

/** Runs what asks the library for something; its errors then name the node. */
export function forNode<T>(library: Named, graph: Graph, i: number, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw named(error, describeNode(graph, i), library);
  }
}
