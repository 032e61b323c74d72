import { Arg } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import type { Form } from '../ir.js';
import { arrayAt } from '../library/memory.js';
import { correctWhere } from './correct/correction.js';
import { emitInto, type Operand } from './emit.js';

/** The input in its layout; in float32 if the library has only slow code for bfloat16 in that layout. */
function sourceOf(b: OneDnnBuilder, x: number): Form {
  const own = b.shapedForm(x);
  if (b.dnnl.typeOf(own.md) !== 'bfloat16') return own;
  const isFast = b.dnnl.implementation(b.dnnl.batchNormForward(own.md, 0, false)).includes('jit');
  return isFast ? own : b.float32Form(x);
}

export function lowerBatchNormTrain(b: OneDnnBuilder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [x, gamma, beta] = node.inputs as [number, number, number];
  const src = sourceOf(b, x);
  const c = node.shape[1]!;
  const pd = d.batchNormForward(src.md, node.attrs.eps as number, false);
  const [mean, variance] = [b.newForm([c], d.plain([c])), b.newForm([c], d.plain([c]))];
  statistics(b).set(x, { mean, variance });
  const operands = batchNormOperands(b, src, gamma, beta, mean, variance);
  emitInto(b, i, pd, src, operands);
  const inputs = [src, b.plainForm(gamma), b.plainForm(beta)];
  correctWhere(b, i, inputs, b.value(i).forms[0]!, isBeyond, [mean, variance]);
  return true;
}

/** Whether sums of squares have left the range of float32, in which the library computes them. */
const isBeyond = (statistics: readonly Float32Array[]): boolean =>
  statistics.some((values) => !values.every(Number.isFinite));

const batchNormOperands = (
  b: OneDnnBuilder,
  src: Form,
  gamma: number,
  beta: number,
  mean: Form,
  variance: Form,
): readonly Operand[] => [
  [Arg.src, src],
  [Arg.scale, b.plainForm(gamma)],
  [Arg.shift, b.plainForm(beta)],
  [Arg.mean, mean],
  [Arg.variance, variance],
];

const found = new WeakMap<OneDnnBuilder, Map<number, { mean: Form; variance: Form }>>();
function statistics(b: OneDnnBuilder): Map<number, { mean: Form; variance: Form }> {
  let map = found.get(b);
  if (!map) found.set(b, (map = new Map()));
  return map;
}

/** If the same input is normalised, the normalisation has already computed its statistics. */
export function lowerBatchStats(b: OneDnnBuilder, i: number): boolean {
  const { op, scope, inputs, shape } = b.node(i);
  const stats = statistics(b).get(inputs[0]!);
  if (!stats) return false;
  const parts = [stats.mean.region, stats.variance.region];
  const c = shape[1]!;
  const out = b.newPlainForm(i);
  b.emit({
    op,
    scope,
    kernel: 'copy',
    macs: 0,
    touches: [...parts, out.region],
    writes: false,
    script: (at) => {
      const from = parts.map((region) => arrayAt(at(region), 'float32', c));
      const to = arrayAt(at(out.region), 'float32', 2 * c);
      return () => {
        for (const [row, part] of from.entries()) to.set(part as Float32Array, row * c);
      };
    },
  });
  b.define(i, out);
  return true;
}

/** The input's gradient, and those of gamma and beta if the graph contains them. */
export function lowerBatchNormGrad(b: OneDnnBuilder, i: number): boolean {
  const d = b.dnnl;
  const node = b.node(i);
  const [dy, x, gamma] = node.inputs as [number, number, number];
  const stats = statistics(b).get(x);
  if (!stats) return false;
  const src = sourceOf(b, x);
  const c = node.shape[1]!;
  const eps = node.attrs.eps as number;
  const pd = d.batchNormBackward(src.md, src.md, eps, d.batchNormForward(src.md, eps, false));
  const out = b.newForm(src.dims, src.md);
  const vector = d.plain([c]);
  const [diffGamma, diffBeta] = [b.newForm([c], vector), b.newForm([c], vector)];
  b.emitPrimitive(i, pd, [
    [Arg.src, src],
    [Arg.mean, stats.mean],
    [Arg.variance, stats.variance],
    [Arg.diffDst, b.form(dy, src.dims, src.md)],
    // Gradients do not depend on the shift, so any vector can be passed for it.
    ...d.batchNormGradInputs.map((arg) => [arg, b.plainForm(gamma)] as const),
    [Arg.diffSrc, out],
    [Arg.diffScale, diffGamma],
    [Arg.diffShift, diffBeta],
  ]);
  b.define(i, out);
  const used = [stats.mean, stats.variance];
  const [gradient, scale] = [b.form(dy, src.dims, src.md), b.plainForm(gamma)];
  correctWhere(b, i, [gradient, src, scale], out, isBeyond, used);
  const axes = node.shape
    .map((_, a) => a)
    .filter((a) => a !== 1)
    .join();
  for (const u of b.users[dy]!) {
    const user = b.node(u);
    const grad =
      user.op === 'batchNormGradGamma' &&
      user.inputs[0] === dy &&
      user.inputs[1] === x &&
      user.attrs.eps === eps
        ? diffGamma
        : user.op === 'sum' && (user.attrs.axes as number[]).join() === axes
          ? diffBeta
          : undefined;
    if (!grad || b.values[u] || user.attrs.keepDims) continue;
    b.define(u, grad);
    if (grad === diffGamma) correctWhere(b, u, [gradient, src], grad, isBeyond, used);
    b.done.add(u);
  }
  return true;
}

/** Evaluation, with given statistics. */
export function lowerBatchNorm(b: OneDnnBuilder, i: number): boolean {
  const node = b.node(i);
  const [x, gamma, beta, mean, variance] = node.inputs as [number, number, number, number, number];
  const src = sourceOf(b, x);
  const pd = b.dnnl.batchNormForward(src.md, node.attrs.eps as number, true);
  const operands = batchNormOperands(b, src, gamma, beta, b.plainForm(mean), b.plainForm(variance));
  return emitInto(b, i, pd, src, operands);
}
