import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { hostLeaf, Node } from '../../src/graph/node.js';
import {
  type Attrs,
  type DType,
  makeArray,
  type Shape,
  sizeOf,
  type TypedArray,
} from '../../src/graph/types.js';
import * as ops from '../../src/ops/index.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { evaluate, Tensor } from '../../src/tensor/tensor.js';

/** An input of a check: its shape, type and values. */
interface Input {
  readonly shape: Shape;
  readonly values: (index: number) => number;
  readonly dtype: DType;
}

/** Irregular values from −1 to 1, no two of them equal among a few thousand. */
const noise = (i: number): number => (((i + 1) * 0.6180339887498949) % 1) * 2 - 1;
const input = (shape: Shape, values: Input['values'], dtype: DType = 'float64'): Input => ({
  shape,
  values,
  dtype,
});
let salt = 0;
const normal = (...shape: number[]): Input => {
  const offset = 1009 * ++salt;
  return input(shape, (i) => 1.5 * noise(i + offset));
};
/** Away from 0, where |x|, 1/x, √x and the activations have their kinks. */
const positive = (...shape: number[]): Input => {
  const offset = 1009 * ++salt;
  return input(shape, (i) => 1.25 + 0.9 * noise(i + offset));
};
const awayFromZero = (...shape: number[]): Input => {
  const offset = 1009 * ++salt;
  return input(shape, (i) => (i % 2 === 0 ? 1 : -1) * (0.8 + 0.6 * noise(i + offset)));
};
/** Between 0 and 1. */
const share = (...shape: number[]): Input => {
  const offset = 1009 * ++salt;
  return input(shape, (i) => 0.5 + 0.4 * noise(i + offset));
};
const integers = (shape: Shape, ...values: number[]): Input => input(shape, (i) => values[i]!, 'int32');

interface Check {
  readonly inputs: readonly Input[];
  readonly attrs?: Attrs;
  /** Inputs that have no gradient. */
  readonly constant?: readonly number[];
}

const window = { kernel: [3, 2], stride: [2, 1], padding: [1, 1], ceilMode: false };
const conv = { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 };
const plainConv = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };
const lrn = { size: 5, alpha: 0.7, beta: 0.75, k: 2 };
const binaries: Check[] = [
  { inputs: [normal(2, 3), awayFromZero(2, 3)] },
  { inputs: [normal(2, 3, 2), awayFromZero(3, 1)] },
  { inputs: [normal(), awayFromZero(4)] },
  { inputs: [normal(4, 1), awayFromZero()] },
];
const unaries = (make: (...shape: number[]) => Input, attrs: Attrs = {}): Check[] => [
  { inputs: [make(3, 4)], attrs },
];
const reductions: Check[] = [
  { inputs: [normal(2, 3, 4)], attrs: { axes: [0, 1, 2], keepDims: false } },
  { inputs: [normal(2, 3, 4)], attrs: { axes: [1], keepDims: false } },
  { inputs: [normal(2, 3, 4)], attrs: { axes: [0, 2], keepDims: true } },
];
const axes: Check[] = [0, 1, 2].map((axis) => ({ inputs: [normal(2, 3, 4)], attrs: { axis } }));
const matmuls: Check[] = [false, true].flatMap((transposeA) =>
  [false, true].flatMap((transposeB) => {
    const attrs = { transposeA, transposeB };
    const [a, b] = [transposeA ? [3, 2] : [2, 3], transposeB ? [4, 3] : [3, 4]];
    return [
      { inputs: [normal(...a), normal(...b)], attrs },
      { inputs: [normal(2, ...a), normal(2, ...b)], attrs },
    ];
  }),
);

/**
 * Checks for each operation that has a gradient rule, including gradient operations (double backward). `none` is for
 * rules that return no gradients.
 */
