import { readFileSync } from 'node:fs';
import type { Device } from '../../src/backend/backend.js';
import type { Node } from '../../src/graph/node.js';
import {
  type DType,
  isFloat,
  makeArray,
  type Shape,
  sizeOf,
  type TypedArray,
} from '../../src/graph/types.js';
import { recurrence } from '../../src/nn/sequence/recurrence.js';
import * as ops from '../../src/ops/index.js';
import { philox4x32 } from '../../src/random.js';
import { evaluate, Tensor, tensor } from '../../src/tensor/tensor.js';

interface Values {
  readonly shape: Shape;
  readonly data: readonly number[];
}

/** One operation on given inputs, with the expected result and gradients. */
export interface Case {
  readonly name: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** `float32` means the floating type in which the case is run. */
  readonly inputs: readonly (Values & { readonly dtype: string })[];
  readonly output: Values;
  /** Gradient of the loss with respect to the output; null if only the output is compared. */
  readonly gradOutput: Values | null;
  /** Gradients with respect to the inputs; null for inputs without a gradient. */
  readonly grads: readonly (Values | null)[];
  /** Source of the numbers: a PyTorch expression or a sentence. */
  readonly code: string;
  readonly aux?: Readonly<Record<string, readonly number[]>>;
}

type Build = (inputs: readonly Node[], attrs: never, dtype: DType) => Node;
type Floating = 'float32' | 'float64';

const unary =
  (op: (x: Node) => Node): Build =>
  ([x]) =>
    op(x!);
const binary =
  (op: (a: Node, b: Node) => Node): Build =>
  ([a, b]) =>
    op(a!, b!);
const reduction =
  (op: (x: Node, axes: readonly number[], keepDims: boolean) => Node): Build =>
  ([x], { axes, keepDims }: { axes: number[]; keepDims: boolean }) =>
    op(x!, axes, keepDims);
const alongAxis =
  (op: (x: Node, axis: number) => Node): Build =>
  ([x], { axis }: { axis: number }) =>
    op(x!, axis);

interface Spread {
  readonly axes: number[];
  readonly correction: number;
  readonly keepDims: boolean;
}
/** JSON has no infinities: `inf` stands for them. */
const finite = (value: number | string): number => Number(String(value).replace('inf', 'Infinity'));

