import { isInteger } from '../../../../errors/arguments.js';
import { hostLeaf } from '../../../../graph/node.js';
import { sameShape, showShape, sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import { nextKey } from '../../../../tensor/random.js';
import type { Rule } from '../operator.js';
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
    const [left, right] = [a!.shape, b!.shape];
    if (left.length === 0 || right.length === 0 || left.at(-1) !== right.at(right.length > 1 ? -2 : -1))
      operator.misfit('its inputs', 'as many columns as rows', `${showShape(left)} and ${showShape(right)}`);
    const rank = Math.max(left.length, right.length) - 2;
    const batch = (shape: readonly number[]) => (i: number) => shape[shape.length - 3 - i] ?? 1;
    const [one, two] = [batch(left), batch(right)];
    const sizes = Array.from({ length: Math.max(0, rank) }, (_, i) => Math.max(one(i), two(i)));
    if (sizes.some((d, i) => [one(i), two(i)].some((size) => size !== 1 && size !== d)))
      operator.misfit(
        'its inputs',
        'batches that broadcast together',
        `${showShape(left)} and ${showShape(right)}`,
      );
    checkSize([...sizes, ...left.slice(-2)]);
    checkSize([...sizes, ...right.slice(-2)]);
    return ops.matmul(a!, b!);
  };
};

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

/** How much ConvTranspose cuts off and adds so that a side has a given length; an odd cell is cut off at one end. */
function toLength(
  natural: number,
  length: number,
  upper: boolean,
): { readonly pads: Side; readonly more: number } {
  const total = Math.max(0, natural - length);
  const less = Math.floor(total / 2);
  return {
    pads: upper ? [less, total - less] : [total - less, less],
    more: Math.max(0, length - natural),
  };
}

/** ConvTranspose: the gradient of a convolution; uneven padding is cut off afterwards. */
const convTranspose: Rule = (operator) => {
  operator.arity(2, 3);
  const groups = operator.int('group', 1);
  const window = windowOf(operator);
  const declared = operator.ints('kernel_shape');
  const auto = operator.word('auto_pad', ['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER']);
  const [given, extra] = [operator.ints('pads'), operator.ints('output_padding')];
  const result = operator.ints('output_shape');
  return ([x, w, b]) => {
    const { images, back } = asImages(operator, x!);
    const kernel = w!.shape.slice(2);
    const sides = kernel.length;
    if (sides !== x!.shape.length - 2 || (declared && !sameShape(declared, kernel)))
      operator.misfit('its weights', `${x!.shape.length} dimensions`, showShape(w!.shape));
    const { stride, dilation } = window(sides);
    const counts = (list: readonly number[] | undefined, count: number, what: string): readonly number[] => {
      if (list && !(list.length === count && list.every((v) => isInteger(v))))
        operator.misfit(what, `${count} numbers of at least 0`, list.slice(0, 10).join(', '));
      return list ?? Array.from({ length: count }, () => 0);
    };
    const added = counts(extra, sides, 'its output_padding');
    // Old files name the batch and the channels too.
    const lengths = result && counts(result.slice(-sides), sides, 'its output_shape');
    const fitted =
      lengths || auto.startsWith('SAME')
        ? kernel.map((k, i) => {
            const cells = x!.shape[i + 2]!;
            const natural = (cells - 1) * stride[i]! + (k - 1) * dilation[i]! + 1 + added[i]!;
            return toLength(natural, lengths?.[i] ?? cells * stride[i]!, auto === 'SAME_UPPER');
          })
        : undefined;
    const own = counts(given, 2 * sides, 'its pads');
    const pads = fitted
      ? [0, 1].flatMap((end) => fitted.map((side) => side.pads[end]!))
      : auto === 'VALID'
        ? own.map(() => 0)
        : own;
    const outputPadding = fitted ? added.map((p, i) => p + fitted[i]!.more) : added;
    const even = pads.slice(0, sides).every((pad, i) => pad === pads[sides + i]);
    const weights = ops.reshape(w!, [...w!.shape.slice(0, 2), ...asPair(kernel, 1)]);
    const y = ops.convTranspose2d(images, weights, b, {
      stride: asPair(stride, 1),
      dilation: asPair(dilation, 1),
      groups,
      outputPadding: asPair(outputPadding, 0),
      padding: even ? asPair(pads.slice(0, sides), 0) : [0, 0],
    });
    if (even) return back(y);
    const first = 4 - sides;
    const cut = kernel.reduce((part, _, i) => {
      const length = part.shape[first + i]! - pads[i]! - pads[sides + i]!;
      if (length < 1) operator.misfit('its pads', 'at least one element left', String(length));
      return ops.narrow(part, first + i, pads[i]!, length);
    }, y);
    return back(cut);
  };
};

export const layers: Readonly<Record<string, Rule>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Gemm: gemm,
  MatMul: matMul,
  BatchNormalization: batchNormalization,
  LRN: lrn,
  Dropout: dropout,
};
