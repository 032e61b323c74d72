import { type Builder, same } from './builder.js';
import { Arg, type Dims, type Handle, type Md, Prop, Query } from './dnnl.js';
import { activationPostOp, fusableActivation } from './fuse.js';
import type { Form } from './value.js';

/**
 * A fully connected layer after a picture keeps the picture's blocked layout: the input stays [N, C, H, W],
 * and the weights are [out, C, H, W] blocked alike, so that nothing is reordered in either direction.
 */
function inputForm(b: Builder, x: number): Form {
  const first = b.value(x).forms[0]!;
  const n = b.node(x).shape[0]!;
  return first.dims.length === 4 && first.dims[0] === n && b.dnnl.isBlocked(first.md)
    ? first
    : b.plainForm(x);
}

const isReference = (b: Builder, pd: Handle): boolean => b.dnnl.implementation(pd).startsWith('ref');

export function lowerLinear(b: Builder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [x, w, bias] = node.inputs as [number, number, number | undefined];
  const src = inputForm(b, x);
  const wDims = [node.shape[1]!, ...src.dims.slice(1)];
  const biasMd = bias === undefined ? null : d.plain([wDims[0]!]);
  const dst = d.plain(node.shape);
  const fused = fusableActivation(b, i);
  const postOps = fused === undefined ? [] : [activationPostOp(b.node(fused))];
  const prop = b.training ? Prop.forwardTraining : Prop.forwardInference;
  const make = (weights: Md): Handle => d.innerProductForward(prop, src.md, weights, biasMd, dst, postOps);

  const free = make(d.any(wDims));
  // The layout that the gradient comes in serves all three directions; forward's own choice is a transpose of it.
  const wanted = d.query(
    d.innerProductBackwardWeights(src.md, d.any(wDims), null, dst, free),
    Query.diffWeights,
  )!;
  b.settle(w, wDims, wanted);
  const current = b.value(w).forms[0]!;
  let pd = same(current.dims, wDims) ? make(current.md) : make(wanted);
  if (isReference(b, pd)) pd = free;
  const out = b.newForm(node.shape, dst);
  b.emitPrimitive(i, pd, [
    [Arg.src, src],
    [Arg.weights, b.form(w, wDims, d.query(pd, Query.weights)!)],
    ...(bias === undefined ? [] : ([[Arg.bias, b.plainForm(bias)]] as const)),
    [Arg.dst, out],
  ]);
  b.define(i, out);
  if (fused !== undefined) {
    b.define(fused, out);
    b.done.add(fused);
  }
  return true;
}

const forwardHint = (b: Builder, src: Md, weights: Md, dst: Md): Handle =>
  b.dnnl.innerProductForward(Prop.forwardTraining, src, weights, null, dst);

export function lowerLinearGradInput(b: Builder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [dy, w] = node.inputs as [number, number];
  const weights = b.value(w).forms[0]!;
  const wDims: Dims = d.isBlocked(weights.md) ? weights.dims : b.node(w).shape;
  const md = b.form(w, wDims, weights.md).md;
  const xDims = [node.shape[0]!, ...wDims.slice(1)];
  const dst = d.plain(b.node(dy).shape);
  const hint = forwardHint(b, d.any(xDims), md, dst);
  let pd = d.innerProductBackwardData(d.any(xDims), md, dst, hint);
  if (isReference(b, pd)) pd = d.innerProductBackwardData(d.any(xDims), d.any(wDims), dst, hint);
  const out = b.newForm(xDims, d.query(pd, Query.diffSrc)!);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, b.form(dy, b.node(dy).shape, dst)],
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
  const src = inputForm(b, x);
  const wDims = [node.shape[0]!, ...src.dims.slice(1)];
  const dst = d.plain(b.node(dy).shape);
  const bias = lowerBiasGrad(b, i, dy, [0]);
  const hint = forwardHint(b, src.md, d.any(wDims), dst);
  const pd = d.innerProductBackwardWeights(src.md, d.any(wDims), bias ? bias.md : null, dst, hint);
  const out = b.newForm(wDims, d.query(pd, Query.diffWeights)!);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, b.form(dy, b.node(dy).shape, dst)],
    [Arg.src, src],
    [Arg.diffWeights, out],
    ...(bias ? ([[Arg.diffBias, bias]] as const) : []),
  ]);
  b.define(i, out);
  return true;
}

/** The bias gradient, when the graph has one for this gradient: the weight gradient's primitive makes it on the way. */
export function lowerBiasGrad(b: Builder, i: number, dy: number, axes: readonly number[]): Form | null {
  const found = b.users[dy]!.find(
    (u) =>
      u > i &&
      b.node(u).op === 'sum' &&
      same(b.node(u).attrs.axes as number[], axes) &&
      !b.done.has(u) &&
      !b.values[u],
  );
  if (found === undefined || b.node(found).attrs.keepDims) return null;
  const form = b.newForm(b.node(found).shape, b.dnnl.plain(b.node(found).shape));
  b.define(found, form);
  b.done.add(found);
  return form;
}
