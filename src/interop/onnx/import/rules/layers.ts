import { hostLeaf, type Node } from '../../../../graph/node.js';
import { sameShape, showShape, sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import { nextKey } from '../../../../tensor/random.js';
import type { Operator, Rule } from '../operator.js';
import { checkSize } from '../refuse.js';
import { asImages, asPair, padded, padding, type Side, windowOf } from '../windows.js';

const conv: Rule = (operator) => {
  operator.arity(2, 3);
  const groups = operator.int('group', 1);
  const window = windowOf(operator);
  const declared = operator.ints('kernel_shape');
  const padsOf = padding(operator);
  return ([x, w, b]) => {
    const { images, back } = asImages(operator, x!);
    const kernel = w!.shape.slice(2);
    if (kernel.length !== x!.shape.length - 2)
      operator.misfit('its weights', `${x!.shape.length} dimensions`, showShape(w!.shape));
    if (declared && !sameShape(declared, kernel))
      operator.misfit('kernel_shape', `its weights’ own, ${showShape(kernel)}`, showShape(declared));
    const { stride, dilation } = window(kernel.length);
    const pads = asPair<Side>(padsOf(x!.shape.slice(2), { kernel, stride, dilation }), [0, 0]);
    const even = pads.every(([before, behind]) => before === behind);
    const options = {
      stride: asPair(stride, 1),
      dilation: asPair(dilation, 1),
      padding: even ? ([pads[0][0], pads[1][0]] as const) : ([0, 0] as const),
      groups,
    };
    const weights = ops.reshape(w!, [...w!.shape.slice(0, 2), ...asPair(kernel, 1)]);
    return back(ops.conv2d(even ? images : padded(images, pads), weights, b, options));
  };
};

/** Gemm: alpha · A′ B′ + beta · C; a fully connected layer if B is [out, in] and C a bias. */
const gemm: Rule = (operator) => {
  operator.arity(2, 3);
  const [alpha, beta] = [operator.float('alpha', 1), operator.float('beta', 1)];
  const [transposeA, transposeB] = [operator.int('transA', 0) !== 0, operator.int('transB', 0) !== 0];
  return ([a, b, c]) => {
    const out = b!.shape.at(transposeB ? 0 : 1)!;
    const plain = alpha === 1 && !transposeA && transposeB && b!.shape.length === 2;
    if (plain && (!c || (beta === 1 && sizeOf(c.shape) === out && c.shape.at(-1) === out)))
      return ops.linear(a!, b!, c && ops.reshape(c, [out]));
    const product = ops.matmul(a!, b!, { transposeA, transposeB });
    const scaled = alpha === 1 ? product : ops.scaleBy(product, alpha);
    if (!c) return scaled;
    const sum = ops.add(scaled, beta === 1 ? c : ops.scaleBy(c, beta));
    if (!sameShape(sum.shape, scaled.shape))
      operator.misfit(
        'its third input',
        `one that broadcasts to ${showShape(scaled.shape)}`,
        showShape(c.shape),
      );
    return sum;
  };
};

/** MatMul: leading dimensions are broadcast; 1-D operands are rows or columns. */
const matMul: Rule = (operator) => {
  operator.arity(2);
  return ([a, b]) => {
    if (a!.shape.length === 0 || b!.shape.length === 0)
      operator.misfit(
        'its inputs',
        'at least one dimension each',
        `${showShape(a!.shape)} and ${showShape(b!.shape)}`,
      );
    const first = a!.shape.length === 1 ? ops.reshape(a!, [1, a!.shape[0]!]) : a!;
    const second = b!.shape.length === 1 ? ops.reshape(b!, [b!.shape[0]!, 1]) : b!;
    const y = product(operator, first, second);
    if (first === a && second === b) return y;
    const rows = first === a ? [y.shape.at(-2)!] : [];
    const columns = second === b ? [y.shape.at(-1)!] : [];
    return ops.reshape(y, [...y.shape.slice(0, -2), ...rows, ...columns]);
  };
};

function product(operator: Operator, a: Node, b: Node): Node {
  const [left, right] = [a.shape, b.shape];
  if (left.at(-1) !== right.at(-2))
    operator.misfit('its inputs', 'as many columns as rows', `${showShape(left)} and ${showShape(right)}`);
  if (right.length === 2) {
    const rows = ops.reshape(a, [sizeOf(left.slice(0, -1)), left.at(-1)!]);
    return ops.reshape(ops.matmul(rows, b), [...left.slice(0, -1), right[1]!]);
  }
  const rank = Math.max(left.length, right.length) - 2;
  const sizes = (shape: readonly number[]) => [
    ...Array.from({ length: rank + 2 - shape.length }, () => 1),
    ...shape.slice(0, -2),
  ];
  const [one, two] = [sizes(left), sizes(right)];
  const batch = one.map((d, i) => (d === 1 ? two[i]! : d));
  if (batch.some((d, i) => two[i] !== 1 && two[i] !== d))
    operator.misfit(
      'its inputs',
      'batches that broadcast together',
      `${showShape(left)} and ${showShape(right)}`,
    );
  checkSize([...batch, left.at(-2)!, right.at(-2)!, right.at(-1)!].slice(0, -1));
  const flat = (x: Node) =>
    ops.reshape(ops.broadcastTo(x, [...batch, ...x.shape.slice(-2)]), [sizeOf(batch), ...x.shape.slice(-2)]);
  return ops.reshape(ops.matmul(flat(a), flat(b)), [...batch, left.at(-2)!, right.at(-1)!]);
}

/** Batch normalisation by the statistics of the file, also in training. */
const batchNormalization: Rule = (operator) => {
  operator.arity(5);
  operator.ignore('momentum');
  const eps = operator.float('epsilon', 1e-5);
  if (operator.opset < 7) operator.only('is_test', 1, 0);
  if (operator.opset < 9) operator.only('spatial', 1);
  if (operator.opset >= 14) operator.only('training_mode', 0);
  return ([x, scale, shift, mean, variance]) => {
    const [n, c, ...sides] = x!.shape as [number, number, ...number[]];
    // The spatial dimensions are flattened into one plane.
    const plain = sides.length === 0 || sides.length === 2;
    const images = plain ? x! : ops.reshape(x!, [n, c, 1, sizeOf(sides)]);
    return ops.reshape(ops.batchNorm(images, scale!, shift!, mean!, variance!, eps), x!.shape);
  };
};

/** LRN; alpha is divided by the size, as in PyTorch. */
const lrn: Rule = (operator) => {
  operator.arity(1);
  const size = operator.int('size', 0);
  if (size < 1) operator.refuse('attribute "size"', 'at least 1 channel', String(size));
  const alpha = operator.float('alpha', 1e-4);
  const beta = operator.float('beta', 0.75);
  const k = operator.float('bias', 1);
  if (size % 2 === 1) return ([x]) => ops.localResponseNorm(x!, { size, alpha, beta, k });
  // For an even size, ONNX's window has one more channel above, ours one more below; use a mean over channels then.
  return ([x]) => {
    if (x!.shape.length !== 4) operator.misfit('its input', 'images [N, C, H, W]', showShape(x!.shape));
    const [n, c, h, w] = x!.shape as [number, number, number, number];
    const squares = ops.narrow(ops.square(x!), 1, 1 - size / 2, c + size - 1);
    const rows = ops.reshape(squares, [n, 1, c + size - 1, h * w]);
    const means = ops.reshape(ops.avgPool2d(rows, { kernel: [size, 1], stride: [1, 1] }), [n, c, h, w]);
    return ops.mul(x!, ops.pow(ops.affine(means, { scale: alpha, shift: k }), { exponent: -beta }));
  };
};

/**
 * Dropout while the module is in training mode, as in PyTorch. The input training_mode (exported by PyTorch with
 * `training=TrainingMode.TRAINING`) does not change that: in evaluation nothing is dropped.
 */
const dropout: Rule = (operator) => {
  operator.arity(1, operator.opset < 12 ? 1 : 3);
  const seeded = operator.has('seed');
  operator.ignore('seed');
  if (operator.opset < 7) operator.ignore('is_test');
  const fixed = operator.opset < 12 ? operator.float('ratio', 0.5) : undefined;
  return ([x, ratio, mode], training) => {
    const trains = mode && operator.known(mode, 'training_mode')[0] !== 0;
    const p = fixed ?? (ratio ? operator.known(ratio, 'ratio')[0]! : 0.5);
    if (!(p >= 0 && p < 1)) operator.misfit('its ratio', 'from 0 to below 1', String(p));
    // A seed means one fixed mask from another program's random generator, which cannot be reproduced.
    if (trains && seeded && p > 0) operator.misfit('training_mode', 'no seed', 'a mask that a seed makes');
    if (!training || p === 0) return x!;
    const key = nextKey(x!.shape);
    return ops.dropout(x!, hostLeaf(key, [key.length], 'int32'), p);
  };
};

export const layers: Readonly<Record<string, Rule>> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matMul,
  BatchNormalization: batchNormalization,
  LRN: lrn,
  Dropout: dropout,
};
