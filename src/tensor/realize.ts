import type { Device } from '../backend/backend.js';
import { DeviceError } from '../errors/errors.js';
import { type BoundGraph, buildGraph, staleError } from '../graph/graph.js';
import { hostPart } from '../graph/host-part.js';
import type { Node } from '../graph/node.js';
import { isStale } from '../graph/settled.js';
import type { TypedArray } from '../graph/types.js';
import { checkDevice } from './check-device.js';
import { type DeviceStorage, failureOf, receive } from './storage.js';

let fallback: Device | undefined;

/** Sets the device for graphs that use no device memory: computations on host tensors only. */
export function setDefaultDevice(device: Device): void {
  checkDevice(device);
  fallback = device;
}

function defaultDevice(): Device {
  if (fallback) return fallback;
  throw new DeviceError({
    what: 'No default device is set',
    expected: 'a default device',
    got: 'none',
    next: "import 'paperweight' (which sets the reference device), or call setDefaultDevice(device)",
  });
}

/**
 * Queues one run of a plan that computes outputs and writes updates, without waiting for it. `valuesOf` waits for the
 * outputs.
 *
 * @param guard a scalar that has not been computed yet: if it is NaN or infinite, the run writes no updates
 * @param failed called if the run fails, before any caller receives the error
 */
export function realize(
  outputs: readonly Node[],
  updates: readonly { node: Node; storage: DeviceStorage }[],
  guard?: Node,
  failed?: () => void,
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
  // An error is reported by the promises of the values; if they are not awaited, it must not end the process, but the
  // next values that are read from the storages, or computed with them, report it.
  run.catch((error: unknown) => {
    for (const { storage } of updates) storage.failure = error as object;
    failed?.();
  });
  for (const { storage } of updates) storage.version++;
  wanted.forEach((node, i) => {
    const value = run.then((values) => {
      const failure = failureOf(bound.storages);
      if (failure !== undefined) throw failure;
      node.value = values[i]!;
      return node.value;
    });
    value.catch(() => {});
    node.arriving = value;
  });
}

/**
 * A copy of a node's values, which are computed first if they are not known yet.
 * @throws the error of the run, or of an earlier update of a storage that it used, if no caller has received that
 */
export async function valuesOf(node: Node): Promise<TypedArray> {
  try {
    return await computed(node);
  } catch (error) {
    throw receive(error);
  }
}

async function computed(node: Node): Promise<TypedArray> {
  const here = known(node);
  if (here) return here.slice();
  if (node.source?.kind === 'storage' && !node.arriving) {
    if (isStale(node)) throw staleError(node);
    return (node.source.storage as DeviceStorage).read();
  }
  if (!node.arriving) {
    // Wait for values that queued runs compute, instead of computing them again.
    await Promise.all(arriving(node));
    realize([node], []);
  }
  return (await node.arriving!).slice();
}

/** Values on which a node depends and that queued runs compute. */
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
  node.value ?? (node.source?.kind === 'host' ? node.source.data : hostPart(node));

/** The device of a graph's storages. @throws DeviceError if they are on several devices */
function deviceOf({ storages }: BoundGraph): Device {
  const devices = new Set(storages.map((s) => s.device as Device));
  if (devices.size > 1)
    throw new DeviceError({
      what: 'The tensors of one computation are on several devices',
      expected: 'one device',
      got: [...devices].map((d) => d.name).join(' and '),
      next: 'move the model and its inputs to one device with .to(device)',
    });
  const [device] = devices;
  return device ?? defaultDevice();
}
