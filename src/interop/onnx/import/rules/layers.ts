import { hostLeaf, type Node } from '../../../../graph/node.js';
import { sameShape, showShape, sizeOf } from '../../../../graph/types.js';
import type { Pair } from '../../../../ops/conv2d.js';
import * as ops from '../../../../ops/index.js';
import { nextKey } from '../../../../tensor/random.js';
import type { Operator, Rule } from '../operator.js';
import { cut, padded, padding } from '../windows.js';

function images(operator: Operator, x: Node): readonly number[] {
  if (x.shape.length !== 4) operator.misfit('its input', 'images [N, C, H, W]', showShape(x.shape));
  return x.shape.slice(2);
}

const conv: Rule = (operator) => {
  operator.arity(2, 3);
  const groups = operator.int('group', 1);
  const stride = operator.pair('strides', [1, 1]);
  const dilation = operator.pair('dilations', [1, 1]);
  const declared = operator.sizes('kernel_shape', 2, 1);
  const padsOf = padding(operator);
  return ([x, w, b]) => {
    const size = images(operator, x!);
    const kernel = w!.shape.slice(2) as unknown as Pair;
    if (declared && !sameShape(declared, kernel))
      operator.misfit('kernel_shape', `its weights’ own, ${showShape(kernel)}`, showShape(declared));
    const pads = padsOf(size, { kernel, stride, dilation });
    const [top, left, bottom, right] = pads;
    if (top === bottom && left === right)
      return ops.conv2d(x!, w!, b, { stride, padding: [top, left], dilation, groups });
    return ops.conv2d(padded(x!, pads), w!, b, { stride, padding: [0, 0], dilation, groups });
  };
};

/** alpha · A′ B′ + beta · C; a fully connected layer where B is [out, in] and C a bias. */
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

const matMul: Rule = (operator) => {
  operator.arity(2);
  return ([a, b]) => {
    const [left, right] = [a!.shape, b!.shape];
    if (left.length < 2 || right.length < 2)
      operator.misfit(
        'its inputs',
        'at least two dimensions each',
        `${showShape(left)} and ${showShape(right)}`,
      );
    if (right.length === 2) {
      const rows = ops.reshape(a!, [sizeOf(left.slice(0, -1)), left.at(-1)!]);
      return ops.reshape(ops.matmul(rows, b!), [...left.slice(0, -1), right[1]!]);
    }
    const batch = left.slice(0, -2);
    if (!sameShape(batch, right.slice(0, -2)))
      operator.misfit('its inputs', 'equal batch dimensions', `${showShape(left)} and ${showShape(right)}`);
    const flat = (x: Node) => ops.reshape(x, [sizeOf(batch), ...x.shape.slice(-2)]);
    return ops.reshape(ops.matmul(flat(a!), flat(b!)), [...batch, left.at(-2)!, right.at(-1)!]);
  };
};

/** With the statistics of the file, in training too: an inference graph has no others. */
const batchNormalization: Rule = (operator) => {
  operator.arity(5);
  operator.ignore('momentum');
  const eps = operator.float('epsilon', 1e-5);
  if (operator.opset < 9) operator.only('spatial', 1);
  if (operator.opset >= 14) operator.only('training_mode', 0);
  return ([x, scale, shift, mean, variance]) => ops.batchNorm(x!, scale!, shift!, mean!, variance!, eps);
};

/** ONNX divides alpha by the size, as PyTorch does. */
const lrn: Rule = (operator) => {
  operator.arity(1);
  const size = operator.int('size', 0);
  if (size < 1) operator.refuse('attribute "size"', 'at least 1 channel', String(size));
  const alpha = operator.float('alpha', 1e-4);
  const beta = operator.float('beta', 0.75);
  const k = operator.float('bias', 1);
  if (size % 2 === 1) return ([x]) => ops.localResponseNorm(x!, { size, alpha, beta, k });
  // ONNX's window of an even size reaches one channel further up, ours one further down: a mean over channels then.
  return ([x]) => {
    const [h, w] = images(operator, x!) as unknown as Pair;
    const [n, c] = x!.shape as unknown as Pair;
    const squares = cut(ops.square(x!), 1, 1 - size / 2, c + size - 1);
    const rows = ops.reshape(squares, [n, 1, c + size - 1, h * w]);
    const means = ops.reshape(ops.avgPool2d(rows, { kernel: [size, 1], stride: [1, 1] }), [n, c, h, w]);
    return ops.mul(x!, ops.pow(ops.affine(means, { scale: alpha, shift: k }), { exponent: -beta }));
  };
};

/** Drops where the module trains, as PyTorch's layer would. */
const dropout: Rule = (operator) => {
  operator.arity(1, operator.opset < 12 ? 1 : 3);
  operator.ignore('seed');
  const fixed = operator.opset < 12 ? operator.float('ratio', 0.5) : undefined;
  return ([x, ratio, mode], training) => {
    if (mode && operator.known(mode, 'training_mode')[0] !== 0)
      operator.misfit('training_mode', 'an inference graph', 'one that always trains');
    const p = fixed ?? (ratio ? operator.known(ratio, 'ratio')[0]! : 0.5);
    return training && p > 0 ? ops.dropout(x!, hostLeaf(nextKey(), [4], 'int32'), p) : x!;
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