/** Adds a case's operation to a graph. */
const BUILD: Readonly<Record<string, Build>> = {
  relu: unary((x) => ops.relu(x)),
  sigmoid: unary((x) => ops.sigmoid(x)),
  tanh: unary((x) => ops.tanh(x)),
  exp: unary(ops.exp),
  log: unary(ops.log),
  sqrt: unary(ops.sqrt),
  square: unary(ops.square),
  abs: unary(ops.abs),
  neg: unary(ops.neg),
  sign: unary(ops.sign),
  roundToByte: unary(ops.roundToByte),
  sumOfSquares: unary(ops.sumOfSquares),
  clamp: ([x], attrs: { min: number; max: number }) => ops.clamp(x!, attrs),
  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: binary(ops.mul),
  div: binary(ops.div),
  equal: binary(ops.equal),
  flip: binary(ops.flip),
  less: binary(ops.less),
  maximum: binary(ops.maximum),
  minimum: binary(ops.minimum),
  binaryCrossEntropy: binary(ops.binaryCrossEntropy),
  binaryCrossEntropyWithLogits: binary(ops.binaryCrossEntropyWithLogits),
  power: binary(ops.power),
  erf: unary(ops.erf),
  floor: unary(ops.floor),
  castInt: unary((x) => ops.cast(x, 'int32')),
  where: ([condition, a, b]) => ops.where(condition!, a!, b!),
  concat: (inputs, { axis }: { axis: number }) => ops.concat(inputs, axis),
  narrow: ([x], { axis, start, length }: { axis: number; start: number; length: number }) =>
    ops.narrow(x!, axis, start, length),
  indexSelect: ([x, indices], { axis }: { axis: number }) => ops.indexSelect(x!, indices!, axis),
  sum: reduction(ops.sum),
  mean: reduction(ops.mean),
  max: reduction(ops.max),
  softmax: alongAxis(ops.softmax),
  logSoftmax: alongAxis(ops.logSoftmax),
  argmax: alongAxis(ops.argmax),
  detach: unary(ops.detach),
  custom: unary((x) => ops.custom('sign', ops.sign(x), [x], (_node, grad) => [grad])),
  leakyRelu: ([x], { slope }: { slope: number }) => ops.leakyRelu(x!, slope),
  pow: ([x], attrs: { exponent: number }) => ops.pow(x!, attrs),
  affine: ([x], attrs: { scale: number; shift: number }) => ops.affine(x!, attrs),
  cast: ([x], _attrs, dtype) => ops.cast(x!, dtype),
  integer: ([a, b], { kind }: { kind: ops.IntegerKind }) => ops.integer(kind, a!, b!),
  integerReduce: ([x], { kind, axes }: { kind: ops.IntegerFold; axes: number[] }) =>
    ops.integerReduce(kind, x!, axes),
  integerCumsum: ([x], { axis, reverse }: { axis: number; reverse: boolean }) =>
    ops.integerCumsum(x!, axis, reverse),
  addScaled: ([a, b, s]) => ops.addScaled(a!, b!, s!),
  channelAffine: ([x], { scale, shift }: { scale: number[]; shift: number[] }) =>
    ops.channelAffine(x!, scale, shift),
  reshape: ([x], { shape }: { shape: number[] }) => ops.reshape(x!, shape),
  flatten: ([x], { startDim }: { startDim: number }) => ops.flatten(x!, startDim),
  permute: ([x], { axes }: { axes: number[] }) => ops.permute(x!, axes),
  broadcastTo: ([x], { shape }: { shape: number[] }) => ops.broadcastTo(x!, shape),
  matmul: ([a, b], attrs: ops.MatmulAttrs) => ops.matmul(a!, b!, attrs),
  linear: ([x, w, b]) => ops.linear(x!, w!, b),
  conv2d: ([x, w, b], attrs: ops.Conv2dAttrs) => ops.conv2d(x!, w!, b, attrs),
  maxPool2d: ([x], attrs: ops.MaxPoolAttrs) => ops.maxPool2d(x!, attrs),
  avgPool2d: ([x], attrs: ops.AvgPoolAttrs) => ops.avgPool2d(x!, attrs),
  sin: ([x]) => ops.sin(x!),
  cos: ([x]) => ops.cos(x!),
  flipAlong: ([x], { axes }: { axes: number[] }) => ops.flipAlong(x!, axes),
  roll: ([x], { shifts, axes }: { shifts: number[]; axes: number[] }) => ops.roll(x!, shifts, axes),
  unfold: ([x], attrs: ops.PatchAttrs) => ops.unfold(x!, attrs),
  fold: ([x], { size, ...attrs }: ops.PatchAttrs & { size: ops.Pair }) => ops.fold(x!, size, attrs),
  adaptiveMaxPool2d: ([x], { size }: { size: ops.Pair }) => ops.adaptiveMaxPool2d(x!, size),
  adaptiveAvgPool2d: ([x], { size }: { size: ops.Pair }) => ops.adaptiveAvgPool2d(x!, size),
  localResponseNorm: ([x], attrs: ops.LrnAttrs) => ops.localResponseNorm(x!, attrs),
  batchStats: unary(ops.batchStats),
  allReduce: unary((x) => ops.allReduce(x, 1)),
  broadcastFrom: unary((x) => ops.broadcastFrom(x, { ranks: 1, rank: 0, root: 0 })),
  allGather: unary((x) => ops.allGather(x, 1)),
  reduceScatter: unary((x) => ops.reduceScatter(x, 1)),
  sumTogether: ([x, y]) => ops.sumTogether([x!, y!], { ranks: 1, wire: 'float32', label: 'two values' })[1]!,
  batchNormTrain: ([x, gamma, beta], { eps }: { eps: number }) => ops.batchNormTrain(x!, gamma!, beta!, eps),
  batchNorm: ([x, gamma, beta, mean, variance], { eps }: { eps: number }) =>
    ops.batchNorm(x!, gamma!, beta!, mean!, variance!, eps),
  crossEntropy: ([logits, labels], { labelSmoothing }: { labelSmoothing: number }) =>
    ops.crossEntropy(logits!, labels!, labelSmoothing),
  topKCorrect: ([logits, labels], { k }: { k: number }) => ops.topKCorrect(logits!, labels!, k),
  dropout: ([x, key], { p }: { p: number }) => ops.dropout(x!, key!, p),
  crop: ([x, offsets], { size }: { size: ops.Pair }) => ops.crop(x!, offsets!, size),
  gelu: ([x], { approximate }: { approximate: 'none' | 'tanh' }) => ops.gelu(x!, approximate),
  elu: ([x], { alpha }: { alpha: number }) => ops.elu(x!, alpha),
  hardtanh: ([x], { min, max }: { min: number; max: number }) => ops.hardtanh(x!, min, max),
  min: reduction(ops.min),
  prod: reduction(ops.prod),
  logsumexp: reduction(ops.logsumexp),
  variance: ([x], { axes, correction, keepDims }: Spread) => ops.variance(x!, axes, correction, keepDims),
  std: ([x], { axes, correction, keepDims }: Spread) => ops.std(x!, axes, correction, keepDims),
  norm: ([x], { p, axes, keepDims }: { p: number | string; axes: number[]; keepDims: boolean }) =>
    ops.norm(x!, finite(p), axes, keepDims),
  cumsum: alongAxis((x, axis) => ops.cumsum(x, axis)),
  argsort: ([x], { axis, descending }: { axis: number; descending: boolean }) =>
    ops.argsort(x!, axis, descending),
  sort: ([x], { axis, descending }: { axis: number; descending: boolean }) =>
    ops.sort(x!, axis, descending).values,
  topk: ([x], { k, axis, largest }: { k: number; axis: number; largest: boolean }) =>
    ops.topk(x!, k, axis, largest).values,
  maxWithIndices: ([x], { axis, keepDims }: { axis: number; keepDims: boolean }) =>
    ops.maxWithIndices(x!, axis, keepDims).values,
  minWithIndices: ([x], { axis, keepDims }: { axis: number; keepDims: boolean }) =>
    ops.minWithIndices(x!, axis, keepDims).values,
  stack: (inputs, { axis }: { axis: number }) => ops.stack(inputs, axis),
  select: ([x], { axis, index }: { axis: number; index: number }) => ops.select(x!, axis, index),
  sliced: ([x], { axis, start, end, step }: Record<'axis' | 'start' | 'end' | 'step', number>) =>
    ops.sliced(x!, axis, start, end, step),
  pad: ([x], { pads, mode, value }: { pads: number[]; mode: ops.PadMode; value: number }) =>
    ops.pad(x!, pads, mode, value),
  expand: ([x], { shape }: { shape: number[] }) => ops.expand(x!, shape),
  repeat: ([x], { times }: { times: number[] }) => ops.repeat(x!, times),
  squeeze: ([x], { axes }: { axes?: number[] }) => ops.squeeze(x!, axes),
  unsqueeze: alongAxis(ops.unsqueeze),
  transpose: ([x], { first, second }: { first: number; second: number }) => ops.transpose(x!, first, second),
  unflatten: ([x], { axis, sizes }: { axis: number; sizes: number[] }) => ops.unflatten(x!, axis, sizes),
  flattenTo: ([x], { start, end }: { start: number; end: number }) => ops.flatten(x!, start, end),
  tril: ([x], { diagonal }: { diagonal: number }) => ops.tril(x!, diagonal),
  triu: ([x], { diagonal }: { diagonal: number }) => ops.triu(x!, diagonal),
  maskedFill: ([x, mask], { value }: { value: number | string }) =>
    ops.softmax(ops.maskedFill(x!, mask!, finite(value))),
  gather: ([x, index], { axis }: { axis: number }) => ops.gather(x!, axis, index!),
  scatterAdd: ([x, index, source], { axis }: { axis: number }) => ops.scatterAdd(x!, axis, index!, source!),
  oneHot: ([index], { classes }: { classes: number }, dtype) =>
    ops.oneHot(index!, classes, dtype as 'float32' | 'float64'),
  matmulTransposed: ([a, b]) => ops.matmul(a!, ops.transpose(b!, -2, -1)),
  einsum: (inputs, { equation }: { equation: string }) => ops.einsum(equation, inputs),
  normalized: ([x], { p, axis }: { p: number | string; axis: number }) =>
    ops.normalized(x!, axis, { p: finite(p) }),
  cosineSimilarity: ([x, y], { axis }: { axis: number }) => ops.cosineSimilarity(x!, y!, axis),
  layerNorm: ([x, gamma, beta], { shape, eps }: { shape: number[]; eps: number }) =>
    ops.layerNorm(x!, shape, gamma, beta, eps),
  groupNorm: ([x, gamma, beta], { groups, eps }: { groups: number; eps: number }) =>
    ops.groupNorm(x!, groups, gamma, beta, eps),
  recurrent: (inputs, { cell }: { cell: ops.Cell }) => recurrentOf(inputs, cell).y,
  recurrentEnd: (inputs, { cell }: { cell: ops.Cell }) => recurrentOf(inputs, cell).end.at(-1)!,
  convTranspose2d: ([x, w, b], attrs: ops.ConvTranspose2dAttrs) => ops.convTranspose2d(x!, w!, b, attrs),
  resize: ([x], { size, asBytes }: { size: ops.Pair; asBytes: boolean }) => ops.resize(x!, size, { asBytes }),
};

