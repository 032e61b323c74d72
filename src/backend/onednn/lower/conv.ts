import { sizeOf } from '../../../graph/types.js';
import type { Conv2dAttrs } from '../../../ops/conv2d.js';
import {
  Alg,
  Arg,
  type ConvGeometry,
  type Dims,
  type Dnnl,
  type DnnlType,
  type Handle,
  type Md,
  type PostOp,
  Prop,
  Query,
  Unimplemented,
} from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import { same } from '../forms.js';
import { fuseActivation } from '../fuse.js';
import type { Candidate, Operand } from '../kernel-choice.js';
import { channelsLast, isChannelsLast } from './channels.js';
import { correctRectified } from './correct/rectifier.js';
import { lowerBiasGrad } from './linear.js';

interface Conv {
  readonly x: Dims;
  readonly w: Dims;
  readonly y: Dims;
  readonly geometry: ConvGeometry;
  readonly winograd: boolean;
  /** Whether inputs and results have the channels last. */
  readonly last: boolean;
}

/** An implementation of convolution. */
interface Kernel {
  readonly name: string;
  readonly alg: number;
  /** Type of inputs and weights; accumulation is always float32. */
  readonly type: DnnlType;
}

const KERNELS = {
  bfloat16: { name: 'bfloat16', alg: Alg.direct, type: 'bfloat16' },
  winograd: { name: 'winograd', alg: Alg.winograd, type: 'float32' },
  direct: { name: 'direct', alg: Alg.direct, type: 'float32' },
} as const satisfies Record<string, Kernel>;

type Direction = 'forward' | 'gradInput' | 'gradWeight';

/** Right padding for which oneDNN computes the same number of window positions. */
export const padRight = (
  size: number,
  out: number,
  kernel: number,
  stride: number,
  padLeft: number,
  dilation: number,
): number => Math.max(0, (out - 1) * stride + dilation * (kernel - 1) + 1 - size - padLeft);

/** @param last whether the values that are there have the channels last */
function describe(
  x: Dims,
  w: Dims,
  y: Dims,
  { stride, padding, dilation, groups }: Conv2dAttrs,
  last: boolean,
): Conv {
  const geometry: ConvGeometry = {
    strides: stride,
    dilates: dilation.map((d) => d - 1),
    padLeft: padding,
    padRight: [0, 1].map((i) =>
      padRight(x[2 + i]!, y[2 + i]!, w[2 + i]!, stride[i]!, padding[i]!, dilation[i]!),
    ),
  };
  const grouped = groups === 1 ? w : [groups, w[0]! / groups, ...w.slice(1)];
  // Winograd is faster for 3 × 3 kernels with stride 1 if the numbers of channels fill whole vectors.
  const winograd =
    !last &&
    groups === 1 &&
    w[2] === 3 &&
    w[3] === 3 &&
    same(stride, [1, 1]) &&
    same(dilation, [1, 1]) &&
    w[0]! % 16 === 0 &&
    w[1]! % 16 === 0;
  return { x, w: grouped, y, geometry, winograd, last };
}

/** For smaller batches direct convolution is faster, since it does not transform the weights. */
const FEW = 8;

/**
 * Whether some element of the kernel meets padding only, at every position. Its weight's gradient is 0, which the
 * library's bfloat16 implementation leaves unwritten.
 */
const meetsPaddingOnly = ({ x, w, y, geometry }: Conv): boolean =>
  [0, 1].some((side) => {
    const [size, kernel, positions] = [x[2 + side]!, w.at(side - 2)!, y[2 + side]!];
    const [stride, dilation] = [geometry.strides[side]!, geometry.dilates[side]! + 1];
    const meets = (k: number): boolean =>
      Array.from({ length: positions }, (_, n) => n * stride + k * dilation - geometry.padLeft[side]!).some(
        (place) => place >= 0 && place < size,
      );
    return Array.from({ length: kernel }, (_, k) => k).some((k) => !meets(k));
  });

/**
 * A 1 × 1 convolution with an odd number of output channels in a group. With the channels last, the library's bfloat16
 * gradient of its input (`jit_bf16_1x1`) is wrong at some sizes, such as 10 × 12.
 */
const isOddPointwise = ({ w }: Conv): boolean => w.at(-1) === 1 && w.at(-2) === 1 && w.at(-4)! % 2 === 1;

/** Whether the library's bfloat16 implementation gives wrong numbers. */
const isFaulty = (direction: Direction, c: Conv): boolean =>
  (direction === 'gradWeight' && meetsPaddingOnly(c)) || (direction === 'gradInput' && isOddPointwise(c));

