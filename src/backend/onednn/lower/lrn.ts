import type { LrnAttrs } from '../../../ops/norm/local-response-norm.js';
import { Arg, Prop, Query } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import type { Form } from '../ir.js';
import { correctWhere } from './correct/correction.js';
import { boundOf } from './correct/magnitude.js';
import { emitInto, forwardOf, hasGradient, workspace, writtenWorkspace } from './emit.js';

/*
 * The library computes powers of S = k + alpha / size · Σ x² by roots of S³ or by S^(beta + 1) in float32, which are
 * infinite or 0 for an S that float32 represents well. So a step finds a bound of |x|, and where S may leave the range,
 * the value is computed by the reference engine's kernel instead.
 */

/** Largest power of S that the library computes. */
const powerOf = ({ beta }: LrnAttrs): number => Math.max(3, Math.abs(beta) + 1);
/** Powers of S from 2^−120 to 2^126 are normal numbers, with some room. */
const leastScale = (attrs: LrnAttrs): number => 2 ** (-120 / powerOf(attrs));
const mostScale = (attrs: LrnAttrs): number => 2 ** (126 / powerOf(attrs));
/** Sums of squares of larger values may be infinite before they are multiplied by alpha. */
const MOST = 1e17;

/** The largest |x| for which the library's results are right; S is at most k + alpha · max x². */
const limitOf = (attrs: LrnAttrs): number =>
  Math.min(MOST, Math.sqrt((mostScale(attrs) - attrs.k) / attrs.alpha));

/** For an even window size, oneDNN's window has one channel less than PyTorch's. */
const agrees = (attrs: LrnAttrs): boolean =>
  attrs.size % 2 === 1 &&
  attrs.size < MOST_CHANNELS &&
  attrs.alpha >= 0 &&
  attrs.k >= leastScale(attrs) &&
  attrs.k < mostScale(attrs);
const MOST_CHANNELS = 1000;

/** How to find out, in a run, whether a forward node's input has values beyond the limit. */
const beyond = new WeakMap<OneDnnBuilder, Map<number, () => boolean>>();

export function lowerLrn(b: OneDnnBuilder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const attrs = node.attrs as unknown as LrnAttrs;
  if (!agrees(attrs)) return false;
  const [x] = node.inputs as [number];
  const src = b.shapedForm(x);
  const keep = hasGradient(b, i);
  const pd = d.lrnForward(
    keep ? Prop.forwardTraining : Prop.forwardInference,
    src.md,
    attrs.size,
    attrs.alpha,
    attrs.beta,
    attrs.k,
  );
  const written = workspace(b, i, keep ? d.query(pd, Query.workspace) : null);
  emitInto(b, i, pd, src, [[Arg.src, src], ...written]);
  const limit = limitOf(attrs);
  const bound = boundOf(b, i, x, limit);
  // Also for NaN.
  const isBeyond = () => !(bound() <= limit);
  beyond.set(b, (beyond.get(b) ?? new Map<number, () => boolean>()).set(i, isBeyond));
  return corrected(b, i, [src], isBeyond);
}

export function lowerLrnGrad(b: OneDnnBuilder, i: number): boolean {
  const d = b.dnnl;
  const attrs = b.node(i).attrs as unknown as LrnAttrs;
  const [dy, x] = b.node(i).inputs as [number, number];
  const forward = forwardOf(b, i, x);
  if (!agrees(attrs) || forward === undefined || !b.workspaces.has(forward)) return false;
  const src = b.shapedForm(x);
  const hint = d.lrnForward(Prop.forwardTraining, src.md, attrs.size, attrs.alpha, attrs.beta, attrs.k);
  const pd = d.lrnBackward(src.md, src.md, attrs.size, attrs.alpha, attrs.beta, attrs.k, hint);
  const grad = b.form(dy, src.dims, src.md);
  const operands = [[Arg.src, src], [Arg.diffDst, grad], ...writtenWorkspace(b, forward)] as const;
  emitInto(b, i, pd, src, operands, Arg.diffSrc);
  return corrected(b, i, [grad, src], beyond.get(b)!.get(forward)!);
}

function corrected(b: OneDnnBuilder, i: number, inputs: readonly Form[], where: () => boolean): true {
  correctWhere(b, i, inputs, b.value(i).forms[0]!, where);
  return true;
}
