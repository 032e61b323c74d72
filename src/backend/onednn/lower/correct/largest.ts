import { Largest, largestOf, type Width } from '../../../simd/largest.js';
import type { OneDnnBuilder } from '../../builder.js';
import type { Form } from '../../ir.js';
import { arrayAt, view } from '../../library/memory.js';

/** Numbers that are viewed at a time: a view has a maximum size. */
const VIEWED = 2 ** 26;

/**
 * Adds a step that finds the largest magnitude of a form's values, NaN if one of them is NaN. Padding is zero.
 * @param known a bound that is found without looking at the values; undefined if it does not suffice
 * @returns where a run finds it after that step
 */
export function emitLargest(
  b: OneDnnBuilder,
  i: number,
  form: Form,
  known: () => number | undefined = () => undefined,
): { readonly value: number } {
  const { region } = form;
  const width: Width = b.dnnl.typeOf(form.md) === 'bfloat16' ? 16 : 32;
  const found = { value: 0 };
  const { scope } = b.node(i);
  const pool = b.isReachable(region) && region.bytes % 4 === 0 ? b.arena?.pool : undefined;
  const { slot } = region;
  // A storage that the plan does not change is looked at only after something else has changed it.
  const packs =
    slot === undefined || b.graph.updates.some((update) => update.slot === slot) ? {} : { packs: slot };
  const label = { op: 'largest', scope, kernel: 'wasm', macs: 0, writes: false, ...packs } as const;
  if (!pool) {
    const find = (address: number) => () => {
      found.value = known() ?? largestAt(address, region.bytes, width);
    };
    b.emit({ ...label, touches: [region], script: (at) => find(at(region)) });
    return found;
  }
  const largest = new Largest(pool, region.bytes, width);
  const scratch = b.region(largest.scratchBytes);
  b.emit({
    ...label,
    touches: [region, scratch],
    script: (at) => {
      const [values, own] = [region, scratch].map((r) => b.arena!.offsetOf(at(r))) as [number, number];
      return () => {
        found.value = known() ?? largest.of(values, own);
      };
    },
  });
  return found;
}

function largestAt(address: number, bytes: number, width: Width): number {
  const count = (8 * bytes) / width;
  let found = 0;
  for (let first = 0; first < count; first += VIEWED) {
    const at = address + (first * width) / 8;
    const some = Math.min(VIEWED, count - first);
    const values =
      width === 32
        ? (arrayAt(at, 'int32', some) as Int32Array)
        : Int32Array.from(new Uint16Array(view(at, 2 * some)), (half) => half << 16);
    found = Math.max(found, largestOf(values));
  }
  return found;
}
