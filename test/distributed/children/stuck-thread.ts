import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { WORD } from '../../../src/backend/communication/protocol.js';
import type { Order, ThreadData, ThreadMessage } from '../../../src/distributed/thread/messages.js';
import { openLibc } from '../../../src/files/system/libc.js';

/*
 * A communication thread of a rank that nobody else is in: ranks agree to end at once, and ending MPI does not return.
 */

const { words: memory, orders, self } = workerData as ThreadData;
const words = new Int32Array(memory);
const send = (message: ThreadMessage): void => parentPort!.postMessage(message);
const sleep = openLibc().func('unsigned int sleep(unsigned int)');

if (self.host !== 'silent')
  send({
    ...{ kind: 'ready', rank: 1, size: 2, library: 'none', abi: 'none', file: 'none' },
    processes: [self, self],
  });
for (;;) {
  const posted = Atomics.load(words, WORD.posted);
  if (Atomics.load(words, WORD.abort) !== 0) sleep(600);
  for (let got = receiveMessageOnPort(orders); got; got = receiveMessageOnPort(orders)) {
    const order = got.message as Order;
    if (order.kind === 'finish') sleep(600);
    if (order.kind === 'ending') send({ kind: 'ended', all: [{ code: 0, digest: 0 }, order] });
  }
  Atomics.wait(words, WORD.posted, posted);
}
