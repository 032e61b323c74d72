import { parentPort, workerData } from 'node:worker_threads';
import { errorToPlain } from '../../errors.js';
import type { Engine, Precision } from '../backend.js';
import { Executor, type Request } from '../executor.js';

/*
 * The thread that owns an engine: everything that touches native code happens here, in order, with plain
 * synchronous calls, so that the user's event loop stays free.
 */
const {
  engine: kind,
  threads,
  precision,
} = workerData as {
  engine: string;
  threads: number;
  precision: Precision;
};

async function open(): Promise<Engine> {
  if (kind === 'onednn') {
    const { OneDnnEngine } = await import('../onednn/index.js');
    return new OneDnnEngine({ threads, precision });
  }
  const { ReferenceEngine } = await import('../reference/engine.js');
  return new ReferenceEngine();
}

const port = parentPort!;
try {
  const executor = new Executor(await open());
  port.on('message', ({ id, request }: { id: number; request: Request }) => {
    try {
      port.postMessage({ id, reply: executor.handle(request) });
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
