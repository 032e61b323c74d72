import type { Node } from '../../graph/node.js';
import type { AttrValue } from '../../graph/types.js';
import { isIntegerComparison } from '../../ops/index.js';
import { places } from './places.js';
import type { Attribute } from './schema.js';
import { UNARY } from './unary.js';
import type { Rule, Writer } from './writer.js';

const pair = (value: AttrValue | undefined): [number, number] => value as unknown as [number, number];
/** ONNX's order of padding: top, left, bottom, right. */
const pads = (value: AttrValue | undefined): number[] => [...pair(value), ...pair(value)];

/** Rule of an operation that is one ONNX operator, with attributes computed from ours. */
const direct =
  (type: string, attributes: (node: Node) => Record<string, Attribute> = () => ({})): Rule =>
  (w, node, inputs, output) => {
    w.add(type, inputs, attributes(node), output);
    return undefined;
  };

const axis = (node: Node): Record<string, Attribute> => ({ axis: node.attrs.axis as number });

/** Means of the bins [⌊i·size/count⌋, ⌈(i+1)·size/count⌉) along one spatial dimension. */
function binned(w: Writer, x: string, side: number, size: number, count: number, output?: string): string {
  const bins = Array.from({ length: count }, (_, i) => [
    Math.floor((i * size) / count),
    Math.ceil(((i + 1) * size) / count),
  ]) as [number, number][];
  if (bins.every(([first, end]) => end - first === 1))
    return w.add('Gather', [x, w.integers(bins.map(([first]) => first))], { axis: side }, output);
  const means = bins.map(([first, end]) => {
    const part = w.add('Slice', [x, w.integers([first]), w.integers([end]), w.integers([side])]);
    return w.add('ReduceMean', [part], { axes: [side], keepdims: 1 });
  });
  return w.add('Concat', means, { axis: side }, output);
}

/** Comparisons are booleans in ONNX and floats here, so a Cast follows. */
const truth =
  (type: string): Rule =>
  (w, _node, inputs, output) =>
    void w.add('Cast', [w.add(type, inputs)], { to: FLOAT }, output);
/** Values of `TensorProto.DataType`. */
const [FLOAT, INT32, BOOL] = [1, 6, 9];

/** Rule of an activation. Derivatives of activations occur only in training graphs, which are not exported. */
const activation =
  (rule: Rule): Rule =>
  (w, node, inputs, output) =>
    node.attrs.order ? 'it is a derivative' : rule(w, node, inputs, output);

const MIXES = 'it mixes the images of a batch';
/** Whether a reduction goes over the batch; its mean would divide by the traced size. */
const mixes = (w: Writer, x: Node, axes: readonly number[]): boolean =>
  axes.some((i) => x.shape[i]! > 0 && x.shape[i]! % w.batch === 0);
const ofBatch = (w: Writer, { attrs, inputs: [x] }: Node): boolean =>
  x!.shape[attrs.axis as number]! % w.batch === 0;

/** 0.5 · x · (1 + inner) */
function half(w: Writer, x: string, inner: string, output: string): undefined {
  const grown = w.add('Mul', [x, w.floats([0.5], [])]);
  w.add('Mul', [grown, w.add('Add', [inner, w.floats([1], [])])], {}, output);
  return undefined;
}

