import { wasmDevice } from '../../../src/backend/wasm/index.js';
import { conformance } from '../conformance.js';
import { runAll } from './node-test.js';

/* The conformance suite of the wasm device in a page, or in a worker of it: see test/web/wasm.test.ts. */

const scope = globalThis as unknown as {
  readonly document?: unknown;
  readonly postMessage: (message: unknown) => void;
  outcome?: unknown;
};

const open = async () => wasmDevice({ threads: 2 });
conformance('wasm', open, { rtol: 2e-5, atol: 2e-5 });
const outcome = open().then(async (device) => {
  const { threads } = await device.info();
  await device.close();
  return { threads, results: await runAll() };
});
if (scope.document) scope.outcome = outcome;
else outcome.then((result) => scope.postMessage(result));
