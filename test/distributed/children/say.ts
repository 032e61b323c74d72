import { distributed } from '../../../src/index.js';

/* All ranks fail with the same error, which rank 0 prints late, as on a busy machine. */
const world = await distributed.open();
await world.fail(3, 'a fault', (prefix) => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
  console.error(`${prefix}a fault`);
});
