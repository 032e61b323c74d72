import { sizeOf } from '../../../graph/types.js';
import type { UpdateGroup } from '../../plan/updates.js';
import { canRender } from '../../simd/render.js';
import { emitUpdates, keepsZeros, type PlacedUpdates } from '../../simd/updates.js';
import type { OneDnnBuilder } from '../builder.js';
import { same } from '../forms.js';
import type { Form } from '../ir.js';
import { reachable } from './vectors.js';

/** Computes groups of updates in few steps. Returns those whose storages vector kernels cannot write. */
export function lowerUpdates(b: OneDnnBuilder, groups: readonly UpdateGroup[]): readonly UpdateGroup[] {
  if (!b.vectors) return groups;
  const placed = groups.flatMap((group) => placedUpdates(b, group) ?? []);
  emitUpdates(b.vectors, placed);
  for (const { group } of placed) {
    for (const { node, slot } of group.results) b.define(node, b.slots[slot]!.form);
    for (const i of group.nodes) b.release(i);
  }
  return groups.filter((group) => placed.every((one) => one.group !== group));
}

function placedUpdates(b: OneDnnBuilder, group: UpdateGroup): PlacedUpdates | undefined {
  const { inputs, results, nodes, size } = group;
  const isWritable = results.every(
    ({ node, slot, formula }) =>
      canRender(formula) && b.slots[slot]!.inside && b.targetSlot(node, nodes) === slot,
  );
  const scalars = inputs.map((input) => size > 1 && sizeOf(b.node(input).shape) === 1);
  const full = inputs.filter((_, k) => !scalars[k]);
  const lead = isWritable ? commonForm(b, group, full) : undefined;
  if (!lead) return undefined;
  const count = b.dnnl.bytes(lead.md) / 4;
  if (count > size && !keepsZeros({ group, scalars })) return undefined;
  const sources = inputs.map((input, k) =>
    reachable(b, input, scalars[k] ? b.plainForm(input) : b.form(input, lead.dims, lead.md)),
  );
  const targets = results.map(({ slot }) => b.slots[slot]!.form);
  return { group, operands: [...sources, ...targets].map(({ region }) => region), scalars, count };
}

/**
 * The layout that all storages of a group have: those whose layout is flexible take that of the others, or of the
 * gradient. Undefined if they differ.
 */
function commonForm(
  b: OneDnnBuilder,
  { results }: UpdateGroup,
  full: readonly number[],
): Pick<Form, 'dims' | 'md'> | undefined {
  const slots = results.map(({ slot }) => slot);
  const settled = slots.find((slot) => !b.slots[slot]!.flexible);
  const gradient = full.find((input) => b.value(input).forms[0]!.region.slot === undefined);
  const { dims, md } =
    settled !== undefined
      ? b.slots[settled]!.form
      : gradient === undefined
        ? b.slots[slots[0]!]!.form
        : b.float32Form(gradient);
  if (!b.dnnl.isBlocked(md) || b.dnnl.typeOf(md) !== 'float32') return undefined;
  for (const slot of slots) b.settle(b.graph.storages[slot]!, dims, md);
  const fits = slots.every((slot) => {
    const { form } = b.slots[slot]!;
    return same(form.dims, dims) && b.dnnl.equal(form.md, md);
  });
  return fits ? { dims, md } : undefined;
}