const CHECKS: Readonly<Record<string, readonly Check[] | 'none'>> = {
  // On one rank; test/distributed has several.
  allReduce: unaries(normal, { ranks: 1 }),
  broadcastFrom: unaries(normal, { ranks: 1, rank: 0, root: 0 }),
  allGather: unaries(normal, { ranks: 1 }),
  reduceScatter: unaries(normal, { ranks: 1 }),
  relu: unaries(awayFromZero),
  leakyRelu: unaries(awayFromZero, { alpha: 0.2 }),
  sigmoid: unaries(normal),
  tanh: unaries(normal),
  // Gradients of rectifiers depend only on the sign of the result, so they have no gradient with respect to it.
  reluGrad: [{ inputs: [normal(3, 4), awayFromZero(3, 4)], constant: [1] }],
  leakyReluGrad: [{ inputs: [normal(3, 4), awayFromZero(3, 4)], attrs: { alpha: 0.2 }, constant: [1] }],
  sigmoidGrad: [{ inputs: [normal(3, 4), normal(3, 4)] }],
  tanhGrad: [{ inputs: [normal(3, 4), normal(3, 4)] }],
  affine: unaries(normal, { scale: -1.5, shift: 0.5 }),
  neg: unaries(normal),
  exp: unaries(normal),
  log: unaries(positive),
  sqrt: unaries(positive),
  square: unaries(normal),
  sign: 'none',
  abs: unaries(awayFromZero),
  pow: [
    ...unaries(normal, { exponent: 2 }),
    ...unaries(normal, { exponent: 3 }),
    ...unaries(positive, { exponent: -0.75 }),
  ],
  roundToByte: 'none',
  clamp: unaries(awayFromZero, { min: -0.05, max: 10 }),
  sumOfSquares: [{ inputs: [normal(2, 3, 4)] }, { inputs: [normal(7)] }],
  cast: [{ inputs: [normal(3, 4)], attrs: { dtype: 'float64' } }],
  channelAffine: [
    { inputs: [normal(2, 3, 2, 2)], attrs: { scale: [2, -1, 0.5], shift: [1, 2, 3] } },
    { inputs: [normal(4, 2)], attrs: { scale: [2, -1], shift: [1, 2] } },
  ],
  addScaled: [{ inputs: [normal(2, 3), normal(2, 3), normal()] }],
  detach: 'none',
  custom: 'none',
  add: binaries,
  sub: binaries,
  mul: binaries,
  div: binaries,
  equal: 'none',
  less: 'none',
  maximum: binaries,
  minimum: binaries,
  binaryCrossEntropy: [{ inputs: [share(3, 4), share(3, 4)] }],
  binaryCrossEntropyGrad: [{ inputs: [normal(3, 4), share(3, 4), share(3, 4)] }],
  binaryCrossEntropyWithLogits: [{ inputs: [awayFromZero(3, 4), share(3, 4)] }],
  power: [{ inputs: [positive(2, 3), awayFromZero(3)] }, { inputs: [positive(4, 1), awayFromZero()] }],
  erf: unaries(normal),
  softplus: unaries(normal),
  silu: unaries(normal),
  floor: 'none',
  where: [
    { inputs: [integers([2, 3], 1, 0, 0, 1, 0, 1), normal(2, 3), normal(2, 3)] },
    { inputs: [integers([2], 0, 1), normal(2), normal(2)] },
  ],
  concat: [
    { inputs: [normal(2, 3, 2), normal(2, 1, 2)], attrs: { axis: 1 } },
    { inputs: [normal(2), normal(3), normal(1)], attrs: { axis: 0 } },
  ],
  indexSelect: [{ inputs: [normal(2, 3, 2), integers([4], 2, 0, 2, 1)], attrs: { axis: 1 } }],
  indexSelectGrad: [{ inputs: [normal(2, 4, 2), integers([4], 2, 0, 2, 1)], attrs: { axis: 1, size: 3 } }],
  sum: reductions,
  max: reductions,
  softmax: axes,
  logSoftmax: axes,
  reshape: [{ inputs: [normal(2, 3, 4)], attrs: { shape: [6, 4] } }],
  permute: [
    { inputs: [normal(2, 3, 4)], attrs: { axes: [2, 0, 1] } },
    { inputs: [normal(2, 3, 2, 2)], attrs: { axes: [0, 3, 1, 2] } },
  ],
  broadcastTo: [
    { inputs: [normal(3, 1)], attrs: { shape: [2, 3, 4] } },
    { inputs: [normal()], attrs: { shape: [2, 2] } },
  ],
  matmul: matmuls,
  linear: [{ inputs: [normal(3, 4), normal(2, 4), normal(2)] }, { inputs: [normal(3, 4), normal(2, 4)] }],
  linearGradInput: [{ inputs: [normal(3, 2), normal(2, 4)] }],
  linearGradWeight: [{ inputs: [normal(3, 2), normal(3, 4)] }],
  leftMatmul: [{ inputs: [normal(3, 4), normal(2, 4, 2)] }],
  conv2d: [
    { inputs: [normal(2, 4, 5, 6), normal(4, 2, 3, 2), normal(4)], attrs: conv },
    { inputs: [normal(1, 2, 4, 4), normal(3, 2, 2, 2)], attrs: plainConv },
  ],
  conv2dGradInput: [
    { inputs: [normal(2, 4, 3, 8), normal(4, 2, 3, 2)], attrs: { ...conv, shape: [2, 4, 5, 6] } },
    { inputs: [normal(1, 3, 3, 3), normal(3, 2, 2, 2)], attrs: { ...plainConv, shape: [1, 2, 4, 4] } },
  ],
  conv2dGradWeight: [
    { inputs: [normal(2, 4, 3, 8), normal(2, 4, 5, 6)], attrs: { ...conv, shape: [4, 2, 3, 2] } },
    { inputs: [normal(1, 3, 3, 3), normal(1, 2, 4, 4)], attrs: { ...plainConv, shape: [3, 2, 2, 2] } },
  ],
  maxPool2d: [
    { inputs: [normal(2, 2, 5, 4)], attrs: { ...window, dilation: [1, 1] } },
    { inputs: [normal(1, 2, 6, 6)], attrs: { ...window, padding: [0, 0], dilation: [2, 3], ceilMode: true } },
  ],
  maxPool2dGrad: [
    {
      inputs: [normal(2, 2, 3, 5), normal(2, 2, 5, 4)],
      attrs: { ...window, dilation: [1, 1] },
      constant: [1],
    },
    {
      inputs: [normal(1, 2, 2, 3), normal(1, 2, 6, 6)],
      attrs: { ...window, padding: [0, 0], dilation: [2, 3], ceilMode: true },
      constant: [1],
    },
  ],
  avgPool2d: [
    { inputs: [normal(2, 2, 5, 4)], attrs: { ...window, countIncludePad: true } },
    { inputs: [normal(1, 2, 6, 5)], attrs: { ...window, ceilMode: true, countIncludePad: false } },
    { inputs: [normal(1, 2, 6, 5)], attrs: { ...window, ceilMode: true, countIncludePad: true } },
  ],
  avgPool2dGrad: [
    { inputs: [normal(2, 2, 3, 5)], attrs: { ...window, countIncludePad: true, shape: [2, 2, 5, 4] } },
  ],
  adaptiveAvgPool2d: [
    { inputs: [normal(2, 2, 5, 4)], attrs: { size: [3, 2] } },
    { inputs: [normal(1, 2, 2, 3)], attrs: { size: [3, 4] } },
  ],
  adaptiveAvgPool2dGrad: [{ inputs: [normal(2, 2, 3, 2)], attrs: { size: [3, 2], shape: [2, 2, 5, 4] } }],
  localResponseNorm: [
    { inputs: [normal(2, 7, 2, 2)], attrs: lrn },
    { inputs: [normal(1, 6, 2, 2)], attrs: { ...lrn, size: 4, beta: 0.5, k: 1 } },
    { inputs: [normal(1, 3, 2, 2)], attrs: { ...lrn, size: 9 } },
  ],
  localResponseNormGrad: [
    { inputs: [normal(2, 7, 2, 2), normal(2, 7, 2, 2)], attrs: lrn },
    { inputs: [normal(1, 6, 2, 2), normal(1, 6, 2, 2)], attrs: { ...lrn, size: 4, beta: 0.5, k: 1 } },
    { inputs: [normal(1, 3, 2, 2), normal(1, 3, 2, 2)], attrs: { ...lrn, size: 9 } },
  ],
  batchNormTrain: [
    { inputs: [normal(3, 2, 2, 3), positive(2), normal(2)], attrs: { eps: 0.1 } },
    { inputs: [normal(6, 3), positive(3), normal(3)], attrs: { eps: 1e-5 } },
  ],
  batchNormTrainGrad: [
    { inputs: [normal(3, 2, 2, 2), normal(3, 2, 2, 2), normal(2)], attrs: { eps: 0.1 } },
    { inputs: [normal(5, 3), normal(5, 3), positive(3)], attrs: { eps: 1e-3 } },
  ],
  batchNormGradGamma: [
    { inputs: [normal(3, 2, 2, 2), normal(3, 2, 2, 2)], attrs: { eps: 0.1 } },
    { inputs: [normal(5, 3), normal(5, 3)], attrs: { eps: 1e-3 } },
  ],
  batchNorm: [
    {
      inputs: [normal(3, 2, 2, 3), positive(2), normal(2), normal(2), positive(2)],
      attrs: { eps: 0.1 },
      constant: [3, 4],
    },
  ],
  crossEntropy: [
    { inputs: [normal(4, 5), integers([4], 0, 4, 2, 2)], attrs: { labelSmoothing: 0 } },
    { inputs: [normal(4, 5), integers([4], 0, 4, 2, 2)], attrs: { labelSmoothing: 0.2 } },
  ],
  crossEntropyGrad: [0, 0.2].map((labelSmoothing) => ({
    inputs: [normal(4), normal(4, 5), integers([4], 0, 4, 2, 2)],
    attrs: { labelSmoothing },
  })),
  // Derivatives of any order are one operation.
  gelu: [0, 1].flatMap((order) => [0, 1].flatMap((tanh) => unaries(normal, { tanh, order }))),
  elu: [0, 1].flatMap((order) => unaries(awayFromZero, { alpha: 0.7, order })),
  hardtanh: unaries(awayFromZero, { min: -0.05, max: 5, order: 0 }),
  hardsigmoid: unaries(normal, { order: 0 }),
  hardswish: [0, 1].flatMap((order) => unaries(normal, { order })),
  mish: [0, 1].flatMap((order) => unaries(normal, { order })),
  cumsum: [false, true].flatMap((reverse) =>
    [0, 1].map((axis) => ({ inputs: [normal(3, 4)], attrs: { axis, reverse } })),
  ),
  slice: [{ inputs: [normal(2, 5, 2)], attrs: { axis: 1, start: 1, length: 3 } }],
  place: [{ inputs: [normal(2, 3, 2)], attrs: { axis: 1, start: 1, size: 6 } }],
  gather: [{ inputs: [normal(2, 3), integers([2, 4], 2, 0, 2, 1, 0, 0, 1, 2)], attrs: { axis: 1 } }],
  scatterSum: [
    { inputs: [normal(2, 4), integers([2, 4], 2, 0, 2, 1, 0, 0, 1, 2)], attrs: { axis: 1, shape: [2, 3] } },
  ],
  normalizeRows: [{ inputs: [normal(3, 5)], attrs: { eps: 0.1 } }],
  normalizeRowsGrad: [{ inputs: [normal(3, 5), normal(3, 5)], attrs: { eps: 0.1 } }],
  crop: [{ inputs: [normal(2, 2, 4, 3), integers([2, 2], 1, -1, -2, 2)], attrs: { height: 3, width: 3 } }],
  flip: [{ inputs: [normal(2, 2, 2, 3), integers([2], 1, 0)] }],
};

