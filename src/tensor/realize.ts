import type { Device } from '../backend/backend.js';
import { DeviceError } from '../errors/errors.js';
import { type Bound, buildGraph, staleError } from '../graph/graph.js';
import type { Node } from '../graph/node.js';
import { isStale } from '../graph/settled.js';
import type { TypedArray } from '../graph/types.js';
import { checkDevice } from './check-device.js';
import type { DeviceStorage } from './storage.js';

let fallback: Device | undefined;

/** The device for graphs that touch no device memory, such as a computation on host tensors alone. */
export function setDefaultDevice(device: Device): void {
  checkDevice(device);
  fallback = device;
}

export function defaultDevice(): Device {
  if (fallback) return fallback;
  throw new DeviceError({
    what: 'There is no device to compute on yet',
    expected: 'a default device',
    got: 'none',
    next: "import 'paperweight' (which sets the reference device), or call setDefaultDevice(device)",
  });
}

/**
 * Computes outputs and applies updates in one run of one plan, without waiting for it: the outputs' values
 * can be awaited with `valuesOf`.
 *
 * @param guard a scalar that nobody has computed yet: the updates are left out where it turns out not to be finite
 */
export function realize(
  outputs: readonly Node[],
  updates: readonly { node: Node; storage: DeviceStorage }[],
  guard?: Node,
): void {
  const wanted = [...new Set(guard ? [...outputs, guard] : outputs)].filter(
    (node) => !known(node) && !node.arriving,
  );
  if (wanted.length === 0 && updates.length === 0) return;
  const bound = buildGraph(wanted, updates, guard);
  const device = deviceOf(bound);
  const run = device.run(
    bound.key,
    bound.graph,
    bound.feeds,
    bound.storages.map((s) => s.id),
  );
  // A failed run must reach whoever awaits a value, and must not end the process when nobody does.
  run.catch(() => {});
  for (const { storage } of updates) storage.version++;
  wanted.forEach((node, i) => {
    const value = run.then((values) => {
      node.value = values[i]!;
      return node.value;
    });
    value.catch(() => {});
    node.arriving = value;
  });
}

/** A copy of a node's values, computing them first where nobody has. */
export async function valuesOf(node: Node): Promise<TypedArray> {
  const here = known(node);
  if (here) return here.slice();
  if (node.source?.kind === 'storage' && !node.arriving) {
    if (isStale(node)) throw staleError(node);
    return (node.source.storage as DeviceStorage).read();
  }
  // What is already on its way need not be computed again.
  await Promise.all(arriving(node));
  realize([node], []);
  return (await node.arriving!).slice();
}

/** Values below a node that a queued run will deliver. */
function arriving(node: Node): Promise<TypedArray>[] {
  const found: Promise<TypedArray>[] = [];
  const seen = new Set<Node>();
  const stack = [...node.inputs];
  while (stack.length > 0) {
    const next = stack.pop()!;
    if (seen.has(next) || next.value) continue;
    seen.add(next);
    if (next.arriving) found.push(next.arriving);
    else stack.push(...next.inputs);
  }
  return found;
}

const known = (node: Node): TypedArray | undefined =>
  node.value ?? (node.source?.kind === 'host' ? node.source.data : undefined);

/** The one device that all of a graph's storages live on. */
export function deviceOf({ storages }: Bound): Device {
  const devices = new Set(storages.map((s) => s.device as Device));
  if (devices.size > 1)
    throw new DeviceError({
      what: 'Tensors of one computation live on several devices',
      expected: 'one device',
      got: [...devices].map((d) => d.name).join(' and '),
      next: 'move the model and its inputs to one device with .to(device)',
    });
  const [device] = devices;
  return device ?? defaultDevice();
}
