import { availableParallelism } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { errorToPlain } from '../../errors/errors.js';
import type { Engine, ProcessorPrecision } from '../backend.js';
import { setCommunicator } from '../communication/current.js';
import { Lane } from '../communication/lane.js';
import type { EngineName } from '../device-names.js';
import { Executor, type Reply, type Request } from '../executor.js';
import type { Link } from './link.js';
import { type Run, type RunMessage, RunReader } from './runs.js';

/*
 * The thread that owns an engine: all calls of native code happen here, in order and synchronously, so that they do not
 * block the user's event loop.
 */
const {
  engine: kind,
  threads,
  precision,
  link,
} = workerData as {
  engine: EngineName;
  threads: number;
  precision: ProcessorPrecision;
  link: Link | undefined;
};
if (link) setCommunicator(new Lane(link.shared, link.port));

async function open(): Promise<Engine> {
  if (kind === 'onednn') {
    const { OneDnnEngine } = await import('../onednn/index.js');
    return new OneDnnEngine({ threads, precision });
  }
  if (kind === 'wasm') {
    const [{ WasmEngine }, { startNodeThread }, { KernelCache }] = await Promise.all([
      import('../wasm/engine.js'),
      import('../simd/threads/node.js'),
      import('../onednn/kernel-cache.js'),
    ]);
    // More threads than cores would only use memory. Results do not depend on the number of threads.
    const team = Math.min(threads, availableParallelism());
    const store = KernelCache.open(`wasm, Node ${process.versions.node}`, team);
    return new WasmEngine({ threads: team, start: startNodeThread, store });
  }
  const { ReferenceEngine } = await import('../reference/engine.js');
  return new ReferenceEngine();
}

/** Below this size in bytes, copying is cheaper than transferring. */
const LARGE = 2 ** 16;

/** Buffers that a reply can transfer instead of copying: planning engines return copies of values. */
function fresh(reply: Reply): ArrayBuffer[] {
  if (kind === 'reference') return [];
  const values = Array.isArray(reply) ? reply : [reply];
  const buffers = values.flatMap((v) => (ArrayBuffer.isView(v) && v.byteLength >= LARGE ? [v.buffer] : []));
  return [...new Set(buffers)].filter((b): b is ArrayBuffer => b instanceof ArrayBuffer);
}

const port = parentPort!;
try {
  const executor = new Executor(await open());
  const runs = new RunReader();
  port.on('message', ({ id, request: sent }: { id: number; request: Exclude<Request, Run> | RunMessage }) => {
    const request = 'others' in sent ? runs.run(sent) : sent;
    if (request.kind === 'forget') runs.forget(request.plan);
    try {
      const reply = executor.handle(request);
      port.postMessage({ id, reply }, fresh(reply));
    } catch (error) {
      port.postMessage({ id, error: errorToPlain(error) });
    }
    if (request.kind === 'close') port.close();
  });
  port.postMessage({ id: -1, reply: executor.engine.info });
} catch (error) {
  port.postMessage({ id: -1, error: errorToPlain(error) });
  port.close();
}
