import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { controlOf, WORD, work } from './jobs.js';
import { instantiate, type Memory, type Run } from './webassembly.js';

/* A worker thread that computes pieces of kernels, and sleeps between jobs. */
const {
  control: buffer,
  memory,
  kernels,
  thread,
} = workerData as {
  control: SharedArrayBuffer;
  memory: Memory;
  kernels: MessagePort;
  thread: number;
};
const control = controlOf(buffer);
const known = new Map<number, Run>();

/** The kernel with an id. Kernels are sent in the order of their ids, before the first job that uses them. */
function kernelOf(id: number): Run {
  for (let run = known.get(id); ; run = known.get(id)) {
    if (run) return run;
    const message = receiveMessageOnPort(kernels)?.message as
      | { id: number; module: Uint8Array<ArrayBuffer> }
      | undefined;
    if (!message) throw new Error(`kernel ${id} was not received`);
    known.set(message.id, instantiate(message.module, memory));
  }
}

for (let seen = 0; Atomics.load(control.words, WORD.stop) === 0; ) {
  Atomics.wait(control.words, WORD.wake, seen);
  seen = Atomics.load(control.words, WORD.wake);
  work(control, kernelOf, thread);
}