const recurrentOf = ([x, w, h, second]: readonly Node[], cell: ops.Cell) =>
  recurrence({
    cell,
    reverse: false,
    x: x!,
    w: w!,
    begin: cell === 'lstm' ? [h!, second!] : [h!],
    bias: cell === 'gru' ? second! : undefined,
  });

/** Operations with one input and one formula need no entry above. */
const fromFormula = (op: string): Build | undefined => {
  const made = (ops as Readonly<Record<string, unknown>>)[op];
  return typeof made === 'function' ? ([x]) => (made as (x: Node) => Node)(x!) : undefined;
};

export interface Ran {
  readonly output: TypedArray;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly grads: readonly (TypedArray | null)[];
  /** Names of all operations in the case's graph. */
  readonly operations: ReadonlySet<string>;
}

/** Runs a case on a device, in one graph: the output, and the gradients of Σ output · gradOutput. */
export async function runCase(device: Device, given: Case, dtype: Floating): Promise<Ran> {
  const build = BUILD[given.op] ?? fromFormula(given.op);
  if (!build) throw new Error(`test/support/cases.ts does not know how to build ${given.op}`);
  const inputs = await Promise.all(
    given.inputs.map(async (input, i) => {
      const placed = await filled(input, input.dtype === 'float32' ? dtype : (input.dtype as DType)).to(
        device,
      );
      return new Tensor(placed.node, Boolean(given.gradOutput && given.grads[i]));
    }),
  );
  const output = new Tensor(
    build(
      inputs.map((t) => t.node),
      given.attrs as never,
      dtype,
    ),
  );
  if (given.gradOutput) output.mul(filled(given.gradOutput, output.dtype)).sum().backward();
  const wanted = [output, ...inputs.flatMap((t) => t.grad ?? [])];
  const operations = operationsOf(wanted.map((t) => t.node));
  const [value, ...found] = await evaluate(...wanted);
  return {
    output: value!,
    shape: output.shape,
    dtype: output.dtype,
    grads: inputs.map((t) => (t.grad ? found.shift()! : null)),
    operations,
  };
}

