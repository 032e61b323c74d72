import { DeviceError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import { describeNode } from '../plan/describe.js';
import { NativeError } from './api/constants.js';

/** The library, for error messages. */
interface Named {
  readonly version: string;
  readonly path: string;
}

const nextStep =
  'use another oneDNN (set PAPERWEIGHT_ONEDNN to its library file) or --device wasm, and report these shapes';

/** Turns an error of the library into a DeviceError that names the operation; returns other errors unchanged. */
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

/** Runs `body`, whose library errors then name the node. */
export function forNode<T>(library: Named, graph: Graph, i: number, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw named(error, describeNode(graph, i), library);
  }
}