/** Kernels that can compute this convolution, the most promising first. */
const kernelsFor = (b: OneDnnBuilder, direction: Direction, c: Conv): Kernel[] => [
  ...(b.choice.compute === 'bfloat16' && !isFaulty(direction, c) ? [KERNELS.bfloat16] : []),
  ...(c.winograd && c.x[0]! >= FEW ? [KERNELS.winograd] : []),
  KERNELS.direct,
  ...(c.winograd && c.x[0]! < FEW ? [KERNELS.winograd] : []),
];

/** The same convolution of fewer images, small enough to time. */
function sample(c: Conv, macs: number): Conv {
  const n = Math.min(c.x[0]!, Math.max(1, Math.ceil(macs / macsOf({ ...c, y: [1, ...c.y.slice(1)] }))));
  return { ...c, x: [n, ...c.x.slice(1)], y: [n, ...c.y.slice(1)] };
}

const macsOf = ({ y, w }: Conv): number => sizeOf(y) * sizeOf(w.slice(-3));

interface Wanted {
  readonly bias: boolean;
  readonly training: boolean;
  readonly postOps?: readonly PostOp[];
}

const image = (dnnl: Dnnl, { last }: Conv, shape: Dims, type: DnnlType): Md =>
  last ? channelsLast({ dnnl }, shape, type) : dnnl.any(shape, type);

/** Most positions in a row of images, as opposed to sequences of samples. */
const WIDEST_IMAGE = 256;

/**
 * What to ask of the library for inference. It has an implementation for that alone (brgconv) whose primitive holds some
 * kilobytes for each position of a padded row, gigabytes for a minute of sound, and takes seconds to create.
 */
const inferenceProp = ({ y, geometry: { padLeft, padRight } }: Conv): number =>
  y[3]! > WIDEST_IMAGE && (padLeft[1]! > 0 || padRight[1]! > 0)
    ? Prop.forwardTraining
    : Prop.forwardInference;

function forwardPd(d: Dnnl, c: Conv, { alg, type }: Kernel, { bias, training, postOps }: Wanted): Handle {
  // With forwardInference Winograd uses a private layout of weights, which would have to be made in each run.
  const prop = training || alg === Alg.winograd ? Prop.forwardTraining : inferenceProp(c);
  const biasMd = bias ? d.plain([c.y[1]!]) : null;
  const [x, w, y] = [image(d, c, c.x, type), d.any(c.w, type), image(d, c, c.y, type)];
  return d.convForward(prop, alg, x, w, biasMd, y, c.geometry, postOps);
}

/** @throws Unimplemented also if the library's bfloat16 code is slower than float32 */
function makePd(d: Dnnl, direction: Direction, c: Conv, kernel: Kernel, wanted: Wanted): Handle {
  const pd = anyPd(d, direction, c, kernel, wanted);
  if (kernel.type === 'bfloat16' && isSlow(d.implementation(pd), c))
    throw new Unimplemented('a fast convolution in bfloat16');
  return pd;
}

/** Reference code, and depthwise convolutions that are computed like others. */
const isSlow = (implementation: string, { w }: Conv): boolean =>
  implementation.startsWith('ref') ||
  (w.length === 5 && w[1] === 1 && w[2] === 1 && !implementation.includes('dw'));

function anyPd(d: Dnnl, direction: Direction, c: Conv, kernel: Kernel, wanted: Wanted): Handle {
  if (direction === 'forward') return forwardPd(d, c, kernel, wanted);
  const { alg, type } = kernel;
  const hint = forwardPd(d, c, kernel, { ...wanted, training: true });
  const [x, y] = [image(d, c, c.x, type), image(d, c, c.y, type)];
  if (direction === 'gradInput') return d.convBackwardData(alg, x, d.any(c.w, type), y, c.geometry, hint);
  // Gradients of weights are float32, like the weights.
  const biasMd = wanted.bias ? d.plain([c.y[1]!]) : null;
  return d.convBackwardWeights(alg, x, d.any(c.w), biasMd, y, c.geometry, hint);
}

/** Inputs and outputs of a convolution, in the layouts that its primitive chose. */
function operands(d: Dnnl, direction: Direction, c: Conv, pd: Handle, bias: boolean): Operand[] {
  const md = (query: number): Md => d.query(pd, query)!;
  const channels = d.plain([c.y[1]!]);
  if (direction === 'forward')
    return [
      [Arg.src, md(Query.src)],
      [Arg.weights, md(Query.weights)],
      [Arg.dst, md(Query.dst)],
      ...(bias ? [[Arg.bias, channels] as const] : []),
    ];
  if (direction === 'gradInput')
    return [
      [Arg.diffDst, md(Query.diffDst)],
      [Arg.weights, md(Query.weights)],
      [Arg.diffSrc, md(Query.diffSrc)],
    ];
  return [
    [Arg.diffDst, md(Query.diffDst)],
    [Arg.src, md(Query.src)],
    [Arg.diffWeights, md(Query.diffWeights)],
    ...(bias ? [[Arg.diffBias, channels] as const] : []),
  ];
}