function filled({ shape, data }: Values, dtype: DType): Tensor {
  const array = makeArray(dtype, sizeOf(shape));
  // PyTorch computed in float64 from the float32 values that the fixtures' decimals represent.
  array.set(isFloat(dtype) ? data.map(Math.fround) : data);
  return tensor(array, { shape });
}

function operationsOf(roots: readonly Node[]): Set<string> {
  const seen = new Set<Node>();
  const stack = [...roots];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    stack.push(...node.inputs);
  }
  return new Set([...seen].filter((node) => node.inputs.length > 0).map((node) => node.op));
}

/** The fixture folder beside the sources: compiled tests run two levels deeper, in dist/. */
export const fixture = (name: string): URL => new URL(`../../../test/fixtures/${name}`, import.meta.url);

const pytorch: readonly Case[] = [
  'ops.json',
  'ops-select.json',
  'ops-elementwise.json',
  'ops-library.json',
].flatMap((name) => JSON.parse(readFileSync(fixture(name), 'utf8')).cases);

// ---------------------------------------------------------------- cases made here

const float = (shape: Shape, data: readonly number[]) => ({ shape, data, dtype: 'float32' });
const int = (shape: Shape, data: readonly number[]) => ({ shape, data, dtype: 'int32' });
/** Values with no pattern and no ties, from −2 to 2, exact in float32. */
const spread = (shape: Shape, seed = 1) =>
  float(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => ((((i + seed) * 2654435761) % 4099) - 2049) / 1024),
  );

interface Made extends Omit<Case, 'attrs' | 'gradOutput' | 'grads'> {
  readonly attrs?: Case['attrs'];
  readonly gradOutput?: Values;
  readonly grads?: Case['grads'];
}
const made = ({ attrs = {}, gradOutput, grads, ...rest }: Made): Case => ({
  attrs,
  gradOutput: gradOutput ?? null,
  grads: grads ?? rest.inputs.map(() => null),
  ...rest,
});

/** A mask computed directly from its definition. */
export function maskByDefinition(key: readonly number[], p: number, length: number): number[] {
  const words = new Uint32Array(4);
  return Array.from({ length }, (_, i) => {
    philox4x32([i >> 3, 0, key[2]!, key[3]!], [key[0]!, key[1]!], words);
    const half = (words[(i & 7) >> 1]! >>> (i & 1 ? 16 : 0)) & 0xffff;
    return half < Math.round(p * 65536) ? 0 : 1 / (1 - p);
  });
}

/** `visit` for each pixel (image, channel, row, column) of a shape, in row-major order. */
function pixels(shape: Shape, visit: (n: number, c: number, i: number, j: number) => number): number[] {
  const [n, c, h, w] = shape as [number, number, number, number];
  return Array.from({ length: n * c * h * w }, (_, at) =>
    visit(Math.floor(at / (c * h * w)), Math.floor(at / (h * w)) % c, Math.floor(at / w) % h, at % w),
  );
}

function cropCase(name: string, dtype: 'float32' | 'uint8'): Case {
  const shape = [3, 2, 4, 5];
  const x = pixels(shape, (n, c, i, j) => 1 + n * 80 + c * 40 + i * 5 + j);
  const offsets = [1, 2, -2, -1, 3, 4];
  const out = [3, 2, 3, 4];
  const gradOutput = spread(out);
  const inside = (i: number, size: number) => i >= 0 && i < size;
  return made({
    name: `crop ${name}`,
    op: 'crop',
    attrs: { size: [3, 4] },
    inputs: [{ shape, data: x, dtype }, int([3, 2], offsets)],
    output: {
      shape: out,
      data: pixels(out, (n, c, i, j) => {
        const [r, q] = [i + offsets[2 * n]!, j + offsets[2 * n + 1]!];
        return inside(r, 4) && inside(q, 5) ? x[((n * 2 + c) * 4 + r) * 5 + q]! : 0;
      }),
    },
    ...(dtype === 'float32' && {
      gradOutput,
      grads: [
        {
          shape,
          data: pixels(shape, (n, c, i, j) => {
            const [r, q] = [i - offsets[2 * n]!, j - offsets[2 * n + 1]!];
            return inside(r, 3) && inside(q, 4) ? gradOutput.data[((n * 2 + c) * 3 + r) * 4 + q]! : 0;
          }),
        },
        null,
      ],
    }),
    code: 'out[n, c, i, j] = x[n, c, i + top, j + left], 0 outside',
  });
}

