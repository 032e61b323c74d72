import type { GraphNode } from '../../../../graph/graph.js';
import { operationNameOf } from '../../../plan/numbers/varying.js';
import type { OneDnnBuilder } from '../../builder.js';
import { emitLargest } from './largest.js';

/*
 * Some primitives lose NaN, or values near the limits of float32. Whether a run has such values follows from upper bounds
 * of magnitudes: of inputs and weights they are found by a pass over them, for results they follow from those of the
 * operands, as long as these are far from the limits.
 */

/** An upper bound of a value's magnitudes in the present run: NaN or infinite if one of them may be. */
export type Bound = () => number;

const bounds = new WeakMap<OneDnnBuilder, Map<number, Bound>>();
function boundsOf(b: OneDnnBuilder): Map<number, Bound> {
  let map = bounds.get(b);
  if (!map) bounds.set(b, (map = new Map()));
  return map;
}

/** Operations whose results are not larger than their first input. */
const NOT_LARGER = new Set(['avgPool2d', 'maxPool2d', 'permute', 'relu', 'slice']);
const isNotLarger = ({ op, attrs }: GraphNode): boolean =>
  NOT_LARGER.has(operationNameOf(op)) ||
  (op === 'localResponseNorm' && (attrs.k as number) >= 1 && (attrs.beta as number) >= 0);

/** The bound of a value that follows from what earlier steps have found. */
function known(b: OneDnnBuilder, i: number): Bound | undefined {
  const source = b.sourceOf(i);
  const found = boundsOf(b).get(source);
  if (found) return found;
  const node = b.node(source);
  if (node.op === 'concat') {
    const parts = node.inputs.flatMap((input) => known(b, input) ?? []);
    return parts.length === node.inputs.length ? () => Math.max(...parts.map((bound) => bound())) : undefined;
  }
  return isNotLarger(node) ? known(b, node.inputs[0]!) : undefined;
}

/** Tells the bound of a node's result. */
export const setBound = (b: OneDnnBuilder, i: number, bound: Bound): void =>
  void boundsOf(b).set(b.sourceOf(i), bound);

/**
 * A bound of an input of the node that is being lowered.
 * @param enough a bound up to this suffices; if only a larger one is known, a step finds the largest magnitude
 */
export function boundOf(b: OneDnnBuilder, i: number, input: number, enough: number): Bound {
  const given = known(b, input);
  const form = b.value(input).forms[0]!;
  const found = emitLargest(b, i, form, () => {
    const bound = given?.();
    return bound !== undefined && bound <= enough ? bound : undefined;
  });
  const bound = () => found.value;
  setBound(b, input, bound);
  return bound;
}
