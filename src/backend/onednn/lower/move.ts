import { sizeOf } from '../../../graph/types.js';
import { copyPartsOf } from '../../plan/copies.js';
import { rowMajor } from '../api/core.js';
import { Arg, type DnnlType } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import { emitInto } from './emit.js';
import { lowerRecurrentLookup } from './recurrent/recurrent.js';
import { lowerVectors } from './vectors.js';

/** Maximum number of dimensions of a reorder. */
const MOST = 12;

/** Other dimensions of the same elements: a reorder from their strides to row-major. */
export function lowerPermute(b: OneDnnBuilder, i: number): boolean {
  const { inputs, attrs, shape, dtype } = b.node(i);
  if (shape.includes(0) || shape.length < 2 || shape.length > MOST || dtype === 'float64') return false;
  const [x] = inputs as [number];
  const strides = rowMajor(b.node(x).shape);
  const { region } = b.plainForm(x);
  const from = b.dnnl.plain(
    shape,
    dtype,
    (attrs.axes as readonly number[]).map((axis) => strides[axis]!),
  );
  const to = { dims: shape, md: b.dnnl.plain(shape, dtype) };
  return emitInto(b, i, b.reorder(from, to.md), to, [[Arg.src, { md: from, region }]]);
}

/** Parts of the result, each a reorder between the strides of both sides. */
export function lowerCopyParts(b: OneDnnBuilder, i: number): boolean {
  const node = b.node(i);
  const out = b.newPlainForm(i);
  for (const [k, { dimensions, fromOffset, toOffset }] of copyPartsOf(node).entries()) {
    const layout = (side: 'from' | 'to') =>
      b.dnnl.plain(
        dimensions.map(({ size }) => size),
        node.dtype as DnnlType,
        dimensions.map((dimension) => dimension[side]),
      );
    const [from, to] = [layout('from'), layout('to')];
    const { region } = b.plainForm(node.inputs[k]!);
    b.emitPrimitive(i, b.reorder(from, to), [
      [Arg.src, { md: from, region, offset: 4 * fromOffset }],
      [Arg.dst, { md: to, region: out.region, offset: 4 * toOffset }],
    ]);
  }
  b.define(i, out);
  return true;
}

/**
 * Whether a node reads a small part of a storage that vector kernels cannot access. They would need a copy of all of it,
 * so such a part is read in TypeScript.
 */
export function readsPartOutside(b: OneDnnBuilder, i: number): boolean {
  const { inputs, shape } = b.node(i);
  const [whole] = inputs as [number];
  return !b.isReachable(b.value(whole).forms[0]!.region) && sizeOf(b.node(whole).shape) > sizeOf(shape);
}

/** Copies the rows that indices name. */
export const lowerIndexSelect = (b: OneDnnBuilder, i: number): boolean =>
  lowerRecurrentLookup(b, i) || (!readsPartOutside(b, i) && lowerVectors(b, i));
