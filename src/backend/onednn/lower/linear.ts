import {
  Arg,
  type Dims,
  type DnnlType,
  type Handle,
  type Md,
  type PostOp,
  Prop,
  Query,
} from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import { same } from '../forms.js';
import { fusableSum, fuseActivation } from '../fuse.js';
import type { Form } from '../ir.js';
import { correctRectified } from './correct/rectifier.js';
import { lowerRecurrentInput } from './recurrent/recurrent.js';

const isSlow = (b: OneDnnBuilder, pd: Handle): boolean => b.dnnl.implementation(pd).startsWith('ref');

/** Below this many weights, or multiplications, conversion costs more time than bfloat16 saves. */
const LARGE = 2 ** 18;
const WORTH_HALVES = 2 ** 26;
/** From this many weights on, reading them from memory takes most of the time, also for few rows. */
const HUGE = 2 ** 22;

/** Number type for a layer. @param x dimensions of its input */
function typeFor(b: OneDnnBuilder, [rows]: Dims, [outputs, inputs]: Dims): DnnlType {
  const weights = outputs! * inputs!;
  const isWorth = weights >= HUGE || (weights >= LARGE && rows! * weights >= WORTH_HALVES);
  return b.choice.compute === 'bfloat16' && isWorth ? 'bfloat16' : 'float32';
}

/**
 * Whether a batch has many more rows than a layer's weights, as for the tokens of a transformer. Gradients with row-major
 * weights are then as fast as in the library's layout, and that of the weights is faster (about 105 GFLOP/s a thread for
 * [4160, 96] and [4160, 288]; in the library's own layout 70).
 */
const hasManyRows = (type: DnnlType, [rows]: Dims, [outputs, inputs]: Dims): boolean =>
  type === 'float32' && rows! >= MANY_ROWS * Math.max(outputs!, inputs!);
const MANY_ROWS = 4;

/**
 * Whether a layer keeps its weights row-major: with many rows, and in layers of middle size. There the library's gradient
 * of weights in its own layout makes threads wait for each other in spinning barriers: while two other threads were busy,
 * that of [64, 784] and [64, 256] took 4 ms with two threads, and 0.4 ms row-major. The forward product reads a copy in the
 * library's layout, which takes a fraction of what the gradients save.
 */
const keepsPlain = (type: DnnlType, x: Dims, wDims: Dims): boolean =>
  hasManyRows(type, x, wDims) || (type === 'float32' && isMiddle(x[0]!, wDims[0]! * wDims[1]!));
/** Smaller layers run on one thread; for larger ones, or fewer rows, the copy costs too much. */
const isMiddle = (rows: number, weights: number): boolean =>
  rows >= 32 && weights >= 2 ** 16 && weights <= 2 ** 19;

/**
 * Layout of the weights of a layer that keeps them row-major: transposed, if no gradient of the input reads them. The
 * forward product is then as fast as in the library's layout, without a copy.
 */
const plainLayout = (b: OneDnnBuilder, [rows, inputs]: Dims, transposed: boolean): Md =>
  b.dnnl.plain([rows!, inputs!], 'float32', transposed ? [1, rows!] : [inputs!, 1]);

/** Whether a layer's weights are transposed. @param grad the gradient of its result, or its weights */
const isTransposed = (b: OneDnnBuilder, grad: number, x: Dims, wDims: Dims): boolean =>
  b.training &&
  !hasManyRows('float32', x, wDims) &&
  !b.users[grad]!.some((user) => b.node(user).op === 'linearGradInput');

/** Layout of a layer's weights: row-major, or the library's choice. */
const weightsLayout = (b: OneDnnBuilder, type: DnnlType, x: Dims, wDims: Dims): Md =>
  keepsPlain(type, x, wDims) ? b.dnnl.plain(wDims) : b.dnnl.any(wDims, type);

/**
 * A primitive for the weights in their present layout, or, if that has no fast implementation, in the layout that the
 * library chooses. All three directions of a layer agree on one layout if the input is row-major; image-shaped inputs are
 * therefore reordered first, which costs less than reordering the weights.
 */
function withWeights(
  b: OneDnnBuilder,
  w: number,
  x: Dims,
  type: DnnlType,
  make: (weights: Md) => Handle,
): Handle {
  const dims = b.node(w).shape;
  const made = b.value(w).forms.find((form) => same(form.dims, dims) && b.dnnl.typeOf(form.md) === type);
  if (made && !b.isFlexible(w)) {
    const pd = make(made.md);
    if (!isSlow(b, pd)) return pd;
  }
  return make(weightsLayout(b, type, x, dims));
}

/** The value in row-major layout, in the layer's number type. */
const matrix = (b: OneDnnBuilder, i: number, type: DnnlType): Form => {
  const { shape } = b.node(i);
  return b.form(i, shape, b.dnnl.plain(shape, type));
};

