import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ShapeError } from '../../src/errors/errors.js';
import { hostLeaf, type Node } from '../../src/graph/node.js';
import { type DType, makeArray, sizeOf } from '../../src/graph/types.js';
import * as ops from '../../src/ops/index.js';

const of = (dtype: DType, ...shape: number[]): Node =>
  hostLeaf(makeArray(dtype, Math.max(0, sizeOf(shape))), shape, dtype);
const f32 = (...shape: number[]): Node => of('float32', ...shape);
const f64 = (...shape: number[]): Node => of('float64', ...shape);
const i32 = (...shape: number[]): Node => of('int32', ...shape);

const pool = { kernel: [3, 3], stride: [2, 2] } as const;

/** Operations that take a list of axes, by the operation that the message names. */
const WITH_AXES: Readonly<Record<string, (x: Node, axes: readonly number[]) => Node>> = {
  sum: ops.sum,
  mean: ops.mean,
  max: ops.max,
  'max of min': ops.min,
  variance: ops.variance,
  'variance of std': ops.std,
  prod: ops.prod,
  logsumexp: ops.logsumexp,
  squeeze: ops.squeeze,
};

/** Calls, and the expected parts of the message besides the operation and the module path. */
const REFUSED: readonly (readonly [string, () => unknown, ...RegExp[]])[] = [
  // Nothing is stored, but kernels count the elements.
  [
    'broadcastTo',
    () => ops.broadcastTo(f32(1), [1e6, 1e6]),
    /at most 2147483647 elements/,
    /1000000000000 elements \[1000000, 1000000\]/,
  ],
  ['add', () => ops.add(f32(70_000, 1), f32(1, 70_000)), /at most 2147483647 elements/, /in parts/],
  [
    'conv2d',
    () => ops.conv2d(f32(2, 3, 8, 8), f32(4, 5, 3, 3), undefined),
    /\[2, 3, 8, 8\], \[4, 5, 3, 3\]/,
    /5 input channels/,
    /got 3/,
  ],
  [
    'conv2d',
    () => ops.conv2d(f32(2, 3, 8, 8), f32(4, 2, 3, 3), undefined, { groups: 2 }),
    /4 input channels \(2 groups\)/,
  ],
  [
    'conv2d',
    () => ops.conv2d(f32(2, 4, 8, 8), f32(3, 2, 3, 3), undefined, { groups: 2 }),
    /output channels divisible by groups \(2\)/,
  ],
  ['conv2d', () => ops.conv2d(f32(2, 3, 8, 8), f32(4, 3, 11, 11), undefined), /11×11/, /8×8/, /padding/],
  ['conv2d', () => ops.conv2d(f32(3, 8, 8), f32(4, 3, 3, 3), undefined), /\[N, C, H, W\] of 4 dimensions/],
  ['conv2d', () => ops.conv2d(f32(2, 3, 8, 8), f32(4, 3, 3), undefined), /\[out, in \/ groups, kH, kW\]/],
  ['conv2d', () => ops.conv2d(f32(2, 3, 8, 8), f32(4, 3, 3, 3), f32(5)), /a bias \[4\]/, /\[5\]/],
  [
    'conv2d',
    () => ops.conv2d(f32(2, 3, 8, 8), f32(4, 3, 3, 3), undefined, { stride: [0, 1] }),
    /stride .* at least 1/,
  ],
  [
    'conv2d',
    () => ops.conv2d(f32(2, 3, 8, 8), f32(4, 3, 3, 3), undefined, { padding: [-1, 0] }),
    /padding .* at least 0/,
  ],
  [
    'conv2d',
    () => ops.conv2d(f32(2, 3, 8, 8), f32(4, 3, 3, 3), undefined, { dilation: [1, 0.5] }),
    /dilation/,
  ],
  [
    'conv2d',
    () => ops.conv2d(f32(2, 3, 8, 8), f32(4, 3, 3, 3), undefined, { groups: 0 }),
    /groups of at least 1/,
  ],
  ['conv2d', () => ops.conv2d(f32(2, 3, 8, 8), f64(4, 3, 3, 3), undefined), /float32/, /float64/],
  [
    'conv2d',
    () => ops.conv2d(of('uint8', 2, 3, 8, 8), f32(4, 3, 3, 3), undefined),
    /floating-point/,
    /toFloat/,
  ],
  ['linear', () => ops.linear(f32(2, 256), f32(10, 9216)), /9216 input features/, /got 256/, /flatten/],
  ['linear', () => ops.linear(f32(2, 3, 4), f32(10, 12)), /12 input features/, /linear\(\[2, 3, 4\]/],
  ['linear', () => ops.linear(f32(2, 3), f32(10, 3), f32(3)), /a bias \[10\]/],
  ['matmul', () => ops.matmul(f32(2, 3), f32(4, 5)), /3 rows/, /got 4/],
  ['matmul', () => ops.matmul(f32(2, 3), f32(3, 5), { transposeA: true }), /2 rows/],
  ['matmul', () => ops.matmul(f32(2, 2, 3), f32(3, 3, 5)), /broadcast together/, /\[2\] and \[3\]/],
  ['matmul', () => ops.matmul(f32(), f32(3)), /vectors, matrices/, /a scalar/],
  ['matmul', () => ops.matmul(f32(3), f32(2, 4, 5)), /3 rows/, /got 4/],
  ['matmul', () => ops.matmul(f32(3), f32(3, 2), { transposeA: true }), /a matrix to transpose/],
  ['add', () => ops.add(f32(2, 3), f32(2, 4)), /broadcast together/, /\[2, 3\] and \[2, 4\]/],
  ['mul', () => ops.mul(f32(2, 3), f64(2, 3)), /one type/],
  ['broadcastTo', () => ops.broadcastTo(f32(2, 3), [4, 3]), /broadcast/],
  ['broadcastTo', () => ops.broadcastTo(f32(2, 3), [3]), /\[3\]/],
  ['reshape', () => ops.reshape(f32(2, 3), [4, 2]), /6 elements/, /\[4, 2\]/],
  ['reshape', () => ops.reshape(f32(2, 3), [4, -1]), /6 elements/],
  ...[f32(2, 3), f32(1), f32(), f32(0)].map((x): [string, () => unknown, RegExp] => [
    'reshape',
    () => ops.reshape(x, [-1, -1]),
    /at most one size of -1/,
  ]),
  ['reshape', () => ops.reshape(f32(0, 3), [0, -1]), /0 elements/],
  ['unflatten', () => ops.unflatten(f32(2, 1), 1, [-1, -1]), /at most one size of -1/],
  ['permute', () => ops.permute(f32(2, 3), [0, 0]), /2 axes once/],
  ['permute', () => ops.permute(f32(2, 3), [0]), /2 axes once/],
  ['maxPool2d', () => ops.maxPool2d(f32(1, 1, 2, 2), pool), /3×3/, /2×2/],
  ['maxPool2d', () => ops.maxPool2d(f32(1, 1, 9, 9), { ...pool, padding: [2, 2] }), /half the kernel/],
  ['maxPool2d', () => ops.maxPool2d(f32(1, 9, 9), pool), /\[N, C, H, W\]/],
  ['maxPool2d', () => ops.maxPool2d(f32(1, 1, 9, 9), { ...pool, dilation: [0, 1] }), /dilation/],
  ['avgPool2d', () => ops.avgPool2d(f32(1, 1, 2, 9), pool), /3×3/],
  ['adaptiveAvgPool2d', () => ops.adaptiveAvgPool2d(f32(1, 1, 2, 9), [0, 1]), /size .* at least 1/],
  ['adaptiveAvgPool2d', () => ops.adaptiveAvgPool2d(f32(1, 2, 9), [1, 1]), /\[N, C, H, W\]/],
  ['adaptiveAvgPool2d', () => ops.adaptiveAvgPool2d(f32(1, 2, 0, 9), [1, 1]), /at least one pixel/],
  ['mean', () => ops.mean(f32(0, 3), [0]), /at least one element for each result/],
  ['split', () => ops.split(f32(5), 'x' as never), /a size, or a list of sizes/],
  ['localResponseNorm', () => ops.localResponseNorm(f32(2, 3), { size: 5 }), /\[N, C, H, W\]/],
  ['localResponseNorm', () => ops.localResponseNorm(f32(1, 3, 2, 2), { size: 0 }), /at least 1 channel/],
  ['batchNormTrain', () => ops.batchNormTrain(f32(2, 3, 4), f32(3), f32(3)), /\[N, C\] or \[N, C, H, W\]/],
  ['batchNormTrain', () => ops.batchNormTrain(f32(2, 3), f32(3), f32(2)), /each of 3 channels/],
  ['batchNorm', () => ops.batchNorm(f32(2, 3), f32(3), f32(3), f32(4), f32(3)), /each of 3 channels/],
  ['batchStats', () => ops.batchStats(f32(2)), /\[N, C\]/],
  ['crossEntropy', () => ops.crossEntropy(f32(4, 10), i32(3)), /labels \[4\]/, /\[3\]/],
  ['crossEntropy', () => ops.crossEntropy(f32(4, 10), f32(4)), /labels of type int32/, /float32/],
  ['crossEntropy', () => ops.crossEntropy(f32(4), i32(4)), /\[N, classes\]/],
  ['crossEntropy', () => ops.crossEntropy(f32(4, 10), i32(4), 1.5), /labelSmoothing/],
  ['topKCorrect', () => ops.topKCorrect(f32(4, 10), i32(4), 0), /k of at least 1/],
  ['dropoutMask', () => ops.dropout(f32(4), i32(4), 1), /probability/],
  ['dropoutMask', () => ops.dropout(f32(4), i32(2), 0.5), /four int32/],
  ['dropoutMask', () => ops.dropout(f32(4), f32(4), 0.5), /four int32/],
  ['crop', () => ops.crop(f32(2, 3, 4, 4), i32(2), [2, 2]), /int32 offsets \[2, 2\]/],
  ['flip', () => ops.flip(f32(2, 3, 4, 4), i32(3)), /int32 flags \[2\]/],
  ['channelAffine', () => ops.channelAffine(f32(2, 3, 4, 4), [1], [1]), /lists of 3 values/],
  ['addScaled', () => ops.addScaled(f32(2), f32(3), f32()), /one shape/],
  ['addScaled', () => ops.addScaled(f32(2), f32(2), f32(1)), /scalar factor/],
  ['sum', () => ops.sum(f32(2, 3), [2]), /axis in \[-2, 1\]/, /got 2/],
  ['max', () => ops.max(f32(2, 3), [-3]), /axis/],
  ['mean', () => ops.mean(f32(0, 3), [0]), /at least one element for each result/],
  ['split', () => ops.split(f32(5), 'x' as never), /a size, or a list of sizes/],
  ['adaptiveAvgPool2d', () => ops.adaptiveAvgPool2d(f32(1, 2, 0, 9), [1, 1]), /at least one pixel/],
  ...Object.entries(WITH_AXES).flatMap(([name, apply]) =>
    [
      [0, 0],
      [0, -4],
      [-1, 1, 3],
      [2, -2],
    ].map((axes): [string, () => unknown, RegExp, RegExp] => [
      name.split(' ')[0]!,
      () => apply(f32(2, 3, 1, 4), axes),
      /each axis at most once/,
      new RegExp(`\\[${axes.join(', ')}\\]`),
    ]),
  ),
  ['sum', () => ops.norm(f32(2, 3), 2, [1, -1]), /each axis at most once/],
  ['permute', () => ops.permute(f32(2, 3), [1, -1]), /2 axes once/],
  ['softmax', () => ops.softmax(f32(2, 3), 2), /axis/],
  ['argmax', () => ops.argmax(f32(2, 3), 2), /axis/],
  ['flatten', () => ops.flatten(f32(2, 3), 3), /axis/],
  ['flatten', () => ops.flatten(f32(2, 3, 4), 2, 1), /an end from 2 on/],
  ['max', () => ops.max(f32(2, 0), [1]), /at least 1 element/],
  ['argmax', () => ops.argmax(f32(0), 0), /at least one element/],
  ['variance', () => ops.variance(f32(2, 1), [1]), /more than 1 elements/, /correction/],
  ['norm', () => ops.norm(f32(2), Number.NaN), /a number p/],
  ['cumsum', () => ops.cumsum(f32(2), 1), /axis/],
  ['argsort', () => ops.argsort(i32(3), 0), /floating-point/],
  ['topk', () => ops.topk(f32(3), 4), /k from 0 to 3/],
  ['stack', () => ops.stack([f32(2), f32(3)]), /one shape/, /\[3\]/],
  ['stack', () => ops.stack([]), /at least one tensor/],
  ['split', () => ops.split(f32(5), [2, 2]), /make 5 together/],
  ['split', () => ops.split(f32(5), 0), /at least 1 position/],
  ['chunk', () => ops.chunk(f32(5), 0), /at least 1 chunk/],
  ['select', () => ops.select(f32(3), 0, 3), /in \[-3, 2\]/],
  ['slice', () => ops.sliced(f32(3), 0, 0, 3, 0), /a step of at least 1/],
  ['slice', () => ops.sliced(f32(3), 0, 0.5), /whole numbers/],
  ['slice', () => ops.within(f32(3), 0, 2, 2), /at most 3 positions/],
  ['pad', () => ops.pad(f32(3), [1]), /pairs of numbers/],
  ['pad', () => ops.pad(f32(3), [1, 1, 1, 1]), /at most 1 axes/],
  ['pad', () => ops.pad(f32(3), [3, 0], 'reflect'), /at most 2 positions/],
  ['pad', () => ops.pad(f32(3), [-2, -2]), /cut off at most 3/],
  ['pad', () => ops.pad(f32(3), [-4, 2], 'constant', 3), /cut off at most 3/],
  ['expand', () => ops.expand(f32(2, 3), [3]), /at least 2 sizes/],
  ['broadcastTo', () => ops.expand(f32(2, 3), [4, 3]), /broadcast/],
  ['repeat', () => ops.repeat(f32(2, 3), [2]), /at least 2 numbers/],
  ['unflatten', () => ops.unflatten(f32(6), 0, [4, -1]), /make 6 elements together/],
  ['unsqueeze', () => ops.unsqueeze(f32(2), 2), /axis in \[-2, 1\]/],
  ['transpose', () => ops.transpose(f32(2), 0, 1), /axis/],
  ['tril', () => ops.tril(f32(3)), /matrices/],
  ['gather', () => ops.gather(f32(2, 3), 1, f32(2, 3)), /type int32/],
  ['gather', () => ops.gather(f32(2, 3), 1, i32(3, 3)), /none but axis 1 larger/],
  ['scatterSum', () => ops.scatterAdd(f32(2, 3), 1, i32(2, 4), f32(2, 3)), /at least \[2, 4\]/],
  ['oneHot', () => ops.oneHot(f32(2), 3), /type int32/],
  ['embedding', () => ops.embedding(f32(2), f32(4, 3)), /type int32/, /dtype: 'int32'/],
  ['einsum', () => ops.einsum('ij,jk', [f32(2, 3)]), /2 tensors/],
  ['einsum', () => ops.einsum('ij,jk->ik', [f32(2, 3), f32(4, 2)]), /one size for “j”/, /3 and 4/],
  ['einsum', () => ops.einsum('ij->ik', [f32(2, 3)]), /axes that the inputs have/],
  ['einsum', () => ops.einsum('i1', [f32(2, 3)]), /letters, commas/],
  ['einsum', () => ops.einsum('i', [f32(2, 3)]), /a tensor of 1 axes/],
  ['layerNorm', () => ops.layerNorm(f32(2, 3), [4]), /last axes are \[4\]/],
  ['groupNorm', () => ops.groupNorm(f32(2, 3, 4), 2), /divide 3 channels/],
  [
    'convTranspose2d',
    () => ops.convTranspose2d(f32(1, 3, 4, 4), f32(4, 2, 3, 3), undefined),
    /4 input channels/,
  ],
  [
    'convTranspose2d',
    () => ops.convTranspose2d(f32(1, 3, 4, 4), f32(3, 2, 3, 3), undefined, { outputPadding: [1, 0] }),
    /smaller than the stride/,
  ],
  [
    'convTranspose2d',
    () => ops.convTranspose2d(f32(1, 3, 1, 1), f32(3, 2, 1, 1), undefined, { padding: [1, 1] }),
    /at least one pixel/,
  ],
  ['interpolate', () => ops.interpolate(f32(1, 2, 3), [{ size: 0 }], 'nearest'), /sizes of at least 1/],
  ['interpolate', () => ops.interpolate(f32(1, 2), [{ size: 2 }], 'linear'), /\[N, C, …\]/],
  ['pixelShuffle', () => ops.pixelShuffle(f32(1, 6, 2, 2), 2), /that 4 divides/],
  ['relu', () => ops.relu(i32(2)), /floating-point/],
  ['cast', () => ops.cast(f32(2), 'uint8'), /floating-point or int32 target/],
  ['where', () => ops.where(i32(2), f32(3), f32(3)), /broadcast together/],
  ['where', () => ops.where(i32(2), i32(2), f32(2)), /one type/],
  ['concat', () => ops.concat([f32(2, 3), f32(2, 4)], 0), /equal except along axis 0/, /\[2, 3\], \[2, 4\]/],
  ['concat', () => ops.concat([f32(2), i32(2)], 0), /one type/],
  ['concat', () => ops.concat([f32(2), f32(2)], 1), /axis/],
  ['concat', () => ops.concat([]), /at least one/],
  ['indexSelect', () => ops.indexSelect(f32(2, 3), f32(2), 0), /int32 indices/],
  ['indexSelect', () => ops.indexSelect(f32(2, 3), i32(2), 2), /axis/],
];

describe('a wrong shape is rejected at the call', () => {
  REFUSED.forEach(([op, call, ...parts], i) => {
    it(`${op} (${i}): ${parts.map((p) => p.source).join(', ')}`, () => {
      assert.throws(
        () => ops.withScope('features.3', call),
        (error) => {
          assert.ok(error instanceof ShapeError, `${error}`);
          assert.match(error.message, new RegExp(`^${op}\\(.*\\) in features\\.3 does not fit`));
          for (const part of parts) assert.match(error.message, part);
          return true;
        },
      );
    });
  });

  it('without a module path outside of modules', () => {
    assert.throws(() => ops.add(f32(2), f32(3)), { message: /^add\(\[2\], \[3\]\) does not fit/ });
  });

  it('and the module path is correct after an error and in nested modules', () => {
    const scopeOf = () => ops.neg(f32(1)).scope;
    ops.withScope('classifier', () => {
      ops.withScope('classifier.1', () => assert.equal(scopeOf(), 'classifier.1'));
      assert.throws(() =>
        ops.withScope('classifier.2', () => {
          throw new Error('stop');
        }),
      );
      assert.equal(scopeOf(), 'classifier');
    });
    assert.equal(scopeOf(), '');
  });
});

describe('shapes of results', () => {
  const shapes: readonly (readonly [string, Node, readonly number[]])[] = [
    [
      'AlexNet’s first convolution',
      ops.conv2d(f32(1, 3, 224, 224), f32(64, 3, 11, 11), undefined, { stride: [4, 4], padding: [2, 2] }),
      [1, 64, 55, 55],
    ],
    ['overlapping pooling', ops.maxPool2d(f32(1, 64, 55, 55), pool), [1, 64, 27, 27]],
    ['ceil mode', ops.maxPool2d(f32(1, 1, 6, 6), { ...pool, ceilMode: true }), [1, 1, 3, 3]],
    [
      'ceil mode without a window that starts in the padding',
      ops.maxPool2d(f32(1, 1, 3, 3), { kernel: [2, 2], padding: [1, 1], ceilMode: true }),
      [1, 1, 2, 2],
    ],
    ['a stride is the kernel by default', ops.avgPool2d(f32(1, 1, 6, 6), { kernel: [2, 3] }), [1, 1, 3, 2]],
    ['an inferred dimension', ops.reshape(f32(2, 3, 4), [2, -1]), [2, 12]],
    ['flatten(1)', ops.flatten(f32(2, 3, 4), 1), [2, 12]],
    ['flatten of a scalar', ops.flatten(f32()), [1]],
    ['broadcasting', ops.add(f32(2, 1, 4), f32(3, 1)), [2, 3, 4]],
    ['mean of all', ops.mean(f32(2, 3)), []],
    ['max with kept dimensions', ops.max(f32(2, 3), [-1], true), [2, 1]],
    ['argmax', ops.argmax(f32(2, 3, 4), 1), [2, 4]],
    ['cross-entropy', ops.crossEntropy(f32(4, 10), i32(4)), [4]],
    ['resize', ops.resize(of('uint8', 2, 3, 32, 32), [224, 200]), [2, 3, 224, 200]],
    ['crop', ops.crop(f32(2, 3, 8, 8), i32(2, 2), [4, 6]), [2, 3, 4, 6]],
  ];
  for (const [name, node, shape] of shapes) it(name, () => assert.deepEqual(node.shape, shape));

  it('identities add no node', () => {
    const x = f32(2, 3, 6, 6);
    assert.equal(ops.reshape(x, [2, 3, 6, 6]), x);
    assert.equal(ops.adaptiveAvgPool2d(x, [6, 6]), x);
    assert.equal(ops.broadcastTo(x, [2, 3, 6, 6]), x);
    assert.equal(ops.cast(x, 'float32'), x);
  });

  it('multiply-adds are counted', () => {
    const macs = (node: Node) =>
      ops.operationOf(node.op).macs!(node.inputs, { shape: node.shape, dtype: node.dtype }, node.attrs);
    const first = ops.conv2d(f32(1, 3, 224, 224), f32(64, 3, 11, 11), undefined, {
      stride: [4, 4],
      padding: [2, 2],
    });
    assert.equal(macs(first), 64 * 55 * 55 * 3 * 11 * 11);
    const grouped = ops.conv2d(f32(1, 4, 5, 5), f32(6, 2, 3, 3), undefined, { groups: 2 });
    assert.equal(macs(grouped), 6 * 3 * 3 * 2 * 9);
    assert.equal(macs(ops.linear(f32(8, 9216), f32(4096, 9216))), 8 * 9216 * 4096);
    assert.equal(macs(ops.matmul(f32(5, 2, 3), f32(5, 2, 4), { transposeA: true })), 5 * 3 * 4 * 2);
  });
});
