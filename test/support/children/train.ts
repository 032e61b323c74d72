import { openDevice } from '../../../src/backend/open.js';
import { makeTinyNet, trainer } from '../nets/tinynet.js';

/*
 * A separate process, for tests of its exit and its memory:
 *
 *   node child-train.js <steps> <step at which to measure memory>...
 *
 * Trains a tiny network without disposing of anything, prints the last loss and the memory in bytes at those steps as
 * JSON, and exits without closing the device.
 */
const [steps = 0, ...looks] = process.argv.slice(2).map(Number);
const { device } = await openDevice('onednn', { threads: 2 });
const { train } = await trainer(makeTinyNet(), device);
const memory: number[] = [];
let loss = Number.NaN;
for (let step = 1; step <= steps; step++) {
  loss = await train(step);
  if (looks.includes(step)) memory.push(process.memoryUsage.rss());
}
console.log(JSON.stringify({ loss, memory }));
