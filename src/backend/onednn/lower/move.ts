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
 * Copies the rows that indices name. A table in a storage that is larger than what is read of it is read in TypeScript,
 * since vector kernels would need a copy of all of it.
 */
export function lowerIndexSelect(b: OneDnnBuilder, i: number): boolean {
  if (lowerRecurrentLookup(b, i)) return true;
  const { inputs, shape } = b.node(i);
  const [table] = inputs as [number];
  if (!b.isReachable(b.value(table).forms[0]!.region) && sizeOf(b.node(table).shape) > sizeOf(shape))
    return false;
  return lowerVectors(b, i);
}