/** @param before number of elements of the whole mask before those of x */
function dropoutCase(p: number, shape: Shape, key: number[], before?: number): Case {
  const x = spread(shape);
  const gradOutput = spread(shape, 77);
  const mask = maskByDefinition(key, p, x.data.length + (before ?? 0)).slice(before ?? 0);
  const words = before === undefined ? key : [...key, before, 0];
  const masked = (data: readonly number[]) => ({ shape, data: data.map((v, i) => v * mask[i]!) });
  return made({
    name: `dropout ${p} of [${shape.join(', ')}]${before === undefined ? '' : ` after ${before} elements`}`,
    op: 'dropout',
    attrs: { p },
    inputs: [x, int([words.length], words)],
    output: masked(x.data),
    gradOutput,
    grads: [masked(gradOutput.data), null],
    code: 'the definition of dropoutMask, with the generic Philox',
  });
}

const flipped = (shape: Shape, data: readonly number[], flags: readonly number[]) => {
  const [, c, h, w] = shape as [number, number, number, number];
  return pixels(shape, (n, k, i, j) => data[((n * c + k) * h + i) * w + (flags[n] ? w - 1 - j : j)]!);
};

const [shares, scores, wanted] = [
  [0.25, 0.5, 0.75, 0.125, 0.875, 0.0625],
  [-30, 0, 0.5, -1.5, 40, 3],
  [0, 1, 0.5, 0.25, 1, 0.75],
];
const own: readonly Case[] = [
  made({
    name: 'binaryCrossEntropy',
    op: 'binaryCrossEntropy',
    inputs: [float([6], shares), float([6], wanted)],
    output: {
      shape: [6],
      data: shares.map((p, i) => -wanted[i]! * Math.log(p) - (1 - wanted[i]!) * Math.log(1 - p)),
    },
    gradOutput: { shape: [6], data: [1, 2, -1, 0.5, 1, 1] },
    grads: [
      {
        shape: [6],
        data: shares.map((p, i) => ([1, 2, -1, 0.5, 1, 1][i]! * (p - wanted[i]!)) / (p * (1 - p))),
      },
      { shape: [6], data: shares.map((p, i) => [1, 2, -1, 0.5, 1, 1][i]! * Math.log((1 - p) / p)) },
    ],
    code: 'by its definition',
  }),
  made({
    name: 'binaryCrossEntropyWithLogits',
    op: 'binaryCrossEntropyWithLogits',
    inputs: [float([6], scores), float([6], wanted)],
    output: {
      shape: [6],
      data: scores.map(
        (x, i) => (1 - wanted[i]!) * Math.log1p(Math.exp(x)) + wanted[i]! * Math.log1p(Math.exp(-x)),
      ),
    },
    gradOutput: { shape: [6], data: [1, 2, -1, 0.5, 1, 1] },
    grads: [
      {
        shape: [6],
        data: scores.map((x, i) => [1, 2, -1, 0.5, 1, 1][i]! * (1 / (1 + Math.exp(-x)) - wanted[i]!)),
      },
      { shape: [6], data: scores.map((x, i) => [1, 2, -1, 0.5, 1, 1][i]! * -x) },
    ],
    code: 'by its definition',
  }),
  made({
    name: 'equal with broadcasting',
    op: 'equal',
    inputs: [float([2, 3], [1, 2, 3, 3, 2, 1]), float([3], [1, 2, 4])],
    output: { shape: [2, 3], data: [1, 1, 0, 0, 1, 0] },
    code: 'by hand',
  }),
  made({
    name: 'differences of integers that float32 does not have',
    op: 'integer',
    attrs: { kind: 'sub' },
    inputs: [int([2, 2], [16777217, 2147483647, -16777217, 5]), int([2], [16777216, 2147483646])],
    output: { shape: [2, 2], data: [1, 1, -33554433, -2147483641] },
    code: 'by hand',
  }),
  made({
    name: 'comparisons of integers that float32 does not tell apart',
    op: 'integer',
    attrs: { kind: 'less' },
    inputs: [int([2, 2], [16777216, 2147483647, -16777217, 5]), int([2], [16777217, -2147483648])],
    output: { shape: [2, 2], data: [1, 0, 1, 0] },
    code: 'by hand',
  }),
  made({
    name: 'sums of integers over the outer and inner axes',
    op: 'integerReduce',
    attrs: { kind: 'sum', axes: [0, 2] },
    inputs: [int([2, 2, 2], [16777217, 0, 1, 2, -16777216, 3, 4, -5])],
    output: { shape: [2], data: [4, 2] },
    code: 'by hand',
  }),
  made({
    name: 'sums of integers from each position on',
    op: 'integerCumsum',
    attrs: { axis: 0, reverse: true },
    inputs: [int([3, 2], [1, 2, 3, 16777217, 5, -16777216])],
    output: { shape: [3, 2], data: [9, 3, 8, 1, 5, -16777216] },
    code: 'by hand',
  }),
  made({
    name: 'sign',
    op: 'sign',
    inputs: [float([4], [-2.5, 0, 3, -0.001])],
    output: { shape: [4], data: [-1, 0, 1, -1] },
    code: 'by hand',
  }),
  made({
    name: 'roundToByte: halves to even, clamped',
    op: 'roundToByte',
    inputs: [float([13], [0.5, 1.5, 2.5, 127.5, 254.5, 255.5, 300, -0.5, -3, 0.4999, 7.25, 7.75, 255])],
    output: { shape: [13], data: [0, 2, 2, 128, 254, 255, 255, 0, 0, 0, 7, 8, 255] },
    code: 'numpy: x.round().clip(0, 255)',
  }),
  made({
    name: 'clamp',
    op: 'clamp',
    attrs: { min: -1, max: 0.5 },
    inputs: [float([5], [-3, -1, 0.25, 0.5, 7])],
    output: { shape: [5], data: [-1, -1, 0.25, 0.5, 0.5] },
    gradOutput: { shape: [5], data: [1, 2, 3, 4, 5] },
    // At the limits themselves the gradient is 0, as in PyTorch.
    grads: [{ shape: [5], data: [0, 0, 3, 0, 0] }],
    code: 'torch.clamp(x, -1, 0.5)',
  }),
  made({
    name: 'sumOfSquares',
    op: 'sumOfSquares',
    inputs: [float([2, 3], [1, -2, 3, 0, 0.5, -1])],
    output: { shape: [], data: [15.25] },
    gradOutput: { shape: [], data: [2] },
    grads: [{ shape: [2, 3], data: [4, -8, 12, 0, 2, -4] }],
    code: 'by hand',
  }),
  made({
    name: 'affine',
    op: 'affine',
    attrs: { scale: -1.5, shift: 0.25 },
    inputs: [float([4], [0, 1, -2, 3])],
    output: { shape: [4], data: [0.25, -1.25, 3.25, -4.25] },
    gradOutput: { shape: [4], data: [1, 2, 3, 4] },
    grads: [{ shape: [4], data: [-1.5, -3, -4.5, -6] }],
    code: 'by hand',
  }),
  made({
    name: 'addScaled',
    op: 'addScaled',
    inputs: [float([2, 2], [1, 2, 3, 4]), float([2, 2], [8, -4, 2, 6]), float([], [-0.5])],
    output: { shape: [2, 2], data: [-3, 4, 2, 1] },
    gradOutput: { shape: [2, 2], data: [1, 2, 3, 4] },
    grads: [
      { shape: [2, 2], data: [1, 2, 3, 4] },
      { shape: [2, 2], data: [-0.5, -1, -1.5, -2] },
      { shape: [], data: [30] },
    ],
    code: 'by hand',
  }),
  made({
    name: 'channelAffine',
    op: 'channelAffine',
    attrs: { scale: [2, -1, 0.5], shift: [0, 1, -1] },
    inputs: [spread([2, 3, 2, 2])],
    output: {
      shape: [2, 3, 2, 2],
      data: spread([2, 3, 2, 2]).data.map((v, i) => [2 * v, 1 - v, 0.5 * v - 1][Math.floor(i / 4) % 3]!),
    },
    gradOutput: spread([2, 3, 2, 2], 9),
    grads: [
      {
        shape: [2, 3, 2, 2],
        data: spread([2, 3, 2, 2], 9).data.map((v, i) => v * [2, -1, 0.5][Math.floor(i / 4) % 3]!),
      },
    ],
    code: 'x * scale[c] + shift[c]',
  }),
  made({
    name: 'broadcastTo [3, 1] to [2, 3, 2]',
    op: 'broadcastTo',
    attrs: { shape: [2, 3, 2] },
    inputs: [float([3, 1], [1, 2, 3])],
    output: { shape: [2, 3, 2], data: [1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3] },
    gradOutput: { shape: [2, 3, 2], data: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] },
    grads: [{ shape: [3, 1], data: [1 + 2 + 7 + 8, 3 + 4 + 9 + 10, 5 + 6 + 11 + 12] }],
    code: 'by hand',
  }),
  made({
    name: 'cast from bytes',
    op: 'cast',
    inputs: [{ shape: [4], data: [0, 1, 128, 255], dtype: 'uint8' }],
    output: { shape: [4], data: [0, 1, 128, 255] },
    code: 'by hand',
  }),
  made({
    name: 'cast from integers',
    op: 'cast',
    inputs: [int([3], [-7, 0, 65536])],
    output: { shape: [3], data: [-7, 0, 65536] },
    code: 'by hand',
  }),
  made({
    name: 'detach',
    op: 'detach',
    inputs: [spread([2, 3])],
    output: spread([2, 3]),
    code: 'the same values',
  }),
  made({
    name: 'an operation with a gradient of its own',
    op: 'custom',
    inputs: [float([4], [-2.5, 0, 3, -0.001])],
    output: { shape: [4], data: [-1, 0, 1, -1] },
    gradOutput: { shape: [4], data: [1, 2, 3, 4] },
    grads: [{ shape: [4], data: [1, 2, 3, 4] }],
    code: 'sign(x), with the gradient of x',
  }),
  made({
    name: 'flip',
    op: 'flip',
    inputs: [spread([3, 2, 2, 5]), int([3], [1, 0, -7])],
    output: { shape: [3, 2, 2, 5], data: flipped([3, 2, 2, 5], spread([3, 2, 2, 5]).data, [1, 0, -7]) },
    gradOutput: spread([3, 2, 2, 5], 5),
    grads: [
      { shape: [3, 2, 2, 5], data: flipped([3, 2, 2, 5], spread([3, 2, 2, 5], 5).data, [1, 0, -7]) },
      null,
    ],
    code: 'x[..., ::-1] where the flag is not 0',
  }),
  cropCase('floats, partly outside', 'float32'),
  cropCase('bytes, partly outside', 'uint8'),
  ...[1, 2, 3, 9].map((k) =>
    made({
      name: `topKCorrect ${k}, with ties`,
      op: 'topKCorrect',
      attrs: { k },
      inputs: [
        float([5, 4], [4, 3, 2, 1, 4, 3, 2, 1, 1, 1, 1, 1, 0, 5, 5, 9, -1, -2, -3, -4]),
        int([5], [0, 1, 2, 2, 3]),
      ],
      // Classes before the label: of equal logits the lower class comes first.
      output: { shape: [5], data: [0, 1, 2, 2, 3].map((before) => (before < k ? 1 : 0)) },
      code: 'label in argsort(-logits, stable)[:k]',
    }),
  ),
  made({
    name: 'topKCorrect of NaN is wrong',
    op: 'topKCorrect',
    attrs: { k: 2 },
    inputs: [
      float([3, 3], [Number.NaN, Number.NaN, Number.NaN, Number.NaN, Number.NaN, 1, 5, Number.NaN, 1]),
      int([3], [0, 2, 0]),
    ],
    output: { shape: [3], data: [0, 0, 0] },
    code: 'a model that diverged must not look right',
  }),
  ...pytorch
    .filter((given) => given.aux)
    .map((given) =>
      made({
        name: given.name.replace('batchNormTrain', 'batchStats'),
        op: 'batchStats',
        inputs: [given.inputs[0]!],
        output: {
          shape: [2, given.aux!.mean!.length],
          data: [...given.aux!.mean!, ...given.aux!.biasedVar!],
        },
        code: 'x.mean(axes), x.var(axes, unbiased=False)',
      }),
    ),
  made({
    name: 'resize 2 by 2 to 4 by 3',
    op: 'resize',
    attrs: { size: [4, 3], asBytes: false },
    inputs: [float([1, 1, 2, 2], [0, 6, 12, 30])],
    output: { shape: [1, 1, 4, 3], data: [0, 3, 6, 3, 7.5, 12, 9, 16.5, 24, 12, 21, 30] },
    gradOutput: { shape: [1, 1, 4, 3], data: [1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 8, 0] },
    grads: [{ shape: [1, 1, 2, 2], data: [1, 1, 4, 7] }],
    code: 'F.interpolate(x, (4, 3), mode="bilinear", align_corners=False), gradients by hand',
  }),
  made({
    name: 'resize of bytes rounds after each direction',
    op: 'resize',
    attrs: { size: [1, 1], asBytes: true },
    inputs: [{ shape: [1, 1, 2, 2], data: [0, 1, 4, 4], dtype: 'uint8' }],
    // Rows give 0.5 and 4, and halves go up: 1 and 4, whose mean goes up to 3. Without the rounding between: 2.25 → 2.
    output: { shape: [1, 1, 1, 1], data: [3] },
    code: 'Image.fromarray(x).resize((1, 1), Image.BILINEAR), x of uint8',
  }),
  made({
    name: 'maxPool2d gives the gradient to the first of equal values',
    op: 'maxPool2d',
    attrs: { kernel: [2, 2], stride: [2, 2] },
    inputs: [float([1, 1, 2, 4], [7, 7, 1, 3, 7, 7, 3, 3])],
    output: { shape: [1, 1, 1, 2], data: [7, 3] },
    gradOutput: { shape: [1, 1, 1, 2], data: [5, 6] },
    grads: [{ shape: [1, 1, 2, 4], data: [5, 0, 0, 6, 0, 0, 0, 0] }],
    code: 'F.max_pool2d(x, 2)',
  }),
  made({
    name: 'maxPool2d of overlapping windows adds up gradients',
    op: 'maxPool2d',
    attrs: { kernel: [1, 3], stride: [1, 1] },
    inputs: [float([1, 1, 1, 5], [0, 1, 9, 1, 0])],
    output: { shape: [1, 1, 1, 3], data: [9, 9, 9] },
    gradOutput: { shape: [1, 1, 1, 3], data: [1, 2, 4] },
    grads: [{ shape: [1, 1, 1, 5], data: [0, 0, 7, 0, 0] }],
    code: 'F.max_pool2d(x, (1, 3), stride=1)',
  }),
  made({
    name: 'maxPool2d lets NaN through',
    op: 'maxPool2d',
    attrs: { kernel: [1, 2], stride: [1, 2] },
    inputs: [float([1, 1, 1, 6], [1, Number.NaN, Number.NaN, 5, 2, 3])],
    output: { shape: [1, 1, 1, 3], data: [Number.NaN, Number.NaN, 3] },
    gradOutput: { shape: [1, 1, 1, 3], data: [1, 2, 4] },
    grads: [{ shape: [1, 1, 1, 6], data: [0, 1, 2, 0, 0, 4] }],
    code: 'F.max_pool2d(x, (1, 2))',
  }),
  made({
    name: 'maxPool2d gives the gradient to the last NaN of a window',
    op: 'maxPool2d',
    attrs: { kernel: [1, 3], stride: [1, 1], padding: [0, 1] },
    inputs: [float([1, 1, 1, 5], [Number.NaN, 1, Number.NaN, 5, 7])],
    output: { shape: [1, 1, 1, 5], data: [Number.NaN, Number.NaN, Number.NaN, Number.NaN, 7] },
    gradOutput: { shape: [1, 1, 1, 5], data: [1, 2, 4, 8, 16] },
    grads: [{ shape: [1, 1, 1, 5], data: [1, 0, 14, 0, 16] }],
    code: 'F.max_pool2d(x, (1, 3), stride=1, padding=(0, 1))',
  }),
  made({
    name: 'relu lets NaN through',
    op: 'relu',
    inputs: [float([3], [Number.NaN, -1, 2])],
    output: { shape: [3], data: [Number.NaN, 0, 2] },
    code: 'torch.relu(x)',
  }),
  // PyTorch's kernels for single elements pass the gradient of hardtanh at NaN, those for vectors do not.
  ...[
    { op: 'hardtanh', attrs: { min: 0, max: 6 }, code: 'F.relu6(x.repeat(16))[:4]', slope: 1, output: 2 },
    { op: 'hardsigmoid', attrs: {}, code: 'F.hardsigmoid(x)', slope: 1 / 6, output: 5 / 6 },
    { op: 'clamp', attrs: { min: -1, max: 3 }, code: 'x.clamp(-1, 3)', slope: 1, output: 2 },
  ].map(({ op, attrs, code, slope, output }) =>
    made({
      name: `${op} lets NaN through, without a gradient`,
      op,
      attrs,
      inputs: [float([4], [Number.NaN, 2, Number.NaN, 9])],
      output: { shape: [4], data: [Number.NaN, output, Number.NaN, op === 'hardsigmoid' ? 1 : attrs.max!] },
      gradOutput: { shape: [4], data: [3, 3, 3, 3] },
      grads: [{ shape: [4], data: [0, 3 * slope, 0, 0] }],
      code,
    }),
  ),
  made({
    name: 'pow 0, at 0 too',
    op: 'pow',
    attrs: { exponent: 0 },
    inputs: [float([3], [0, -1, 2])],
    output: { shape: [3], data: [1, 1, 1] },
    gradOutput: { shape: [3], data: [1, 2, 3] },
    grads: [{ shape: [3], data: [0, 0, 0] }],
    code: 'torch.pow(x, 0)',
  }),
  made({
    name: 'argsort puts NaN last',
    op: 'argsort',
    attrs: { axis: 1, descending: false },
    inputs: [float([2, 5], [3, 1, Number.NaN, 1, 2, Number.NaN, -1, Number.NaN, 5, -1])],
    output: { shape: [2, 5], data: [1, 3, 4, 0, 2, 1, 4, 3, 0, 2] },
    code: 'x.argsort(1, stable=True)',
  }),
  made({
    name: 'argmax takes the first of equal values',
    op: 'argmax',
    attrs: { axis: 1 },
    inputs: [float([2, 4], [1, 3, 3, 2, 5, 5, 5, 5])],
    output: { shape: [2], data: [1, 0] },
    code: 'x.argmax(1)',
  }),
  ...['allReduce', 'broadcastFrom', 'allGather', 'reduceScatter'].map((op) =>
    made({
      name: `${op} on one rank`,
      op,
      inputs: [float([2, 2], [1, -2, 3, 4])],
      output: { shape: [2, 2], data: [1, -2, 3, 4] },
      gradOutput: { shape: [2, 2], data: [1, 2, 3, 4] },
      grads: [{ shape: [2, 2], data: [1, 2, 3, 4] }],
      code: 'x',
    }),
  ),
  made({
    name: 'sumTogether on one rank',
    op: 'sumTogether',
    inputs: [float([3], [1, 2, 3]), float([2, 2], [4, 5, 6, 7])],
    output: { shape: [2, 2], data: [4, 5, 6, 7] },
    code: 'y',
  }),
  dropoutCase(0.5, [4, 32], [1, 2, 3, 4]),
  dropoutCase(0.3, [3, 7], [-1, 123456789, -42, 7]),
  dropoutCase(0.5, [2, 3, 4, 5], [0, 0, 0, 0]),
  dropoutCase(0, [5], [9, 9, 9, 9]),
  dropoutCase(0.5, [4, 32], [1, 2, 3, 4], 128),
  dropoutCase(0.3, [3, 7], [-1, 123456789, -42, 7], 21),
  dropoutCase(0.5, [3], [5, 6, 7, 8], 2),
];

/** Every case of the conformance suite: those with PyTorch's numbers, and those of operations that PyTorch lacks. */
export const cases: readonly Case[] = [...pytorch, ...own];
