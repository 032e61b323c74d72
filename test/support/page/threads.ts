import { WORD } from '../../../src/backend/simd/jobs.js';
import { KernelPool, PIECE } from '../../../src/backend/simd/pool.js';
import { startWebThread } from '../../../src/backend/simd/threads/web.js';
import { f } from '../../../src/ops/formula.js';
import { instantiate, type LoadKernel, makeMemory } from '../../../src/webassembly/runtime.js';

/* Whether a second thread computes, in a page or in a worker of it: see test/web/wasm.test.ts. */

const scope = globalThis as unknown as {
  readonly document?: unknown;
  readonly postMessage: (message: unknown) => void;
  outcome?: unknown;
};
const PAGES = 64;
const COUNT = 2 ** 17;
const PATIENCE_MS = 30_000;

async function hasThread(): Promise<boolean> {
  let own = 0;
  // Slow enough to leave pieces to another thread.
  const load: LoadKernel = (module, memory) => {
    const run = instantiate(module, memory);
    return (...args) => {
      own++;
      for (const end = performance.now() + 2; performance.now() < end; );
      run(...args);
    };
  };
  let words: Int32Array = new Int32Array();
  const memory = makeMemory({ initial: PAGES, maximum: PAGES, shared: true })!;
  const start: typeof startWebThread = (data) => {
    words = new Int32Array(data.control);
    return startWebThread(data);
  };
  const pool = new KernelPool(memory, PAGES, 2, start, PATIENCE_MS, load);
  const kernel = pool.kernel({
    formula: f.neg(f.input(0)),
    inputs: 1,
    dimensions: [{ size: 0, steps: [1] }],
  });
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
    own = 0;
    pool.share(kernel, [0, 4 * COUNT], COUNT, PIECE, COUNT);
    if (own < words[WORD.pieces]!) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

const outcome = hasThread();
if (scope.document) scope.outcome = outcome;
else outcome.then((result) => scope.postMessage(result));