/** Adds an operation by its name, including gradient operations, which have no exported function. */
function apply(op: string, inputs: readonly Node[], attrs: Attrs): Node {
  const { shape, dtype } = ops.operationOf(op).infer(inputs, attrs);
  return new Node(op, inputs, attrs, shape, dtype, '');
}

const STEP = 1e-5;
const fill = ({ shape, values, dtype }: Input): TypedArray =>
  makeArray(dtype, sizeOf(shape)).map((_: number, i: number) => values(i)) as TypedArray;

/** Σ output · weights, with a different weight for every output element. */
function lossOf(op: string, leaves: readonly Node[], attrs: Attrs): Tensor {
  const output = apply(op, leaves, attrs);
  const weights = new Float64Array(sizeOf(output.shape)).map((_, i) => 0.3 + noise(i * 3 + 7));
  return new Tensor(output).mul(new Tensor(hostLeaf(weights, output.shape, 'float64'))).sum();
}

async function check(op: string, { inputs, attrs = {}, constant = [] }: Check): Promise<void> {
  const arrays = inputs.map(fill);
  const leavesOf = (data: readonly TypedArray[]) =>
    data.map((values, i) => hostLeaf(values, inputs[i]!.shape, inputs[i]!.dtype));
  const checked = inputs.flatMap(({ dtype }, i) => (dtype === 'float64' && !constant.includes(i) ? [i] : []));

  const tensors = leavesOf(arrays).map((leaf, i) => new Tensor(leaf, inputs[i]!.dtype === 'float64'));
  lossOf(
    op,
    tensors.map((t) => t.node),
    attrs,
  ).backward();
  tensors.forEach((t, i) => {
    assert.equal(t.grad !== null, checked.includes(i), `${op}: a gradient for input ${i}`);
    if (t.grad) assert.deepEqual(t.grad.shape, t.shape, `${op}: shape of the gradient of input ${i}`);
  });
  const analytic = await evaluate(...checked.map((i) => tensors[i]!.grad!));

  for (const [at, i] of checked.entries()) {
    const moved = async (element: number, by: number): Promise<number> => {
      const data = arrays.map((array) => array.slice());
      data[i]![element]! += by;
      return lossOf(op, leavesOf(data), attrs).item();
    };
    const numeric = new Float64Array(arrays[i]!.length);
    for (let e = 0; e < numeric.length; e++)
      numeric[e] = ((await moved(e, STEP)) - (await moved(e, -STEP))) / (2 * STEP);
    const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
    const error = norm(numeric.map((v, e) => v - analytic[at]![e]!)) / norm(numeric);
    assert.ok(norm(numeric) > 1e-3, `${op}: the gradient of input ${i} is 0, so the check proves nothing`);
    assert.ok(
      error < 1e-6,
      `${op}: gradient of input ${i} has a relative error of ${error.toExponential(2)}`,
    );
  }
}

