import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/*
 * Programs that read ONNX files: onnxruntime's native and WebAssembly builds in PAPERWEIGHT_PEERS, and ONNX's own checker
 * in the Python of PAPERWEIGHT_ONNX_PYTHON.
 */

export type Values = Float32Array;
export interface Session {
  run(feeds: Record<string, unknown>): Promise<Record<string, { data: Values }>>;
  release(): Promise<void>;
}
export interface Runtime {
  InferenceSession: {
    create(bytes: Uint8Array, options: { executionProviders: string[] }): Promise<Session>;
  };
  Tensor: new (type: string, data: Values | Int32Array, shape: readonly number[]) => unknown;
}

const peers = process.env.PAPERWEIGHT_PEERS;
export const python = process.env.PAPERWEIGHT_ONNX_PYTHON;

/** Loads a runtime from the folder of peers. @returns the runtime, or the reason why it is missing */
function runtime(name: string): Runtime | string {
  if (!peers) return `PAPERWEIGHT_PEERS names no folder with ${name}`;
  try {
    return createRequire(join(peers, 'node_modules', 'x.js'))(name) as Runtime;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error;
    return `there is no ${name} below ${peers}`;
  }
}
/** The provider is named explicitly: both runtimes share one registry, in which the native provider comes first. */
export const runtimes = [
  { name: 'onnxruntime-node', provider: 'cpu' },
  { name: 'onnxruntime-web', provider: 'wasm' },
].map((kind) => ({ ...kind, found: runtime(kind.name) }));

/** Whether there is nothing that reads a file. */
export const nowhere = !python && runtimes.every(({ found }) => typeof found === 'string');

/** max |a − b| / max |b| */
export function farthest(a: Values, b: Values): number {
  assert.equal(a.length, b.length);
  let [apart, size] = [0, 0];
  for (const [i, value] of b.entries()) {
    apart = Math.max(apart, Math.abs(a[i]! - value));
    size = Math.max(size, Math.abs(value));
  }
  return apart / size;
}

/** Runs ONNX's checker with strict type and shape inference. @returns its complaint, empty if there is none */
export function check(bytes: Uint8Array): string {
  const script = [
    'import onnx, sys',
    'model = onnx.load_model_from_string(sys.stdin.buffer.read())',
    'onnx.checker.check_model(model, full_check=True)',
    'found = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)',
    'dims = lambda v: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]',
    'named = {n for node in found.graph.node for n in node.output}',
    'known = {v.name for v in [*found.graph.value_info, *found.graph.output]}',
    'print(sorted(named - known), dims(found.graph.output[0])[0])',
  ].join('\n');
  const { status, stdout, stderr } = spawnSync(python!, ['-c', script], { input: bytes, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : stderr;
}