export function lowerLinear(b: OneDnnBuilder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [x, w, bias] = node.inputs as [number, number, number | undefined];
  const wDims = b.node(w).shape;
  const type = typeFor(b, b.node(x).shape, wDims);
  const src = matrix(b, x, type);
  const biasMd = bias === undefined ? null : d.plain([wDims[0]!]);
  const dst = d.plain(node.shape);
  const { postOps, define, rectifier } = fuseActivation(b, i);
  const prop = b.training ? Prop.forwardTraining : Prop.forwardInference;
  const xDims = b.node(x).shape;
  const plain = keepsPlain(type, xDims, wDims);
  if (hasManyRows(type, xDims, wDims) && lowerRecurrentInput(b, i)) return true;
  const makeWith =
    (ops: readonly PostOp[]) =>
    (md: Md): Handle =>
      d.innerProductForward(prop, src.md, md, biasMd, dst, ops);
  const make = makeWith(postOps);
  const transposed = plain && isTransposed(b, w, xDims, wDims);
  const own = plainLayout(b, wDims, transposed);
  const read = transposed ? own : d.any(wDims);
  const addable = plain ? fusableSum(b, i, dst) : undefined;
  const fused = addable && makeWith([addable.postOp])(read);
  const sum = fused !== undefined && !isSlow(b, fused) ? addable : undefined;
  const pd = sum ? fused! : plain ? make(read) : withWeights(b, w, xDims, type, make);
  const weights = d.query(pd, Query.weights)!;
  const kept = type === 'float32' ? weights : float32Layout(b, type, xDims, wDims, node.shape);
  b.settle(w, wDims, plain ? own : kept);
  const out = b.newForm(node.shape, dst);
  const operands = [
    [Arg.src, src],
    [Arg.weights, b.form(w, wDims, weights)],
    ...(bias === undefined ? [] : ([[Arg.bias, b.plainForm(bias)]] as const)),
    ...(sum ? ([[d.postOpArg(0), b.form(sum.addend, node.shape, dst)]] as const) : []),
    [Arg.dst, out],
  ] as const;
  b.emitPrimitive(i, pd, operands);
  if (sum) {
    b.define(sum.node, out);
    b.done.add(sum.node);
  }
  define(out);
  if (rectifier !== undefined)
    correctRectified(b, { nodes: [i, rectifier], operands, make: () => makeWith([])(weights) });
  return true;
}

/** The forward primitive descriptor, which backward descriptors need as a hint. */
function hint(b: OneDnnBuilder, type: DnnlType, x: Dims, wDims: Dims, y: Dims): Handle {
  const d = b.dnnl;
  const [src, dst] = [d.plain(x, type), d.plain(y, type)];
  return d.innerProductForward(Prop.forwardTraining, src, d.any(wDims, type), null, dst);
}

/**
 * Gradients of weights are float32, whatever the layer's number type.
 * @param transposed whether weights that the layer keeps row-major are transposed
 */
function gradWeightPd(
  b: OneDnnBuilder,
  type: DnnlType,
  { x, wDims, y }: { readonly x: Dims; readonly wDims: Dims; readonly y: Dims },
  bias: Md | null,
  transposed: boolean,
): Handle {
  const d = b.dnnl;
  const forward = hint(b, type, x, wDims, y);
  const made = keepsPlain(type, x, wDims) ? plainLayout(b, wDims, transposed) : d.any(wDims);
  return d.innerProductBackwardWeights(d.plain(x, type), made, bias, d.plain(y, type), forward);
}

/** Layout of the float32 weights of a bfloat16 layer: the layout of their gradient. */
function float32Layout(b: OneDnnBuilder, type: DnnlType, x: Dims, wDims: Dims, y: Dims): Md {
  if (!b.training) return b.dnnl.plain(wDims);
  return b.dnnl.query(gradWeightPd(b, type, { x, wDims, y }, null, false), Query.diffWeights)!;
}

export function lowerLinearGradInput(b: OneDnnBuilder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [dy, w] = node.inputs as [number, number];
  const wDims = b.node(w).shape;
  const type = typeFor(b, b.node(dy).shape, wDims);
  const forward = hint(b, type, node.shape, wDims, b.node(dy).shape);
  const src = d.plain(node.shape);
  const grad = matrix(b, dy, type);
  const pd = withWeights(b, w, node.shape, type, (md) =>
    d.innerProductBackwardData(src, md, grad.md, forward),
  );
  const out = b.newForm(node.shape, src);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, grad],
    [Arg.weights, b.form(w, wDims, d.query(pd, Query.weights)!)],
    [Arg.diffSrc, out],
  ]);
  b.define(i, out);
  return true;
}

export function lowerLinearGradWeight(b: OneDnnBuilder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [dy, x] = node.inputs as [number, number];
  const type = typeFor(b, b.node(dy).shape, node.shape);
  const [src, grad] = [matrix(b, x, type), matrix(b, dy, type)];
  const bias = lowerBiasGrad(b, i, dy, [0]);
  const dims = { x: b.node(x).shape, wDims: node.shape, y: b.node(dy).shape };
  const pd = gradWeightPd(b, type, dims, bias?.md ?? null, isTransposed(b, dy, dims.x, node.shape));
  const out = b.newForm(node.shape, d.query(pd, Query.diffWeights)!);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, grad],
    [Arg.src, src],
    [Arg.diffWeights, out],
    ...(bias ? ([[Arg.diffBias, bias]] as const) : []),
  ]);
  b.define(i, out);
  return true;
}

/** The bias gradient, if the graph contains it: the primitive of the weight gradient computes both. */
export function lowerBiasGrad(b: OneDnnBuilder, i: number, dy: number, axes: readonly number[]): Form | null {
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
