import type { Device } from '../backend/backend.js';
import type { Node } from '../graph/node.js';
import { onPendingUpdates, type Parameter, queueUpdate } from './parameter.js';

/*
 * Updates of buffers by forward passes (batch norm's running statistics). The new values stay graph nodes until the
 * optimizer's step writes them in its own run, so that a training step is one run. Several forward passes before a step
 * accumulate. Leaving training mode, reading a buffer or computing with it, loading the state, and moving the model write
 * pending updates first, so visible values are always those that PyTorch would have.
 */

interface Pending {
  readonly value: Node;
  /** Number of forward passes in this value. */
  readonly depth: number;
  /** Whether what reads the buffer gets this value, instead of writing it first. */
  readonly read: boolean;
}

const pending = new Map<Parameter, Pending>();

/** Forward passes without a step after which the values are written, to limit the size of their graph. */
const MAX_DEPTH = 32;

export interface Change {
  readonly parameter: Parameter;
  readonly value: Node;
}

/** A buffer's value, including pending updates. */
export const latestNode = (buffer: Parameter): Node => pending.get(buffer)?.value ?? buffer.node;

/**
 * Replaces a buffer's value at the next step. A buffer on the host keeps its value.
 * @param read whether what reads the buffer until then gets the value, so that graphs of the old one stay valid
 */
export function deferUpdate(buffer: Parameter, value: Node, read = false): void {
  if (!buffer.storage) return;
  const depth = (pending.get(buffer)?.depth ?? 0) + 1;
  pending.set(buffer, { value, depth, read });
  if (depth >= MAX_DEPTH) flushPending([buffer]);
}

/** Replaces the pending statistics of a device, such as by their means over several processes. */
export function mapPending(device: Device, map: (values: readonly Node[]) => readonly Node[]): void {
  const found = [...pending].filter(([buffer, { read }]) => buffer.storage?.device === device && !read);
  if (found.length === 0) return;
  const values = map(found.map(([, { value }]) => value));
  found.forEach(([buffer, { depth }], i) => {
    pending.set(buffer, { value: values[i]!, depth, read: false });
  });
}

/** Removes and returns the pending updates of a device, for a run that writes them. */
export function takePending(device: Device): Change[] {
  const found = [...pending].filter(([buffer]) => buffer.storage?.device === device);
  for (const [buffer] of found) pending.delete(buffer);
  return found.map(([parameter, { value }]) => ({ parameter, value }));
}

onPendingUpdates({
  read: (parameter) => {
    const found = pending.get(parameter);
    return found?.read ? found.value : undefined;
  },
  write: (parameter) => {
    if (pending.has(parameter)) writeAll(parameter);
  },
  replace: (parameter) => {
    pending.delete(parameter);
    if (pending.size > 0) writeAll(parameter);
  },
});

/** Writes all updates of a parameter's device in one run, since those of several layers need the same forward pass. */
function writeAll({ storage }: Parameter): void {
  const changes = storage ? takePending(storage.device) : [];
  if (changes.length > 0) queueUpdate(changes);
}

/** Queues a run that writes the pending updates of these buffers, if there are any. */
export function flushPending(buffers: Iterable<Parameter>): void {
  const changes: Change[] = [];
  for (const parameter of buffers) {
    const value = pending.get(parameter)?.value;
    pending.delete(parameter);
    if (value) changes.push({ parameter, value });
  }
  if (changes.length > 0) queueUpdate(changes);
}
