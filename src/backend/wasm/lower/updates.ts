import { sizeOf } from '../../../graph/types.js';
import type { UpdateGroup } from '../../plan/updates.js';
import { canRender } from '../../simd/render.js';
import { emitUpdates } from '../../simd/updates.js';
import type { WasmBuilder } from '../builder.js';

/** Computes groups of updates in few steps. Returns those that cannot be computed in place. */
export function lowerUpdates(b: WasmBuilder, groups: readonly UpdateGroup[]): readonly UpdateGroup[] {
  const fused = groups.filter(({ nodes, results }) =>
    results.every(({ node, slot, formula }) => canRender(formula) && b.targetSlot(node, nodes) === slot),
  );
  emitUpdates(
    b.vectors,
    fused.map((group) => ({
      group,
      operands: [
        ...group.inputs.map((input) => b.regionOf(input)),
        ...group.results.map(({ slot }) => b.slots[slot]!),
      ],
      scalars: group.inputs.map((input) => group.size > 1 && sizeOf(b.node(input).shape) === 1),
      count: group.size,
    })),
  );
  for (const { nodes, results } of fused) {
    for (const { node, slot } of results) b.define(node, b.slots[slot]!);
    for (const i of nodes) b.release(i);
  }
  return groups.filter((group) => !fused.includes(group));
}
