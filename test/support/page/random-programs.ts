import { check } from '../../../fuzz/graphs/check.js';
import { describe } from '../../../fuzz/graphs/describe.js';
import { programOf } from '../../../fuzz/graphs/programs.js';
import { wasmDevice } from '../../../src/backend/wasm/index.js';

/* Random programs on the wasm device in a worker of a page, compared with float64: see test/web/wasm.test.ts. */

export interface Programs {
  readonly threads: number;
  readonly same: number;
  /** Too close to a kink to be compared. */
  readonly unfit: number;
  readonly failures: readonly string[];
}

const scope = globalThis as unknown as {
  onmessage: (event: { data: { seed: number; count: number } }) => void;
  readonly postMessage: (message: Programs) => void;
};

scope.onmessage = async ({ data: { seed, count } }) => {
  const device = wasmDevice({ threads: 2 });
  const { threads } = await device.info();
  const found = { same: 0, unfit: 0 };
  const failures: string[] = [];
  for (let number = 0; number < count; number++) {
    const verdict = await check({ device }, programOf('graphs', seed, number, undefined));
    const why = describe(verdict);
    if (why !== undefined) failures.push(`graphs ${number} of seed ${seed}: ${why}`);
    else if (verdict.kind === 'same' || verdict.kind === 'unfit') found[verdict.kind]++;
  }
  await device.close();
  scope.postMessage({ threads, ...found, failures });
};
