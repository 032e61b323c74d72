import type { Region } from '../../plan/region.js';
import type { WebGpuBuilder } from '../builder.js';
import { ALIGNMENT } from '../builder.js';
import type { FinalStep } from '../join.js';

/** Values that joined kernels use lie in common buffers of at most this many bytes. */
export const SLAB_BYTES = 64 * 2 ** 20;
/** Larger values have buffers of their own. */
export const LARGE_BYTES = 16 * 2 ** 20;

/** Bytes rounded up to the alignment of buffers. */
export const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** A number of bytes for readers. */
export const shown = (bytes: number): string =>
  bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;

/** A buffer of a plan, before it exists. */
export interface PlannedBuffer {
  bytes: number;
}
/** Where a region lies. */
export interface Located {
  readonly buffer: PlannedBuffer;
  readonly offset: number;
}

/** Bytes of a region. */
export type SizeOf = (region: Region) => number;

/**
 * Regions of joined steps that may share buffers, each with the number of its buffer. A kernel cannot read and write the
 * same buffer, so a value that is computed from values with one number has the next number.
 */
function gathered(steps: readonly FinalStep[], bytesOf: SizeOf): Map<Region, number> {
  const all = new Map<Region, number>();
  for (const step of steps)
    if ('members' in step && step.members.length > 1)
      // A joined reduction can read several buffers.
      for (const { inputs, output, join } of step.members)
        for (const { region } of [...(join.reduce ? [] : inputs), output])
          if (region.slot === undefined && bytesOf(region) <= LARGE_BYTES) all.set(region, 0);
  for (const step of steps) {
    if ('members' in step || 'host' in step) continue;
    const { inputs, outputs } = step.dispatch;
    const latest = Math.max(-1, ...inputs.map(({ region }) => all.get(region) ?? -1));
    for (const { region } of outputs)
      if (all.has(region)) all.set(region, Math.max(all.get(region)!, latest + 1));
  }
  return all;
}

/** First and last step that use each region. */
function lifetimes(
  steps: readonly FinalStep[],
  { feeds, outputs }: { readonly feeds: readonly Region[]; readonly outputs: readonly Region[] },
): Map<Region, { first: number; last: number }> {
  const lives = new Map<Region, { first: number; last: number }>();
  const touch = (region: Region, at: number): void => {
    if (region.slot !== undefined) return;
    const life = lives.get(region);
    if (life) {
      life.first = Math.min(life.first, at);
      life.last = Math.max(life.last, at);
    } else lives.set(region, { first: at, last: at });
  };
  for (const region of feeds) touch(region, -1);
  steps.forEach((step, at) => {
    for (const region of step.touches) touch(region, at);
  });
  for (const region of outputs) touch(region, steps.length);
  return lives;
}

/**
 * Says where each region of a plan lies: in buffers that regions use one after another, or in common ones for regions that
 * joined kernels use.
 *
 * @param existing sizes of buffers that other plans use, which this one may use too
 * @param bytesOf sizes of the regions, if they are not those of the plan
 */
export function placeRegions(
  b: WebGpuBuilder,
  steps: readonly FinalStep[],
  ends: { readonly feeds: readonly Region[]; readonly outputs: readonly Region[] },
  existing: readonly PlannedBuffer[],
  bytesOf: SizeOf = ({ bytes }) => bytes,
): { readonly places: Map<Region, Located>; readonly planned: readonly PlannedBuffer[] } {
  const lives = lifetimes(steps, ends);
  const common = gathered(steps, bytesOf);
  const places = new Map<Region, Located>();
  const planned: PlannedBuffer[] = [];
  const slabs = new Map<number, PlannedBuffer>();
  for (const region of lives.keys()) {
    const number = common.get(region);
    if (number === undefined) continue;
    let slab = slabs.get(number);
    if (!slab || slab.bytes + aligned(bytesOf(region)) > Math.min(SLAB_BYTES, b.limits.binding)) {
      slab = { bytes: 0 };
      slabs.set(number, slab);
      planned.push(slab);
    }
    places.set(region, { buffer: slab, offset: slab.bytes });
    slab.bytes += aligned(bytesOf(region));
  }
  const free = [...existing];
  const busy: { buffer: PlannedBuffer; last: number }[] = [];
  const order = [...lives]
    .filter(([region]) => !common.has(region))
    .sort(([, x], [, y]) => x.first - y.first);
  for (const [region, { first, last }] of order) {
    for (let n = busy.length - 1; n >= 0; n--)
      if (busy[n]!.last < first) free.push(busy.splice(n, 1)[0]!.buffer);
    const bytes = aligned(bytesOf(region));
    const fits = free.filter((buffer) => buffer.bytes >= bytes && buffer.bytes <= 2 * bytes);
    const best = fits.reduce<PlannedBuffer | undefined>(
      (a, buffer) => (a && a.bytes <= buffer.bytes ? a : buffer),
      undefined,
    );
    const buffer = best ?? { bytes };
    if (best) free.splice(free.indexOf(best), 1);
    if (!planned.includes(buffer)) planned.push(buffer);
    places.set(region, { buffer, offset: 0 });
    busy.push({ buffer, last });
  }
  return { places, planned };
}
