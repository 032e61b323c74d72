import { rowMajor } from '../api/core.js';
import { Arg } from '../api/dnnl.js';
import type { Builder } from '../builder.js';
import { emitInto } from './emit.js';

/** Maximum number of dimensions of a reorder. */
const MOST = 12;

/** Other dimensions of the same elements: a reorder from their strides to row-major. */
export function lowerPermute(b: Builder, i: number): boolean {
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
  return emitInto(b, i, b.dnnl.reorder(from, to.md), to, [[Arg.src, { md: from, region }]]);
}
