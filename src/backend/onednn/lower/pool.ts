import type { TypedArray } from '../../../graph/types.js';
import type { AvgPoolAttrs, MaxPoolAttrs } from '../../../ops/pool.js';
import { Alg, Arg, type ConvGeometry, type Dims, Prop, Query } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import type { Form, Kept } from '../ir.js';
import { padRight } from './conv.js';
import { correctWhere } from './correct/correction.js';
import { boundOf } from './correct/magnitude.js';
import { emitInto, forwardOf, hasGradient, type Operand, workspace, writtenWorkspace } from './emit.js';

type Window = Pick<MaxPoolAttrs, 'kernel' | 'stride' | 'padding'> & {
  readonly dilation?: readonly [number, number];
};

const attrsOf = <T extends Window = Window>(b: OneDnnBuilder, i: number): T =>
  b.node(i).attrs as unknown as T;

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

/**
 * The library leaves NaN out of maxima, and those of −∞ are finite: where the input may have either, the reference
 * engine's kernel computes them, and the gradient from a copy of the input.
 */
export function lowerMaxPool(b: OneDnnBuilder, i: number): boolean {
  const [x] = b.node(i).inputs as [number];
  lowerPool(b, i, Alg.poolMax, hasGradient(b, i));
  const bound = boundOf(b, i, x, MOST);
  const kept: Kept = { values: undefined };
  b.keptInputs.set(i, kept);
  const isBeyond = (): boolean => {
    kept.values = undefined;
    return !(bound() <= MOST);
  };
  const keep = ([values]: readonly TypedArray[]): void => {
    if (hasGradient(b, i)) kept.values = values;
  };
  correctWhere(b, i, [b.shapedForm(x)], b.value(i).forms[0]!, isBeyond, [], keep);
  return true;
}
const MOST = 3e38;

export function lowerMaxPoolGrad(b: OneDnnBuilder, i: number): boolean {
  const [dy, x] = b.node(i).inputs as [number, number];
  const forward = forwardOf(b, i, x);
  if (forward === undefined || !b.workspaces.has(forward)) return false;
  const src = b.shapedForm(x);
  const made = b.shapedForm(forward);
  const grad = b.form(dy, made.dims, made.md);
  lowerPoolGrad(b, i, Alg.poolMax, src, grad, writtenWorkspace(b, forward));
  const kept = b.keptInputs.get(forward)!;
  correctWhere(b, i, [grad, kept], b.value(i).forms[0]!, () => kept.values !== undefined);
  return true;
}

const averageAlg = ({ countIncludePad }: AvgPoolAttrs): number =>
  countIncludePad ? Alg.poolAvgIncludePadding : Alg.poolAvgExcludePadding;

/** With ceilMode, PyTorch divides the last windows by other counts than oneDNN. */
const isOrdinary = ({ ceilMode }: AvgPoolAttrs): boolean => !ceilMode;

export function lowerAvgPool(b: OneDnnBuilder, i: number): boolean {
  const attrs = attrsOf<AvgPoolAttrs>(b, i);
  return isOrdinary(attrs) && lowerPool(b, i, averageAlg(attrs), false);
}

export function lowerAvgPoolGrad(b: OneDnnBuilder, i: number): boolean {
  const attrs = attrsOf<AvgPoolAttrs>(b, i);
  if (!isOrdinary(attrs)) return false;
  const { inputs, shape } = b.node(i);
  // The library cannot choose the layout of a pooling's input, and the input itself is not an operand here.
  const src = { dims: shape, md: b.dnnl.plain(shape) };
  return lowerPoolGrad(b, i, averageAlg(attrs), src, b.plainForm(inputs[0]!), []);
}

/** @param keep whether a gradient node needs the workspace */
function lowerPool(b: OneDnnBuilder, i: number, alg: number, keep: boolean): boolean {
  const d = b.dnnl;
  const { inputs, shape } = b.node(i);
  const attrs = attrsOf(b, i);
  const src = b.shapedForm(inputs[0]!);
  const pd = d.poolForward(
    keep ? Prop.forwardTraining : Prop.forwardInference,
    alg,
    src.md,
    d.any(shape, d.typeOf(src.md)),
    attrs.kernel,
    geometry(src.dims, shape, attrs),
  );
  const written = workspace(b, i, keep ? d.query(pd, Query.workspace) : null);
  return emitInto(b, i, pd, { dims: shape, md: d.query(pd, Query.dst)! }, [[Arg.src, src], ...written]);
}

/**
 * @param src dimensions and layout of the gradient to compute
 * @param grad gradient of the result
 * @param written workspace of the forward primitive
 */
function lowerPoolGrad(
  b: OneDnnBuilder,
  i: number,
  alg: number,
  src: Pick<Form, 'dims' | 'md'>,
  grad: Form,
  written: readonly Operand[],
): boolean {
  const d = b.dnnl;
  const attrs = attrsOf(b, i);
  const g = geometry(src.dims, grad.dims, attrs);
  const hint = d.poolForward(Prop.forwardTraining, alg, src.md, grad.md, attrs.kernel, g);
  const pd = d.poolBackward(alg, src.md, grad.md, attrs.kernel, g, hint);
  return emitInto(b, i, pd, src, [[Arg.diffDst, grad], ...written], Arg.diffSrc);
}