/** The kernel and primitive for one direction of a convolution. */
function choose(b: OneDnnBuilder, direction: Direction, c: Conv, wanted: Wanted): Handle {
  const d = b.dnnl;
  const small = sample(c, b.choice.sampleMacs);
  const candidates = kernelsFor(b, direction, c).map(
    (kernel): Candidate => ({
      fallback: kernel === KERNELS.direct && c.winograd && c.x[0]! >= FEW,
      name: kernel.name,
      make: () => makePd(d, direction, c, kernel, wanted),
      trial: () => {
        const pd = makePd(d, direction, small, kernel, wanted);
        return { pd, operands: operands(d, direction, small, pd, wanted.bias) };
      },
    }),
  );
  const { geometry: g } = c;
  const shape = [c.x.slice(1), c.w, g.strides, g.dilates, g.padLeft, g.padRight].map((l) => l.join('x'));
  return b.choice.pick(`conv ${direction} ${shape.join(' ')} n${small.x[0]}`, macsOf(c), candidates);
}

/** Layout of float32 weights: direct and Winograd kernels share it. */
function weightsLayout(d: Dnnl, c: Conv): Md {
  const pd = forwardPd(d, c, KERNELS.direct, { bias: false, training: true });
  return d.query(pd, Query.weights)!;
}

/** The convolution of a node. @param given the image whose layout decides whether the channels come last */
function convolution(
  b: OneDnnBuilder,
  i: number,
  [x, w, y]: readonly [number, number, number],
  given: number,
): Conv {
  const attrs = b.node(i).attrs as unknown as Conv2dAttrs;
  return describe(b.node(x).shape, b.node(w).shape, b.node(y).shape, attrs, isChannelsLast(b, given));
}

export function lowerConv2d(b: OneDnnBuilder, i: number): boolean {
  const node = b.node(i);
  const [x, w, bias] = node.inputs as [number, number, number | undefined];
  const c = convolution(b, i, [x, w, i], x);
  const { postOps, define, rectifier } = fuseActivation(b, i);
  const d = b.dnnl;
  const pd = choose(b, 'forward', c, { bias: bias !== undefined, training: b.training, postOps });
  const weightsMd = d.query(pd, Query.weights)!;
  b.settle(w, c.w, d.typeOf(weightsMd) === 'float32' ? weightsMd : weightsLayout(d, c));
  const out = b.newForm(c.y, d.query(pd, Query.dst)!);
  const src = b.form(x, c.x, d.query(pd, Query.src)!);
  const operands = [
    [Arg.src, src],
    [Arg.weights, b.form(w, c.w, weightsMd)],
    ...(bias === undefined ? [] : ([[Arg.bias, b.plainForm(bias)]] as const)),
    [Arg.dst, out],
  ] as const;
  b.emitPrimitive(i, pd, operands);
  define(out);
  if (rectifier === undefined) return true;
  const biasMd = bias === undefined ? null : d.plain([c.y[1]!]);
  const make = () =>
    d.convForward(inferenceProp(c), Alg.direct, src.md, weightsMd, biasMd, out.md, c.geometry);
  correctRectified(b, { nodes: [i, rectifier], operands, make });
  return true;
}

export function lowerConv2dGradInput(b: OneDnnBuilder, i: number): boolean {
  const node = b.node(i);
  const [dy, w] = node.inputs as [number, number];
  const c = convolution(b, i, [i, w, dy], dy);
  const d = b.dnnl;
  const pd = choose(b, 'gradInput', c, { bias: false, training: true });
  const out = b.newForm(c.x, d.query(pd, Query.diffSrc)!);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, b.form(dy, c.y, d.query(pd, Query.diffDst)!)],
    [Arg.weights, b.form(w, c.w, d.query(pd, Query.weights)!)],
    [Arg.diffSrc, out],
  ]);
  b.define(i, out);
  return true;
}

export function lowerConv2dGradWeight(b: OneDnnBuilder, i: number): boolean {
  const node = b.node(i);
  const [dy, x] = node.inputs as [number, number];
  const c = convolution(b, i, [x, i, dy], x);
  const d = b.dnnl;
  const bias = lowerBiasGrad(b, i, dy, [0, 2, 3]);
  const pd = choose(b, 'gradWeight', c, { bias: bias !== null, training: true });
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