export const rules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(UNARY.map(({ type, op }) => [op, activation(direct(type))])),
  conv2d: direct('Conv', ({ attrs, inputs: [, weights] }) => ({
    kernel_shape: weights!.shape.slice(2),
    strides: pair(attrs.stride),
    pads: pads(attrs.padding),
    dilations: pair(attrs.dilation),
    group: attrs.groups as number,
  })),
  linear: direct('Gemm', () => ({ transB: 1 })),
  localResponseNorm: (w, { attrs }, inputs, output) => {
    const size = attrs.size as number;
    // For an even size our window has one more channel below, ONNX's one more above.
    if (size % 2 === 0) return `ONNX's LRN places a window of ${size} channels differently`;
    const [alpha, beta, bias] = [attrs.alpha, attrs.beta, attrs.k].map((v) => ({ float: v as number }));
    w.add('LRN', inputs, { size, alpha: alpha!, beta: beta!, bias: bias! }, output);
    return undefined;
  },
  batchNorm: direct('BatchNormalization', ({ attrs }) => ({ epsilon: { float: attrs.eps as number } })),
  leakyRelu: direct('LeakyRelu', ({ attrs }) => ({ alpha: { float: attrs.alpha as number } })),
  silu: (w, _node, [x], output) => void w.add('Mul', [x!, w.add('Sigmoid', [x!])], {}, output),
  gelu: activation((w, { attrs }, [x], output) => {
    if (!attrs.tanh)
      return half(w, x!, w.add('Erf', [w.add('Mul', [x!, w.floats([Math.SQRT1_2], [])])]), output);
    const square = w.add('Mul', [w.add('Mul', [x!, x!]), w.floats([0.044715], [])]);
    const grown = w.add('Mul', [x!, w.add('Add', [square, w.floats([1], [])])]);
    return half(
      w,
      x!,
      w.add('Tanh', [w.add('Mul', [grown, w.floats([Math.sqrt(2 / Math.PI)], [])])]),
      output,
    );
  }),
  elu: activation(direct('Elu', ({ attrs }) => ({ alpha: { float: attrs.alpha as number } }))),
  hardtanh: activation((w, { attrs }, [x], output) => {
    const limits = [attrs.min, attrs.max].map((limit) => w.floats([limit as number], []));
    w.add('Clip', [x!, ...limits], {}, output);
    return undefined;
  }),
  hardsigmoid: activation(direct('HardSigmoid', () => ({ alpha: { float: 1 / 6 }, beta: { float: 0.5 } }))),
  mish: activation((w, _node, [x], output) => {
    w.add('Mul', [x!, w.add('Tanh', [w.add('Softplus', [x!])])], {}, output);
    return undefined;
  }),
  softmax: direct('Softmax', axis),
  logSoftmax: direct('LogSoftmax', axis),
  maxPool2d: direct('MaxPool', ({ attrs }) => ({
    kernel_shape: pair(attrs.kernel),
    strides: pair(attrs.stride),
    pads: pads(attrs.padding),
    dilations: pair(attrs.dilation),
    ceil_mode: attrs.ceilMode ? 1 : 0,
  })),
  avgPool2d: direct('AveragePool', ({ attrs }) => ({
    kernel_shape: pair(attrs.kernel),
    strides: pair(attrs.stride),
    pads: pads(attrs.padding),
    ceil_mode: attrs.ceilMode ? 1 : 0,
    count_include_pad: attrs.countIncludePad ? 1 : 0,
  })),
  adaptiveAvgPool2d: (w, { attrs, inputs: [x] }, inputs, output) => {
    const size = pair(attrs.size);
    const from = x!.shape.slice(2);
    if (size.every((s) => s === 1)) w.add('GlobalAveragePool', inputs, {}, output);
    else if (size.every((s, i) => from[i]! % s === 0)) {
      const kernel = size.map((s, i) => from[i]! / s);
      w.add('AveragePool', inputs, { kernel_shape: kernel, strides: kernel }, output);
    } else {
      // ONNX has no adaptive pooling: pool each spatial dimension bin by bin.
      const rows = binned(w, inputs[0]!, 2, from[0]!, size[0]);
      binned(w, rows, 3, from[1]!, size[1], output);
    }
    return undefined;
  },
  reshape: (w, { shape, inputs: [x] }, inputs, output) => {
    const grows = shape.map((size) => size % w.batch === 0);
    const byImage = shape[0] === w.batch && x!.shape[0] === w.batch;
    const free = byImage ? 0 : grows.indexOf(true);
    if (byImage && shape.length === 2) w.add('Flatten', inputs, { axis: 1 }, output);
    else if (free >= 0 && (byImage || free === grows.lastIndexOf(true)))
      w.add('Reshape', [...inputs, w.integers(shape.map((size, i) => (i === free ? -1 : size)))], {}, output);
    // No size grows with the batch: it is computed from constants.
    else if (free < 0 || x!.inputs.length === 0) w.add('Reshape', [...inputs, w.integers(shape)], {}, output);
    else return 'it moves elements between images, and the exported batch has no fixed size';
    return undefined;
  },
  crop: (w, { shape, inputs: [x, offsets] }, [images], output) => {
    const places = offsets!.source?.kind === 'host' ? offsets!.source.data : [];
    const [top, left] = places;
    if (top === undefined || left === undefined || places.some((v, i) => v !== places[i % 2]))
      return 'each image is cropped at a different position';
    const end = [2, 3].map((i) => shape[i]! - x!.shape[i]! + places[i - 2]!);
    w.add('Pad', [images!, w.integers([0, 0, -top, -left, 0, 0, ...end])], {}, output);
    return undefined;
  },
  detach: direct('Identity'),
  // The other inputs are only needed for gradients.
  custom: (w, _node, [result], output) => void w.add('Identity', [result!], {}, output),
  broadcastTo: (w, { shape, inputs: [x] }, inputs, output) => {
    const kept = shape.map((d, i) => (d === x!.shape[i - shape.length + x!.shape.length] ? 1 : d));
    w.add('Expand', [inputs[0]!, w.shape(kept)], {}, output);
    return undefined;
  },
  permute: direct('Transpose', ({ attrs }) => ({ perm: attrs.axes as readonly number[] })),
  matmul: (w, { attrs, shape }, [a, b], output) => {
    const axes = shape.map((_, i) => i);
    const perm = [...axes.slice(0, -2), axes.length - 1, axes.length - 2];
    const turned = (name: string, transpose: unknown) =>
      transpose ? w.add('Transpose', [name], { perm }) : name;
    w.add('MatMul', [turned(a!, attrs.transposeA), turned(b!, attrs.transposeB)], {}, output);
    return undefined;
  },
  leftMatmul: direct('MatMul'),
  add: direct('Add'),
  sub: direct('Sub'),
  mul: direct('Mul'),
  div: direct('Div'),
  maximum: direct('Max'),
  minimum: direct('Min'),
  power: direct('Pow'),
  equal: truth('Equal'),
  less: truth('Less'),
  integer: (w, node, inputs, output) => {
    const { kind } = node.attrs;
    return isIntegerComparison(kind) ? rules[kind]!(w, node, inputs, output) : INTEGERS;
  },
  where: (w, _node, [condition, a, b], output) =>
    void w.add('Where', [w.add('Cast', [condition!], { to: BOOL }), a!, b!], {}, output),
  concat: direct('Concat', axis),
  ...places,
  slice: (w, node, [x], output) => {
    if (ofBatch(w, node)) return 'it picks some images of a batch';
    const { axis: along, start, length } = node.attrs as Record<string, number>;
    const ends = [[start!], [start! + length!], [along!]].map((list) => w.integers(list));
    w.add('Slice', [x!, ...ends], {}, output);
    return undefined;
  },
  place: (w, node, [x], output) => {
    if (ofBatch(w, node)) return 'it adds images to a batch';
    const { axis: along, start, size } = node.attrs as Record<string, number>;
    const { shape } = node.inputs[0]!;
    const before = shape.map((_, i) => (i === along ? start! : 0));
    const after = shape.map((d, i) => (i === along ? size! - start! - d : 0));
    w.add('Pad', [x!, w.integers([...before, ...after])], {}, output);
    return undefined;
  },
  cumsum: (w, node, [x], output) => {
    if (ofBatch(w, node)) return MIXES;
    const { axis: along, reverse } = node.attrs;
    w.add('CumSum', [x!, w.integers([along as number], [])], { reverse: reverse ? 1 : 0 }, output);
    return undefined;
  },
  argmax: (w, node, [x], output) => {
    if (ofBatch(w, node)) return 'it compares the images of a batch';
    const found = w.add('ArgMax', [x!], { axis: node.attrs.axis as number, keepdims: 0 });
    w.add('Cast', [found], { to: INT32 }, output);
    return undefined;
  },
  argsort: (w, node, [x], output) => {
    if (ofBatch(w, node)) return 'it orders the images of a batch';
    const { axis: along, descending } = node.attrs;
    const count = w.integers([node.shape[along as number]!]);
    const options = { axis: along as number, largest: descending ? 1 : 0, sorted: 1 };
    w.add('Cast', [w.add('TopK', [x!, count], options, undefined, 1)], { to: INT32 }, output);
    return undefined;
  },
  normalizeRows: (w, { attrs, shape: [, length] }, [x], output) => {
    // Not a separate constant, which an import would read as a parameter.
    const ones = w.add('Expand', [w.floats([1], [1]), w.integers([length!])]);
    w.add('LayerNormalization', [x!, ones], { epsilon: { float: attrs.eps as number } }, output);
    return undefined;
  },
  conv2dGradInput: (w, { attrs, shape, inputs: [x, weights] }, inputs, output) => {
    const [stride, padding, dilation] = [pair(attrs.stride), pair(attrs.padding), pair(attrs.dilation)];
    const kernel = weights!.shape.slice(2);
    const extra = kernel.map((k, i) => {
      const plain = (x!.shape[i + 2]! - 1) * stride[i]! - 2 * padding[i]! + dilation[i]! * (k - 1) + 1;
      return shape[i + 2]! - plain;
    });
    w.add(
      'ConvTranspose',
      inputs,
      {
        kernel_shape: kernel,
        strides: stride,
        pads: pads(attrs.padding),
        dilations: dilation,
        group: attrs.groups as number,
        output_padding: extra,
      },
      output,
    );
    return undefined;
  },
  cast: (w, { dtype, inputs: [from] }, [x], output) => {
    if (dtype !== 'float32' && dtype !== 'int32') return `it converts ${from!.dtype} to ${dtype}`;
    w.add('Cast', [x!], { to: dtype === 'float32' ? FLOAT : INT32 }, output);
    return undefined;
  },
  clamp: (w, { attrs }, [x], output) =>
    void w.add(
      'Clip',
      [x!, w.floats([attrs.min as number], []), w.floats([attrs.max as number], [])],
      {},
      output,
    ),
  addScaled: (w, _node, [a, b, factor], output) =>
    void w.add('Add', [a!, w.add('Mul', [b!, factor!])], {}, output),
  roundToByte: (w, _node, [x], output) =>
    void w.add('Clip', [w.add('Round', [x!]), w.floats([0], []), w.floats([255], [])], {}, output),
  square: (w, _node, [x], output) => void w.add('Mul', [x!, x!], {}, output),
  pow: (w, { attrs }, [x], output) =>
    void w.add('Pow', [x!, w.floats([attrs.exponent as number], [])], {}, output),
  affine: (w, { attrs }, [x], output) => {
    const scaled = w.add('Mul', [x!, w.floats([attrs.scale as number], [])]);
    w.add('Add', [scaled, w.floats([attrs.shift as number], [])], {}, output);
    return undefined;
  },
  channelAffine: (w, { attrs, shape }, [x], output) => {
    const [scale, shift] = [attrs.scale, attrs.shift] as unknown as [readonly number[], readonly number[]];
    const channels = [shape[1]!, ...shape.slice(2).map(() => 1)];
    const scaled = w.add('Mul', [x!, w.floats(scale, channels)]);
    w.add('Add', [scaled, w.floats(shift, channels)], {}, output);
    return undefined;
  },
  sum: (w, { attrs, inputs: [x] }, inputs, output) => {
    const axes = attrs.axes as readonly number[];
    if (mixes(w, x!, axes)) return MIXES;
    w.add('ReduceSum', [...inputs, w.integers(axes)], { keepdims: attrs.keepDims ? 1 : 0 }, output);
    return undefined;
  },
  sumOfSquares: (w, { inputs: [x] }, inputs, output) => {
    if (mixes(w, x!, Object.keys(x!.shape).map(Number))) return MIXES;
    w.add('ReduceSumSquare', inputs, { keepdims: 0 }, output);
    return undefined;
  },
  max: (w, { attrs, inputs: [x] }, inputs, output) => {
    const axes = attrs.axes as readonly number[];
    if (mixes(w, x!, axes)) return MIXES;
    w.add('ReduceMax', inputs, { axes, keepdims: attrs.keepDims ? 1 : 0 }, output);
    return undefined;
  },
};

const LOSS = 'it compares with targets, and a file has one input';
const STATISTICS = 'it normalises by the statistics of the batch';
export const INTEGERS =
  'arithmetic of integers is exported only if it depends on no input; use toFloat() before it';
const RANKS = 'it exchanges values with other processes';

/** Why an operation has no rule. Operations without a line belong to training, such as the gradients of others. */
export const NOT_EXPORTED: Readonly<Record<string, string>> = {
  allGather: RANKS,
  allReduce: RANKS,
  broadcastFrom: RANKS,
  reduceScatter: RANKS,
  sumStart: RANKS,
  sumEnd: RANKS,
  batchStats: STATISTICS,
  batchNormTrain: STATISTICS,
  binaryCrossEntropy: LOSS,
  binaryCrossEntropyWithLogits: LOSS,
  crossEntropy: LOSS,
  topKCorrect: LOSS,
  flip: 'it mirrors some of the images',
  negateOffsets: 'it belongs to cropping at random',
  dropoutMask: 'it draws random numbers',
  integerCumsum: INTEGERS,
  integerReduce: INTEGERS,
  recurrent: 'only the layers RNN, GRU and LSTM unroll it',
};
