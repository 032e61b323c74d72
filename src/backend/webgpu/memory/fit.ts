import { DeviceError } from '../../../errors/errors.js';
import type { Graph } from '../../../graph/graph.js';
import { sizeOf } from '../../../graph/types.js';
import { pieceOf, readsOf } from '../bindings.js';
import type { WebGpuBuilder } from '../builder.js';
import type { FinalStep } from '../join.js';
import { type PlannedBuffer, type SizeOf, shown } from './places.js';

/** Why the buffers of a plan do not fit, in bytes. */
export interface Shortage {
  /** All buffers that the plan needs beside those that there are, and the largest of them. */
  readonly wanted: number;
  readonly largest: number;
  /** Memory that there is for them, and the most that one buffer can have. */
  readonly room: number;
  readonly most: number;
  /** Memory in use by other buffers. */
  readonly used: number;
  /** The driver's words, if it refused a buffer. */
  readonly refusal?: string;
}

/** Part of the memory that intermediate values may take: the rest is for tables of kernels. */
const PART = 0.95;

/** The new buffers of a plan whose regions have other sizes. */
type Plan = (bytesOf: SizeOf) => readonly PlannedBuffer[];

/** The error for a plan that does not fit: it says what was needed, and which batch would fit. */
export function noRoom(
  b: WebGpuBuilder,
  steps: readonly FinalStep[],
  plan: Plan,
  shortage: Shortage,
): DeviceError {
  const { wanted, largest, room, most, used, refusal } = shortage;
  const tooLarge = largest > most;
  return new DeviceError({
    what: `The GPU has no memory for the intermediate values of ${b.graph.updates.length > 0 ? 'a training step' : 'a run'}`,
    expected: `${shown(wanted)} for them${tooLarge ? `, in buffers of up to ${shown(largest)}` : ''}, beside ${shown(used)} in use`,
    got: tooLarge
      ? `an adapter whose buffers have at most ${shown(most)}`
      : refusal === undefined
        ? `${shown(room)} of free memory`
        : `a refusal after ${shown(room)} (${refusal})`,
    next: advice(b, (bytesOf) => {
      const sizes = plan(bytesOf).map(({ bytes }) => bytes);
      const all = sizes.reduce((sum, bytes) => sum + bytes, 0);
      return all <= PART * room && Math.max(0, ...sizes) <= most && !unbindable(b, steps, bytesOf);
    }),
  });
}

/** A kernel that cannot bind its values, and the ranges that it needs; joined kernels are divided until they can. */
function unbindable(b: WebGpuBuilder, steps: readonly FinalStep[], bytesOf: SizeOf) {
  const piece = pieceOf(b.limits.binding);
  for (const step of steps) {
    if ('members' in step || 'host' in step) continue;
    const { program, inputs, outputs } = step.dispatch;
    const reads = readsOf(program);
    const values = [...outputs, ...inputs.filter((_, k) => reads[k])];
    const sizes = [...new Set(values.map(({ region }) => region))].map(bytesOf);
    const ranges = sizes.reduce((sum, bytes) => sum + Math.ceil(bytes / piece), 0);
    if (ranges > b.limits.bindings) return { step, ranges, sizes };
  }
  return undefined;
}

/** @throws DeviceError if a kernel cannot bind its values: it says which batch would fit */
export function checkRanges(b: WebGpuBuilder, steps: readonly FinalStep[]): void {
  const found = unbindable(b, steps, ({ bytes }) => bytes);
  if (!found) return;
  const { step, ranges, sizes } = found;
  throw new DeviceError({
    what: `${step.op}${step.scope ? ` in ${step.scope}` : ''} needs ${ranges} ranges of GPU memory in one kernel`,
    expected: `at most ${b.limits.bindings}, of ${shown(b.limits.binding)} each, on this GPU`,
    got: `values of ${sizes.map(shown).join(', ')}`,
    next: advice(b, (bytesOf) => !unbindable(b, steps, bytesOf)),
  });
}

/** @param fits whether values of given sizes fit */
function advice(b: WebGpuBuilder, fits: (bytesOf: SizeOf) => boolean): string {
  const batch = batchOf(b.graph);
  if (batch === undefined)
    return 'use smaller tensors, or --device onednn or wasm, which compute in the machine’s memory';
  const grows = growing(b.graph, batch);
  const sizesFor =
    (size: number): SizeOf =>
    (region) => {
      const owner = b.owners.get(region);
      return owner !== undefined && grows[owner] ? Math.ceil((region.bytes * size) / batch) : region.bytes;
    };
  let [least, high] = [0, batch - 1];
  while (least < high) {
    const middle = Math.ceil((least + high) / 2);
    if (fits(sizesFor(middle))) least = middle;
    else high = middle - 1;
  }
  return least > 0
    ? `use a batch of at most ${least} instead of ${batch}, which would fit (--batch-size)`
    : 'use a smaller model or smaller inputs, since not even a batch of 1 would fit, or compute in the machine’s memory with --device onednn or wasm';
}

/** Number of examples of a run: the first dimension of its largest feed; undefined without one. */
function batchOf({ nodes, feeds }: Graph): number | undefined {
  const shapes = feeds.map((i) => nodes[i]!.shape).filter((shape) => shape.length > 0);
  const largest = shapes.reduce((a, shape) => (sizeOf(shape) > sizeOf(a) ? shape : a), shapes[0] ?? []);
  return largest[0];
}

/**
 * Which nodes have values whose size grows with the batch: those computed from feeds that have the batch as a dimension,
 * but not gradients of parameters, which have a parameter's shape.
 */
function growing({ nodes, feeds, storages }: Graph, batch: number): boolean[] {
  const stored = new Set(storages.map((i) => nodes[i]!.shape.join()));
  const fed = new Set(feeds);
  const computed: boolean[] = [];
  return nodes.map(({ inputs, shape }, i) => {
    computed[i] = fed.has(i) || inputs.some((input) => computed[input]);
    const many = shape.some((size) => size > 0 && size % batch === 0);
    return computed[i] && many && (fed.has(i) || !stored.has(shape.join()));
  });
}
