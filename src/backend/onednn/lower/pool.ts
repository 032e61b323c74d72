import type { AvgPoolAttrs, MaxPoolAttrs } from '../../../ops/pool.js';
import { Alg, Arg, type ConvGeometry, type Dims, type Md, Prop, Query } from '../api/dnnl.js';
import type { Builder } from '../builder.js';
import type { Form } from '../ir.js';
import { padRight } from './conv.js';

type Window = Pick<MaxPoolAttrs, 'kernel' | 'stride' | 'padding'> & {
  readonly dilation?: readonly [number, number];
};

function geometry(x: Dims, y: Dims, { kernel, stride, padding, dilation = [1, 1] }: Window): ConvGeometry {
  return {
    strides: stride,
    dilates: dilation.map((d) => d - 1),
    padLeft: padding,
    padRight: [0, 1].map((i) =>
      padRight(x[2 + i]!, y[2 + i]!, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!),
    ),
  };
}

/** The forward node that a gradient node belongs to: the same operation on the same input. */
export function forwardOf(b: Builder, i: number, x: number): number | undefined {
  const node = b.node(i);
  const op = node.op.replace(/Grad$/, '');
  const attrs = JSON.stringify(node.attrs);
  return b.users[x]!.find((u) => b.node(u).op === op && JSON.stringify(b.node(u).attrs) === attrs);
}

/** Whether the graph has a gradient node of this operation, which needs its workspace. */
export const hasGradient = (b: Builder, i: number): boolean => {
  const [x] = b.node(i).inputs as [number];
  return b.users[x]!.some((u) => b.node(u).op === `${b.node(i).op}Grad` && forwardOf(b, u, x) === i);
};

export function lowerMaxPool(b: Builder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const attrs = node.attrs as unknown as MaxPoolAttrs;
  const [x] = node.inputs as [number];
  const src = b.shapedForm(x);
  const keep = hasGradient(b, i);
  const g = geometry(src.dims, node.shape, attrs);
  const pd = d.poolForward(
    keep ? Prop.forwardTraining : Prop.forwardInference,
    Alg.poolMax,
    src.md,
    d.any(node.shape, d.typeOf(src.md)),
    attrs.kernel,
    g,
  );
  const out = b.newForm(node.shape, d.query(pd, Query.dst)!);
  b.emitPrimitive(i, pd, [
    [Arg.src, src],
    [Arg.dst, out],
    ...workspace(b, i, keep ? d.query(pd, Query.workspace) : null),
  ]);
  b.define(i, out);
  return true;
}

export function lowerMaxPoolGrad(b: Builder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const attrs = node.attrs as unknown as MaxPoolAttrs;
  const [dy, x] = node.inputs as [number, number];
  const forward = forwardOf(b, i, x);
  if (forward === undefined || !b.workspaces.has(forward)) return false;
  const src = b.shapedForm(x);
  const made = b.shapedForm(forward);
  const g = geometry(src.dims, made.dims, attrs);
  const hint = d.poolForward(Prop.forwardTraining, Alg.poolMax, src.md, made.md, attrs.kernel, g);
  const pd = d.poolBackward(Alg.poolMax, src.md, made.md, attrs.kernel, g, hint);
  const out = b.newForm(src.dims, src.md);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, b.form(dy, made.dims, made.md)],
    [Arg.diffSrc, out],
    ...kept(b, forward),
  ]);
  b.define(i, out);
  return true;
}

const averageAlg = ({ countIncludePad }: AvgPoolAttrs): number =>
  countIncludePad ? Alg.poolAvgIncludePadding : Alg.poolAvgExcludePadding;

/** With ceilMode, PyTorch divides the last windows by other counts than oneDNN. */
const isOrdinary = ({ ceilMode }: AvgPoolAttrs): boolean => !ceilMode;

export function lowerAvgPool(b: Builder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const attrs = node.attrs as unknown as AvgPoolAttrs;
  if (!isOrdinary(attrs)) return false;
  const [x] = node.inputs as [number];
  const src = b.shapedForm(x);
  const g = geometry(src.dims, node.shape, attrs);
  const pd = d.poolForward(
    Prop.forwardInference,
    averageAlg(attrs),
    src.md,
    d.any(node.shape, d.typeOf(src.md)),
    attrs.kernel,
    g,
  );
  const out = b.newForm(node.shape, d.query(pd, Query.dst)!);
  b.emitPrimitive(i, pd, [
    [Arg.src, src],
    [Arg.dst, out],
  ]);
  b.define(i, out);
  return true;
}

export function lowerAvgPoolGrad(b: Builder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const attrs = node.attrs as unknown as AvgPoolAttrs;
  if (!isOrdinary(attrs)) return false;
  const [dy] = node.inputs as [number];
  // The library cannot choose the layout of a pooling's input, and the input itself is not an operand here.
  const grad = b.plainForm(dy);
  const src = d.plain(node.shape);
  const g = geometry(node.shape, grad.dims, attrs);
  const alg = averageAlg(attrs);
  const hint = d.poolForward(Prop.forwardTraining, alg, src, grad.md, attrs.kernel, g);
  const pd = d.poolBackward(alg, src, grad.md, attrs.kernel, g, hint);
  const out = b.newForm(node.shape, src);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, grad],
    [Arg.diffSrc, out],
  ]);
  b.define(i, out);
  return true;
}

type Workspace = readonly (readonly [number, { md: Md; region: Form['region'] }])[];

/** Workspace memory that a forward primitive writes for its backward primitive. */
export function workspace(b: Builder, i: number, md: Md | null): Workspace {
  const made = md ? { md, region: b.region(b.dnnl.bytes(md)) } : null;
  b.workspaces.set(i, made);
  return made ? [[Arg.workspace, made]] : [];
}

export function kept(b: Builder, forward: number): Workspace {
  const made = b.workspaces.get(forward);
  return made ? [[Arg.workspace, made]] : [];
}
