import { DeviceError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import { EXCHANGES } from '../../ops/distributed/exchange.js';
import { Alone, type Communicator } from './lane.js';

/** Set in the thread of an engine, or in the main thread of a program whose device computes there. */
let current: Communicator = new Alone();

export function setCommunicator(communicator: Communicator | undefined): void {
  current = communicator ?? new Alone();
}

/**
 * The communicator of this thread.
 * @param ranks number of ranks for which the operation was written
 * @throws DeviceError if this thread's communicator has another number
 */
export function communicatorOf(op: string, ranks: number): Communicator {
  if (current.size === ranks) return current;
  throw new DeviceError({
    what: `${op} was written for ${ranks} ranks, but its device exchanges nothing with them`,
    expected: 'a device that was opened after distributed.open(), as the only one of this process',
    got: `a device of ${current.size === 1 ? 'one rank' : `${current.size} ranks`}`,
    next: 'open the world first, then one device',
  });
}

/** What decides the exchanges of a graph, as a few bytes; undefined if it has none. */
export function signatureOf(graph: Graph): Uint8Array | undefined {
  const exchanging = graph.nodes.filter(({ op }) => EXCHANGES.has(op));
  if (exchanging.length === 0) return undefined;
  const lines = exchanging.map(({ op, attrs, inputs, scope }) => {
    const given = inputs.map((at) => `${graph.nodes[at]!.dtype}[${graph.nodes[at]!.shape.join()}]`);
    const { rank: _, ...same } = attrs;
    return `${op} ${JSON.stringify(same)} ${given.join()} ${scope}`;
  });
  const stored = graph.storages.map((at) => graph.nodes[at]!.shape.join());
  return hashOf([...lines, ...stored].join('\n'));
}

/**
 * Starts a run of a graph with exchanges.
 * @param device a hash of what decides which kernels the device uses
 */
export const beginRun = (signature: Uint8Array, device: Uint8Array): void => current.begin(signature, device);

/** Four runs of FNV-1a with different starts: 16 bytes. Against accidents, not against attacks. */
export function hashOf(text: string): Uint8Array {
  const words = Uint32Array.of(0x811c9dc5, 0x01234567, 0x89abcdef, 0x5bd1e995);
  for (let i = 0; i < text.length; i++)
    for (let w = 0; w < 4; w++) words[w] = Math.imul(words[w]! ^ (text.charCodeAt(i) + w * 31), 0x01000193);
  return new Uint8Array(words.buffer);
}
