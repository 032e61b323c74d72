import { type Builder, same } from './builder.js';
import { Arg, type Dims, type Handle, type Md, Prop, Query } from './dnnl.js';
import { fuseActivation } from './fuse.js';
import type { Form } from './value.js';

const isSlow = (b: Builder, pd: Handle): boolean => b.dnnl.implementation(pd).startsWith('ref');

/**
 * A primitive with the weights as they lie, unless that has no fast implementation; then with the library's own
 * choice of layout. The three directions of a layer agree on one layout when its input is a plain matrix, which
 * is why a picture is reordered first: its few activations cost less than its many weights.
 */
function withWeights(b: Builder, w: number, dims: Dims, make: (weights: Md) => Handle): Handle {
  const current = b.value(w).forms[0]!;
  if (!b.isFlexible(w) && same(current.dims, dims)) {
    const pd = make(current.md);
    if (!isSlow(b, pd)) return pd;
  }
  return make(b.dnnl.any(dims));
}

export function lowerLinear(b: Builder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [x, w, bias] = node.inputs as [number, number, number | undefined];
  const src = b.plainForm(x);
  const wDims = b.node(w).shape;
  const biasMd = bias === undefined ? null : d.plain([wDims[0]!]);
  const dst = d.plain(node.shape);
  const { postOps, define } = fuseActivation(b, i);
  const prop = b.training ? Prop.forwardTraining : Prop.forwardInference;
  const pd = withWeights(b, w, wDims, (md) => d.innerProductForward(prop, src.md, md, biasMd, dst, postOps));
  const weights = d.query(pd, Query.weights)!;
  b.settle(w, wDims, weights);
  const out = b.newForm(node.shape, dst);
  b.emitPrimitive(i, pd, [
    [Arg.src, src],
    [Arg.weights, b.form(w, wDims, weights)],
    ...(bias === undefined ? [] : ([[Arg.bias, b.plainForm(bias)]] as const)),
    [Arg.dst, out],
  ]);
  define(out);
  return true;
}

const hint = (b: Builder, src: Md, wDims: Dims, dst: Md): Handle =>
  b.dnnl.innerProductForward(Prop.forwardTraining, src, b.dnnl.any(wDims), null, dst);

export function lowerLinearGradInput(b: Builder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [dy, w] = node.inputs as [number, number];
  const wDims = b.node(w).shape;
  const [src, dst] = [d.plain(node.shape), d.plain(b.node(dy).shape)];
  const forward = hint(b, src, wDims, dst);
  const pd = withWeights(b, w, wDims, (md) => d.innerProductBackwardData(src, md, dst, forward));
  const out = b.newForm(node.shape, src);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, b.plainForm(dy)],
    [Arg.weights, b.form(w, wDims, d.query(pd, Query.weights)!)],
    [Arg.diffSrc, out],
  ]);
  b.define(i, out);
  return true;
}

export function lowerLinearGradWeight(b: Builder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [dy, x] = node.inputs as [number, number];
  const src = b.plainForm(x);
  const dst = d.plain(b.node(dy).shape);
  const bias = lowerBiasGrad(b, i, dy, [0]);
  const any = d.any(node.shape);
  const pd = d.innerProductBackwardWeights(
    src.md,
    any,
    bias?.md ?? null,
    dst,
    hint(b, src.md, node.shape, dst),
  );
  const out = b.newForm(node.shape, d.query(pd, Query.diffWeights)!);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, b.plainForm(dy)],
    [Arg.src, src],
    [Arg.diffWeights, out],
    ...(bias ? ([[Arg.diffBias, bias]] as const) : []),
  ]);
  b.define(i, out);
  return true;
}

/** The bias gradient, when the graph has one for this gradient: the weight gradient's primitive makes it on the way. */
export function lowerBiasGrad(b: Builder, i: number, dy: number, axes: readonly number[]): Form | null {
  const isBias = (u: number): boolean => {
    const { op, attrs } = b.node(u);
    return u > i && op === 'sum' && !attrs.keepDims && same(attrs.axes as number[], axes) && !b.values[u];
  };
  const found = b.users[dy]!.find(isBias);
  if (found === undefined) return null;
  const { shape } = b.node(found);
  const form = b.newForm(shape, b.dnnl.plain(shape));
  b.define(found, form);
  b.done.add(found);
  return form;
}
