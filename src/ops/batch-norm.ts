import type { Node } from '../graph/node.js';
import { type Spec, showShape } from '../graph/types.js';
import { mul, sub } from './binary.js';
import { type Builder, define, floatOf, need } from './operation.js';
import { sum } from './reduce.js';
import { reshape } from './shape.js';
import { affine, pow } from './unary.js';

type Eps = { readonly eps: number };

function check(x: Spec, ...perChannel: (Spec | undefined)[]): void {
  need(x.shape.length === 2 || x.shape.length === 4, 'an input [N, C] or [N, C, H, W]', showShape(x.shape));
  for (const v of perChannel)
    need(
      v!.shape.length === 1 && v!.shape[0] === x.shape[1],
      `one value for each of ${x.shape[1]} channels`,
      showShape(v!.shape),
    );
}
const axesOf = (x: Spec): number[] => x.shape.map((_, i) => i).filter((i) => i !== 1);
const along = (v: Node, x: Node): Node =>
  reshape(
    v,
    x.shape.map((d, i) => (i === 1 ? d : 1)),
  );

const statsOp: Builder = define({
  name: 'batchStats',
  infer: ([x]) => {
    check(x!);
    return { shape: [2, x!.shape[1]!], dtype: floatOf(x) };
  },
});
/** Mean (row 0) and biased variance (row 1) of each channel over the batch: [2, C]. For running statistics; no gradient. */
export const batchStats = (x: Node): Node => statsOp([x], {});

const trainGrad: Builder<Eps> = define<Eps>({
  name: 'batchNormTrainGrad',
  infer: ([grad, x, gamma]) => ({ shape: x!.shape, dtype: floatOf(grad, x, gamma) }),
});
const gradGamma: Builder<Eps> = define<Eps>({
  name: 'batchNormGradGamma',
  infer: ([grad, x]) => ({ shape: [x!.shape[1]!], dtype: floatOf(grad, x) }),
});
const train: Builder<Eps> = define<Eps>({
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

/** y = gamma · (x − mean) / √(var + eps) + beta with the batch's own statistics (biased variance). */
export const batchNormTrain = (x: Node, gamma: Node, beta: Node, eps = 1e-5): Node =>
  train([x, gamma, beta], { eps });

const evaluate: Builder<Eps> = define<Eps>({
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

/** The same with given statistics: evaluation. */
export const batchNorm = (x: Node, gamma: Node, beta: Node, mean: Node, variance: Node, eps = 1e-5): Node =>
  evaluate([x, gamma, beta, mean, variance], { eps });
