import type { Node } from '../graph/node.js';
import { type Spec, sameShape, sizeOf } from '../graph/types.js';
import { broadcast, define, floatOf, type NodeMaker, naming, need, needRank } from './operation.js';
import { sum } from './reduce.js';
import { broadcastTo, reshape } from './shape.js';

export type MatmulAttrs = { readonly transposeA: boolean; readonly transposeB: boolean };

const apply: NodeMaker<MatmulAttrs> = define<MatmulAttrs>({
  name: 'matmul',
  infer: ([a, b], { transposeA, transposeB }) => {
    const rank = a!.shape.length;
    need(rank === 2 || rank === 3, 'matrices [M, K] or batches of them [B, M, K]', a!.shape);
    needRank(b!, rank, 'a second factor');
    const [m, k] = lastTwo(a!, transposeA);
    const [k2, n] = lastTwo(b!, transposeB);
    need(
      k === k2,
      () => `a second factor with ${k} rows`,
      () => `${k2}`,
    );
    need(
      rank === 2 || a!.shape[0] === b!.shape[0],
      'batches of one size',
      () => `${a!.shape[0]} and ${b!.shape[0]}`,
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
  macs: ([a], output, { transposeA }) => sizeOf(output.shape) * lastTwo(a!, transposeA)[1],
});

const lastTwo = ({ shape }: Spec, transposed: boolean): [number, number] => {
  const [r, c] = shape.slice(-2) as [number, number];
  return transposed ? [c, r] : [r, c];
};

/**
 * Matrix product of the last two dimensions, as PyTorch's: leading dimensions broadcast, and a vector is a row on the
 * left or a column on the right; the result lacks this dimension.
 */
export function matmul(
  a: Node,
  b: Node,
  { transposeA = false, transposeB = false }: Partial<MatmulAttrs> = {},
): Node {
  naming('matmul', [a, b], () => {
    need(a.shape.length > 0 && b.shape.length > 0, 'vectors, matrices or batches of them', 'a scalar');
    need(!(transposeA && a.shape.length === 1), 'a matrix to transpose', a.shape);
    need(!(transposeB && b.shape.length === 1), 'a matrix to transpose', b.shape);
  });
  const [left, right] = [turned(a, transposeA), turned(b, transposeB)];
  const attrs = { transposeA: left.transposed, transposeB: right.transposed };
  const [p, q] = [left.node.shape.length, right.node.shape.length];
  if (p === q && (p === 2 || (p === 3 && left.node.shape[0] === right.node.shape[0])))
    return apply([left.node, right.node], attrs);
  return batched(left.node, right.node, attrs);
}

/** If the node transposes the last two dimensions, returns its input instead: products can read transposed matrices. */
function turned(node: Node, transposed: boolean): { node: Node; transposed: boolean } {
  const axes = node.op === 'permute' ? (node.attrs.axes as readonly number[]) : [];
  const rank = axes.length;
  const swaps =
    rank >= 2 &&
    axes.every((axis, i) => axis === (i < rank - 2 ? i : i === rank - 2 ? rank - 1 : rank - 2)) &&
    node.inputs.length === 1;
  return swaps ? { node: node.inputs[0]!, transposed: !transposed } : { node, transposed };
}

/** Rewrites a product of batches, which broadcast, or with a vector as a product of [B, M, K] and [B, K, N]. */
function batched(a: Node, b: Node, { transposeA, transposeB }: MatmulAttrs): Node {
  const [row, column] = [a.shape.length === 1, b.shape.length === 1];
  const x = row ? reshape(a, [1, a.shape[0]!]) : a;
  const y = column ? reshape(b, [b.shape[0]!, 1]) : b;
  const [m, k] = lastTwo(x, transposeA);
  const [k2, n] = lastTwo(y, transposeB);
  const batch = naming('matmul', [a, b], () => {
    need(
      k === k2,
      () => `a second factor with ${k} rows`,
      () => `${k2}`,
    );
    return broadcast(x.shape.slice(0, -2), y.shape.slice(0, -2));
  });
  const shape = [...batch, ...(row ? [] : [m]), ...(column ? [] : [n])];
  if (y.shape.length === 2 && !transposeA)
    return reshape(apply([reshape(x, [sizeOf(batch) * m, k]), y], { transposeA, transposeB }), shape);
  const all = (t: Node): Node => {
    const matrix = t.shape.slice(-2);
    return reshape(broadcastTo(t, [...batch, ...matrix]), [sizeOf(batch), ...matrix]);
  };
  return reshape(apply([all(x), all(y)], { transposeA, transposeB }), shape);
}

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
/** Gradient of a linear layer's weights [out, in], from that of its result [N, out] and its input [N, in]. */
export const linearGradWeight = (grad: Node, x: Node): Node => gradWeight([grad, x], {});

function checkFeatures(x: Spec, w: Spec): void {
  needRank(w, 2, 'weights [out, in]');
  need(
    x.shape.at(-1) === w.shape[1],
    () => `${w.shape[1]} input features`,
    () => `${x.shape.at(-1)}`,
    'check the size of the layer before, or flatten(1)',
  );
}
const forward: NodeMaker = define({
  name: 'linear',
  infer: ([x, w, b]) => {
    needRank(x!, 2, 'an input [N, in]');
    checkFeatures(x!, w!);
    need(!b || sameShape(b.shape, [w!.shape[0]!]), () => `a bias [${w!.shape[0]}]`, b?.shape ?? '');
    return { shape: [x!.shape[0]!, w!.shape[0]!], dtype: floatOf(x, w, b) };
  },
  gradient: (node, grad) => {
    const [x, w, b] = node.inputs as [Node, Node, Node | undefined];
    const both = [gradInput([grad, w], {}), gradWeight([grad, x], {})];
    return b ? [...both, sum(grad, [0])] : both;
  },
  macs: ([x, w]) => x!.shape[0]! * w!.shape[0]! * w!.shape[1]!,
});

/** y = x Wᵀ + b. x: […, in], w: [out, in], b: [out]. */
export function linear(x: Node, w: Node, b?: Node): Node {
  const rank = x.shape.length;
  if (rank === 2 || rank === 0) return forward(b ? [x, w, b] : [x, w], {});
  // Checked here, since the rows below no longer show the input's own shape.
  naming('linear', b ? [x, w, b] : [x, w], () => checkFeatures(x, w));
  const rows = reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape[rank - 1]!]);
  return reshape(forward(b ? [rows, w, b] : [rows, w], {}), [...x.shape.slice(0, -1), w.shape[0]!]);
}
