import type { Device } from '../backend/backend.js';
import type { Node } from '../graph/node.js';
import { type Parameter, update } from './tensor.js';

/*
 * Buffers that a forward pass changes (batch norm's running statistics). Their new values are only graph until
 * the optimizer's step takes them along, so that a training step stays one run. Two forward passes before a
 * step chain; leaving training mode, reading or loading the state and moving the model write them first. So
 * the values that anyone sees are those PyTorch would have.
 */

interface Pending {
  readonly value: Node;
  /** Forward passes waiting in this value. */
  readonly depth: number;
}

const pending = new Map<Parameter, Pending>();

/** Forward passes without a step after which the values are written anyway, or their graphs would pile up. */
const MAX_DEPTH = 32;

export interface Change {
  readonly parameter: Parameter;
  readonly value: Node;
}

/** A buffer's value as the next operation should see it. */
export const latestNode = (buffer: Parameter): Node => pending.get(buffer)?.value ?? buffer.node;

/** Replaces a buffer's value at the next step. A buffer that is on no device yet keeps its value. */
export function deferUpdate(buffer: Parameter, value: Node): void {
  if (!buffer.storage) return;
  const depth = (pending.get(buffer)?.depth ?? 0) + 1;
  pending.set(buffer, { value, depth });
  if (depth >= MAX_DEPTH) flushPending([buffer]);
}

/** Removes and returns the waiting changes on a device, for a run that makes them. */
export function takePending(device: Device): Change[] {
  const found = [...pending].filter(([buffer]) => buffer.storage?.device === device);
  for (const [buffer] of found) pending.delete(buffer);
  return found.map(([parameter, { value }]) => ({ parameter, value }));
}

/** Queues a run that writes the waiting changes of these buffers, if there are any. */
export function flushPending(buffers: Iterable<Parameter>): void {
  const changes: Change[] = [];
  for (const parameter of buffers) {
    const value = pending.get(parameter)?.value;
    pending.delete(parameter);
    if (value) changes.push({ parameter, value });
  }
  if (changes.length > 0) update(changes);
}
