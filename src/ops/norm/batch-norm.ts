import type { Node } from '../../graph/node.js';
import { type Spec, sizeOf } from '../../graph/types.js';
import { add, mul, sub } from '../binary.js';
import { define, floatOf, type NodeMaker, need } from '../operation.js';
import { mean, sum } from '../reduce.js';
import { reshape } from '../shape.js';
import { affine, neg, pow, square } from '../unary.js';

type Eps = { readonly eps: number };

function check(x: Spec, ...perChannel: (Spec | undefined)[]): void {
  need(x.shape.length === 2 || x.shape.length === 4, 'an input [N, C] or [N, C, H, W]', x.shape);
  for (const v of perChannel)
    need(
      v!.shape.length === 1 && v!.shape[0] === x.shape[1],
      () => `one value for each of ${x.shape[1]} channels`,
      v!.shape,
    );
}
const axesOf = (x: Spec): number[] => x.shape.map((_, i) => i).filter((i) => i !== 1);
const along = (v: Node, x: Node): Node =>
  reshape(
    v,
    x.shape.map((d, i) => (i === 1 ? d : 1)),
  );

const statsOp: NodeMaker = define({
  name: 'batchStats',
  infer: ([x]) => {
    check(x!);
    return { shape: [2, x!.shape[1]!], dtype: floatOf(x) };
  },
});
/** Mean (row 0) and biased variance (row 1) of each channel over the batch: [2, C]. For running statistics; no gradient. */
export const batchStats = (x: Node): Node => statsOp([x], {});

/** x̂ = (x − mean(x)) · s and s = 1 / √(var(x) + eps) of shape [C], in differentiable operations. */
function normalised(x: Node, eps: number): { normal: Node; inverse: Node } {
  const centred = sub(x, mean(x, axesOf(x), true));
  const variance = mean(square(centred), axesOf(x));
  const inverse = pow(affine(variance, { scale: 1, shift: eps }), { exponent: -0.5 });
  return { normal: mul(centred, along(inverse, x)), inverse };
}

const trainGrad: NodeMaker<Eps> = define<Eps>({
  name: 'batchNormTrainGrad',
  infer: ([grad, x, gamma]) => ({ shape: x!.shape, dtype: floatOf(grad, x, gamma) }),
  /*
   * With A(v) = gamma · s · (v − ⟨v⟩ − x̂ · ⟨v · x̂⟩), where ⟨·⟩ is the mean of a channel, the result is A(g). A is linear
   * and its own transpose. Gradients, given the gradient u with respect to the result:
   * x: −s · (⟨g · x̂⟩ · A(u) + ⟨u · x̂⟩ · A(g)) − gamma · s² · x̂ · (⟨u · g⟩ − ⟨u⟩ · ⟨g⟩ − ⟨u · x̂⟩ · ⟨g · x̂⟩)
   */
  gradient: (node, u) => {
    const [g, x, gamma] = node.inputs as [Node, Node, Node];
    const attrs = node.attrs as Eps;
    const { normal, inverse } = normalised(x, attrs.eps);
    const average = (a: Node, b?: Node): Node => mean(b ? mul(a, b) : a, axesOf(x));
    const [au, ag] = [trainGrad([u, x, gamma], attrs), trainGrad([g, x, gamma], attrs)];
    const [un, gn] = [average(u, normal), average(g, normal)];
    const spread = sub(sub(average(u, g), mul(average(u), average(g))), mul(un, gn));
    const through = add(mul(along(mul(inverse, gn), x), au), mul(along(mul(inverse, un), x), ag));
    const outside = mul(along(mul(mul(gamma, square(inverse)), spread), x), normal);
    const perGamma = affine(mul(inverse, spread), { scale: sizeOf(x.shape) / x.shape[1]!, shift: 0 });
    return [au, neg(add(through, outside)), perGamma];
  },
});
const gradGamma: NodeMaker<Eps> = define<Eps>({
  name: 'batchNormGradGamma',
  infer: ([grad, x]) => ({ shape: [x!.shape[1]!], dtype: floatOf(grad, x) }),
  gradient: (node, u) => {
    const [g, x] = node.inputs as [Node, Node];
    const attrs = node.attrs as Eps;
    return [mul(along(u, x), normalised(x, attrs.eps).normal), trainGrad([g, x, u], attrs)];
  },
});
const train: NodeMaker<Eps> = define<Eps>({
  name: 'batchNormTrain',
  infer: ([x, gamma, beta]) => {
    check(x!, gamma, beta);
    return { shape: x!.shape, dtype: floatOf(x, gamma, beta) };
  },
  gradient: (node, grad) => {
    const [x, gamma] = node.inputs as [Node, Node];
    const attrs = node.attrs as Eps;
    return [trainGrad([grad, x, gamma], attrs), gradGamma([grad, x], attrs), sum(grad, axesOf(x))];
  },
});

/** y = gamma · (x − mean) / √(var + eps) + beta with the statistics of the batch (biased variance): training. */
export const batchNormTrain = (x: Node, gamma: Node, beta: Node, eps = 1e-5): Node =>
  train([x, gamma, beta], { eps });

const evaluate: NodeMaker<Eps> = define<Eps>({
  name: 'batchNorm',
  infer: ([x, gamma, beta, mean, variance]) => {
    check(x!, gamma, beta, mean, variance);
    return { shape: x!.shape, dtype: floatOf(x, gamma, beta, mean, variance) };
  },
  gradient: (node, grad) => {
    const [x, gamma, , mean, variance] = node.inputs as [Node, Node, Node, Node, Node];
    const inverse = pow(affine(variance, { scale: 1, shift: node.attrs.eps as number }), { exponent: -0.5 });
    const normal = mul(sub(x, along(mean, x)), along(inverse, x));
    return [
      mul(grad, along(mul(gamma, inverse), x)),
      sum(mul(grad, normal), axesOf(x)),
      sum(grad, axesOf(x)),
      null,
      null,
    ];
  },
});

/** Batch normalisation with given statistics: evaluation. */
export const batchNorm = (x: Node, gamma: Node, beta: Node, mean: Node, variance: Node, eps = 1e-5): Node =>
  evaluate([x, gamma, beta, mean, variance], { eps });
