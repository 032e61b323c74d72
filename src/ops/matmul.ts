import type { Node } from '../graph/node.js';
import { type Spec, sameShape, showShape } from '../graph/types.js';
import { define, floatOf, type NodeMaker, need, needRank } from './operation.js';
import { sum } from './reduce.js';

export type MatmulAttrs = { readonly transposeA: boolean; readonly transposeB: boolean };

const apply: NodeMaker<MatmulAttrs> = define<MatmulAttrs>({
  name: 'matmul',
  infer: ([a, b], { transposeA, transposeB }) => {
    const rank = a!.shape.length;
    need(rank === 2 || rank === 3, 'matrices [M, K] or batches of them [B, M, K]', showShape(a!.shape));
    needRank(b!, rank, 'a second factor');
    const [m, k] = lastTwo(a!, transposeA);
    const [k2, n] = lastTwo(b!, transposeB);
    need(k === k2, `a second factor with ${k} rows`, `${k2}`);
    need(
      rank === 2 || a!.shape[0] === b!.shape[0],
      'batches of one size',
      `${a!.shape[0]} and ${b!.shape[0]}`,
    );
    return { shape: [...a!.shape.slice(0, -2), m, n], dtype: floatOf(a, b) };
  },
  gradient: (node, grad) => {
    const [a, b] = node.inputs as [Node, Node];
    const { transposeA, transposeB } = node.attrs as MatmulAttrs;
    return [
      transposeA
        ? matmul(b, grad, { transposeA: transposeB, transposeB: true })
        : matmul(grad, b, { transposeB: !transposeB }),
      transposeB
        ? matmul(grad, a, { transposeA: true, transposeB: transposeA })
        : matmul(a, grad, { transposeA: !transposeA }),
    ];
  },
  macs: ([a], output, { transposeA }) => output.shape.reduce((p, d) => p * d, 1) * lastTwo(a!, transposeA)[1],
});

const lastTwo = ({ shape }: Spec, transposed: boolean): [number, number] => {
  const [r, c] = shape.slice(-2) as [number, number];
  return transposed ? [c, r] : [r, c];
};

/** Matrix product of the last two dimensions; leading batch dimensions must be equal. */
export const matmul = (
  a: Node,
  b: Node,
  { transposeA = false, transposeB = false }: Partial<MatmulAttrs> = {},
): Node => apply([a, b], { transposeA, transposeB });

/*
 * A fully connected layer has its own operations besides matmul, since backends keep its weights and its image-shaped
 * input in blocked layouts.
 */
const gradInput: NodeMaker = define({
  name: 'linearGradInput',
  infer: ([grad, w]) => ({ shape: [grad!.shape[0]!, w!.shape[1]!], dtype: floatOf(grad, w) }),
  gradient: (node, g) => {
    const [grad, w] = node.inputs as [Node, Node];
    return [matmul(g, w, { transposeB: true }), matmul(grad, g, { transposeA: true })];
  },
  macs: ([grad, w]) => grad!.shape[0]! * w!.shape[0]! * w!.shape[1]!,
});
const gradWeight: NodeMaker = define({
  name: 'linearGradWeight',
  infer: ([grad, x]) => ({ shape: [grad!.shape[1]!, x!.shape[1]!], dtype: floatOf(grad, x) }),
  gradient: (node, g) => {
    const [grad, x] = node.inputs as [Node, Node];
    return [matmul(x, g, { transposeB: true }), matmul(grad, g)];
  },
  macs: ([grad, x]) => grad!.shape[0]! * grad!.shape[1]! * x!.shape[1]!,
});
const forward: NodeMaker = define({
  name: 'linear',
  infer: ([x, w, b]) => {
    needRank(x!, 2, 'an input [N, in]');
    needRank(w!, 2, 'weights [out, in]');
    need(
      x!.shape[1] === w!.shape[1],
      `${w!.shape[1]} input features`,
      `${x!.shape[1]}`,
      'check the size of the layer before, or flatten(1)',
    );
    need(!b || sameShape(b.shape, [w!.shape[0]!]), `a bias [${w!.shape[0]}]`, b ? showShape(b.shape) : '');
    return { shape: [x!.shape[0]!, w!.shape[0]!], dtype: floatOf(x, w, b) };
  },
  gradient: (node, grad) => {
    const [x, w, b] = node.inputs as [Node, Node, Node | undefined];
    const both = [gradInput([grad, w], {}), gradWeight([grad, x], {})];
    return b ? [...both, sum(grad, [0])] : both;
  },
  macs: ([x, w]) => x!.shape[0]! * w!.shape[0]! * w!.shape[1]!,
});

/** y = x Wᵀ + b. x: [N, in], w: [out, in], b: [out]. */
export const linear = (x: Node, w: Node, b?: Node): Node => forward(b ? [x, w, b] : [x, w], {});
