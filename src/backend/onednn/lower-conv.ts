import type { Conv2dAttrs } from '../../ops/conv2d.js';
import { type Builder, same } from './builder.js';
import {
  Alg,
  Arg,
  type ConvGeometry,
  type Dims,
  type Handle,
  type Md,
  Prop,
  Query,
  Unimplemented,
} from './dnnl.js';
import { fuseActivation } from './fuse.js';
import { lowerBiasGrad } from './lower-linear.js';

interface Conv {
  readonly x: Dims;
  readonly w: Dims;
  readonly y: Dims;
  readonly geometry: ConvGeometry;
  readonly alg: number;
}

/** Right padding that makes the window's last position end where oneDNN counts it to end. */
export const padRight = (
  size: number,
  out: number,
  kernel: number,
  stride: number,
  padLeft: number,
  dilation: number,
): number => Math.max(0, (out - 1) * stride + dilation * (kernel - 1) + 1 - size - padLeft);

function describe(x: Dims, w: Dims, y: Dims, { stride, padding, dilation, groups }: Conv2dAttrs): Conv {
  const geometry: ConvGeometry = {
    strides: stride,
    dilates: dilation.map((d) => d - 1),
    padLeft: padding,
    padRight: [0, 1].map((i) =>
      padRight(x[2 + i]!, y[2 + i]!, w[2 + i]!, stride[i]!, padding[i]!, dilation[i]!),
    ),
  };
  const grouped = groups === 1 ? w : [groups, w[0]! / groups, ...w.slice(1)];
  // Winograd's transform pays for 3 × 3 kernels at stride 1 on whole vectors of channels.
  const winograd =
    groups === 1 &&
    w[2] === 3 &&
    w[3] === 3 &&
    same(stride, [1, 1]) &&
    same(dilation, [1, 1]) &&
    w[0]! % 16 === 0 &&
    w[1]! % 16 === 0;
  return { x, w: grouped, y, geometry, alg: winograd ? Alg.winograd : Alg.direct };
}

/** Tries the preferred algorithm, then the direct one. */
function withAlg(conv: Conv, make: (alg: number) => Handle): Handle {
  try {
    return make(conv.alg);
  } catch (error) {
    if (!(error instanceof Unimplemented) || conv.alg === Alg.direct) throw error;
    return make(Alg.direct);
  }
}

function forwardPd(
  b: Builder,
  c: Conv,
  alg: number,
  bias: boolean,
  postOps: Parameters<Builder['dnnl']['convForward']>[7] = [],
): Handle {
  const d = b.dnnl;
  // For inference alone Winograd keeps its weights in a layout of its own, which would be made anew in each run.
  const training = b.training || alg === Alg.winograd;
  const prop = training ? Prop.forwardTraining : Prop.forwardInference;
  const biasMd: Md | null = bias ? d.plain([c.y[1]!]) : null;
  return d.convForward(prop, alg, d.any(c.x), d.any(c.w), biasMd, d.any(c.y), c.geometry, postOps);
}

export function lowerConv2d(b: Builder, i: number): boolean {
  const node = b.node(i);
  const [x, w, bias] = node.inputs as [number, number, number | undefined];
  const c = describe(b.node(x).shape, b.node(w).shape, node.shape, node.attrs as unknown as Conv2dAttrs);
  const { postOps, define } = fuseActivation(b, i);
  const pd = withAlg(c, (alg) => forwardPd(b, c, alg, bias !== undefined, postOps));
  const d = b.dnnl;
  const weightsMd = d.query(pd, Query.weights)!;
  b.settle(w, c.w, weightsMd);
  const out = b.newForm(c.y, d.query(pd, Query.dst)!);
  b.emitPrimitive(i, pd, [
    [Arg.src, b.form(x, c.x, d.query(pd, Query.src)!)],
    [Arg.weights, b.form(w, c.w, weightsMd)],
    ...(bias === undefined ? [] : ([[Arg.bias, b.plainForm(bias)]] as const)),
    [Arg.dst, out],
  ]);
  define(out);
  return true;
}

export function lowerConv2dGradInput(b: Builder, i: number): boolean {
  const node = b.node(i);
  const [dy, w] = node.inputs as [number, number];
  const c = describe(node.shape, b.node(w).shape, b.node(dy).shape, node.attrs as unknown as Conv2dAttrs);
  const d = b.dnnl;
  const pd = withAlg(c, (alg) =>
    d.convBackwardData(alg, d.any(c.x), d.any(c.w), d.any(c.y), c.geometry, forwardPd(b, c, alg, false)),
  );
  const out = b.newForm(c.x, d.query(pd, Query.diffSrc)!);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, b.form(dy, c.y, d.query(pd, Query.diffDst)!)],
    [Arg.weights, b.form(w, c.w, d.query(pd, Query.weights)!)],
    [Arg.diffSrc, out],
  ]);
  b.define(i, out);
  return true;
}

export function lowerConv2dGradWeight(b: Builder, i: number): boolean {
  const node = b.node(i);
  const [dy, x] = node.inputs as [number, number];
  const c = describe(b.node(x).shape, node.shape, b.node(dy).shape, node.attrs as unknown as Conv2dAttrs);
  const d = b.dnnl;
  const bias = lowerBiasGrad(b, i, dy, [0, 2, 3]);
  const pd = withAlg(c, (alg) =>
    d.convBackwardWeights(
      alg,
      d.any(c.x),
      d.any(c.w),
      bias ? bias.md : null,
      d.any(c.y),
      c.geometry,
      forwardPd(b, c, alg, bias !== null),
    ),
  );
  const out = b.newForm(c.w, d.query(pd, Query.diffWeights)!);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, b.form(dy, c.y, d.query(pd, Query.diffDst)!)],
    [Arg.src, b.form(x, c.x, d.query(pd, Query.src)!)],
    [Arg.diffWeights, out],
    ...(bias ? ([[Arg.diffBias, bias]] as const) : []),
  ]);
  b.define(i, out);
  return true;
}
