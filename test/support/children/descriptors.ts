import { openDnnl } from '../../../src/backend/onednn/library/open.js';

/*
 * A separate process, for a test that memory descriptors are freed. Creates and drops them, and prints as JSON by how
 * many bytes the process has grown after warming up. Needs node --expose-gc.
 */
const ROUNDS = 10;
const SETTLED = 3;
const EACH = 20_000;

const dnnl = openDnnl();
const geometry = { strides: [1, 1], dilates: [0, 0], padLeft: [1, 1], padRight: [1, 1] };
const sizes: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  for (let i = 0; i < EACH; i++) {
    const x = dnnl.any([1 + (i % 7), 16, 8, 8]);
    const y = dnnl.plain([1 + (i % 7), 16, 8, 8]);
    if (dnnl.equal(x, y)) throw new Error('a layout that is still open equals one that is not');
  }
  // Also copies of the library's own descriptors.
  for (let i = 0; i < EACH / 100; i++) {
    const pd = dnnl.convForward(
      64,
      1,
      dnnl.any([1, 16, 8, 8]),
      dnnl.any([16, 16, 3, 3]),
      null,
      dnnl.any([1, 16, 8, 8]),
      geometry,
    );
    for (let n = 0; n < 100; n++) dnnl.query(pd, 129);
    dnnl.destroyPds();
  }
  (globalThis as { gc?: () => void }).gc!();
  // Finalizers run between two turns of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 20));
  sizes.push(process.memoryUsage.rss());
}
console.log(JSON.stringify({ version: dnnl.version, grown: sizes.at(-1)! - sizes[SETTLED]! }));