describe('gradient rules agree with central differences', () => {
  before(() => setDefaultDevice(referenceDevice()));
  const differentiable = ops.operationNames().filter((name) => ops.operationOf(name).gradient);

  it('each has a check', () => {
    assert.deepEqual(Object.keys(CHECKS).sort(), differentiable.sort());
  });

  it('gradients can be differentiated again: only these operations end a gradient', () => {
    assert.deepEqual(
      ops
        .operationNames()
        .filter((name) => !differentiable.includes(name))
        .sort(),
      [
        // Whole numbers, counts and random masks.
        ...['argmax', 'argsort', 'batchStats', 'dropoutMask'],
        ...['integer', 'integerCumsum', 'integerReduce', 'negateOffsets', 'oneHot'],
        // Differentiated twice in operations of single positions.
        ...['recurrent', 'recurrentGrad', 'recurrentGradStart'],
        // Exchanges of complete gradients.
        ...['sumEnd', 'sumStart', 'topKCorrect'],
      ],
    );
  });

  for (const op of differentiable) {
    const checks = CHECKS[op];
    if (!Array.isArray(checks)) continue;
    it(op, async () => {
      for (const given of checks as Check[]) await check(op, given);
    });
  }

  it('operations that stop gradients return none', () => {
    const x = hostLeaf(Float64Array.of(1, 2), [2], 'float64');
    for (const [op, checks] of Object.entries(CHECKS)) {
      if (checks !== 'none') continue;
      const node = apply(op, ['equal', 'less'].includes(op) ? [x, x] : [x], {});
      const grads = ops.operationOf(op).gradient!(node, x);
      assert.deepEqual(
        grads,
        node.inputs.map(() => null),
        op,
      );
    }
  });

  it('cast returns the gradient in the input’s type', async () => {
    const x = new Tensor(hostLeaf(Float32Array.of(1, 2, 3), [3], 'float32'), true);
    const weights = new Tensor(hostLeaf(Float64Array.of(0.5, -1, 2), [3], 'float64'));
    x.toFloat('float64').mul(weights).sum().backward();
    assert.equal(x.grad!.dtype, 'float32');
    assert.deepEqual(await x.grad!.data(), Float32Array.of(0.5, -1, 2));
  });

  it('bytes have no gradient', () => {
    const bytes = hostLeaf(Uint8Array.of(1, 2), [2], 'uint8');
    assert.deepEqual(ops.operationOf('cast').gradient!(ops.cast(bytes, 'float32'), bytes), [null]);
  });
});
