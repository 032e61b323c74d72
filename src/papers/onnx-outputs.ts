import { UsageError } from '../errors/errors.js';
import { hostLeaf, type Node } from '../graph/node.js';
import type { Shape } from '../graph/types.js';
import type { OnnxModel } from '../interop/onnx/index.js';
import { Module } from '../nn/module.js';
import { crop } from '../ops/index.js';
import { Generator } from '../random.js';
import { Tensor, tensor } from '../tensor/tensor.js';

/** A model from an ONNX file as one that gives a row of scores for each image. */
export interface ScoringModel {
  /** From images [N, 3, side, side] for any N to [N, classes]. */
  readonly model: Module;
  readonly classes: number;
  /** Images of a forward pass, where the file fixes them; any number is taken all the same. */
  readonly batch: number | undefined;
  /**
   * The scores are a probability for each class by itself, which a sigmoid gave, and not logits of classes of which
   * one is right.
   */
  readonly independent: boolean;
}

/** Gives a row for each image. */
type Scorer = OnnxModel | Rows;

/** Of a forward pass: images, and the shape of its result. */
interface Form {
  readonly batch: number | undefined;
  readonly shape: Shape;
}

/**
 * Makes logits of what an ONNX model puts out, be it logits, probabilities of a softmax or of sigmoids, wherever in the
 * graph that stands, and takes any number of images where the file fixes one.
 *
 * @param path for messages
 * @param onnx on its device
 * @param side of the images
 * @throws UsageError for outputs that are no scores of classes, or that may mean one thing or another
 */
export async function scoringModel(path: string, onnx: OnnxModel, side: number): Promise<ScoringModel> {
  const { batch, shape } = formOf(path, onnx, side);
  const count = shape[1]!;
  const rows = batch === undefined && shape.length === 2 ? onnx : new Rows(onnx, batch, count);
  const kind = kindOf(onnx, [batch ?? 1, 3, side, side]);
  const found = (model: Module, independent = false, classes = count): ScoringModel => ({
    model,
    classes,
    batch,
    independent,
  });
  if (count === 1) {
    if (kind === 'sigmoid') return found(new TwoClasses(rows), false, 2);
    throw new UsageError({
      what: `${path} has one output, which is no probability`,
      expected: 'an output for each class, or one sigmoid: the probability of the second of two classes',
      got:
        kind === 'softmax'
          ? 'a softmax over one class, which is always 1'
          : 'one number, which may mean anything',
      next: 'export the model with its sigmoid, or read the number in a program: importOnnx()',
    });
  }
  if (kind === 'logits') return found(rows);
  if (kind === 'sigmoid') return found(rows, true);
  switch (await meaningOf(rows, side)) {
    case 'probabilities':
      return found(new Logarithm(rows));
    case 'logits':
      if (kind !== 'softmax') return found(rows);
      break;
    case 'unclear':
  }
  throw new UsageError({
    what: `${path} does not tell what its outputs mean`,
    expected: 'logits, or probabilities of classes that add up to 1',
    got:
      kind === 'softmax'
        ? 'a softmax that does not go over the classes'
        : 'numbers that are never negative and do not add up to 1',
    next: 'export the model without what comes after its last layer, or with a softmax over the classes',
  });
}

/** Images in, rows out: which numbers of images the graph takes. @throws UsageError where it is no such graph */
function formOf(path: string, onnx: OnnxModel, side: number): Form {
  const given = onnx.description.inputShape[0];
  const fixed = typeof given === 'number' ? given : undefined;
  const tryOut = (n: number): { readonly shape?: Shape; readonly problem: string } => {
    try {
      const shape = onnx.check([n, 3, side, side]);
      const fits = shape.length >= 2 && shape[0] === n && shape.slice(2).every((size) => size === 1);
      return {
        ...(fits ? { shape } : {}),
        problem: `[${shape.join(', ')}] for ${n === 1 ? 'one image' : `${n} images`}`,
      };
    } catch (error) {
      return { problem: (error as Error).message };
    }
  };
  const first = tryOut(fixed ?? 1);
  if (!first.shape)
    throw new UsageError({
      what: `${path} does not tell images apart one by one`,
      expected: 'an output [N, classes] for N images',
      got: first.problem,
    });
  // Some graphs have room for one image only, though their input does not say so.
  if (fixed === undefined && !tryOut(2).shape) return { batch: 1, shape: first.shape };
  return { batch: fixed, shape: first.shape };
}

/** What only gives the same numbers another form. */
const SAME_NUMBERS = new Set(['reshape', 'permute', 'cast', 'detach']);
/** What gives numbers of any size: logits, unless something comes after it. */
const LOGITS = new Set(['linear', 'matmul', 'conv2d', 'logSoftmax', 'batchNorm', 'channelAffine']);

/** What moves or scales numbers, where one of its two inputs is a constant: such as a bias or a temperature. */
const WITH_CONSTANT = new Set(['add', 'sub', 'mul', 'div']);

/** What the graph says about its outputs; `unknown` where only numbers can tell. */
function kindOf(onnx: OnnxModel, shape: Shape): 'softmax' | 'sigmoid' | 'logits' | 'unknown' {
  let node: Node = onnx.forward(new Tensor(hostLeaf(new Float32Array(0), shape, 'float32'))).node;
  let scaled = false;
  for (;;) {
    const constants = WITH_CONSTANT.has(node.op) ? node.inputs.filter(isConstant).length : 0;
    if (constants === 1) scaled = true;
    else if (!SAME_NUMBERS.has(node.op)) break;
    node = node.inputs.find((input) => !isConstant(input)) ?? node.inputs[0]!;
  }
  if (LOGITS.has(node.op)) return 'logits';
  return !scaled && (node.op === 'softmax' || node.op === 'sigmoid') ? node.op : 'unknown';
}

const isConstant = (node: Node): boolean =>
  node.inputs.length === 0
    ? node.source?.kind === 'storage' || node.shape.length <= 1
    : node.inputs.every(isConstant);

const SUM_TOLERANCE = 2e-3;

/** What the scores of two random images look like. */
async function meaningOf(model: Scorer, side: number): Promise<'probabilities' | 'logits' | 'unclear'> {
  const rows: number[][] = [];
  for (const seed of [1, 2]) {
    const generator = new Generator(seed);
    const noise = Float32Array.from({ length: 3 * side * side }, () => generator.normal());
    rows.push([...(await model.forward(tensor(noise, { shape: [1, 3, side, side] })).data())]);
  }
  if (rows.flat().some((score) => !(score >= -SUM_TOLERANCE))) return 'logits';
  const sums = rows.map((row) => row.reduce((a, b) => a + b, 0));
  if (sums.every((sum) => Math.abs(sum - 1) <= SUM_TOLERANCE)) return 'probabilities';
  const bounded = rows.flat().every((score) => score <= 1 + SUM_TOLERANCE);
  const constant = Math.abs(sums[0]! - sums[1]!) <= SUM_TOLERANCE * Math.max(1, sums[0]!);
  return bounded || constant ? 'unclear' : 'logits';
}

/** One row of scores for each image, for any number of images. */
class Rows extends Module {
  constructor(
    readonly onnx: OnnxModel,
    /** Images of a forward pass, where the graph fixes them. */
    readonly batch: number | undefined,
    readonly classes: number,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    const [n = 0, ...image] = x.shape;
    const { batch, classes } = this;
    if (batch === undefined || batch === n) return this.onnx.forward(x).reshape([n, classes]);
    const size = image.reduce((a, b) => a * b, 1);
    const parts: Tensor[] = [];
    for (let from = 0; from < n; from += batch) {
      // Zeros stand where there are no more images.
      const part = window(x.reshape([n, size]), from, batch).reshape([batch, ...image]);
      parts.push(window(this.onnx.forward(part).reshape([batch, classes]), -from, n));
    }
    return parts.reduce((a, b) => a.add(b));
  }
}

/** Rows of a matrix from one of them on, with zeros beyond its ends. */
function window(x: Tensor, from: number, rows: number): Tensor {
  const [height, width] = x.shape as [number, number];
  const offsets = hostLeaf(Int32Array.of(from, 0), [1, 2], 'int32');
  const node = crop(x.reshape([1, 1, height, width]).node, offsets, [rows, width]);
  return new Tensor(node).reshape([rows, width]);
}

/** Probabilities that add up to 1: their logarithms are logits as good as any. */
class Logarithm extends Module {
  constructor(readonly rows: Scorer) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.rows.forward(x).log();
  }
}

/** One probability, that of the second of two classes, as logits of both. */
class TwoClasses extends Module {
  constructor(readonly rows: Scorer) {
    super();
  }

  forward(x: Tensor): Tensor {
    const p = this.rows.forward(x);
    const sign = tensor(Float32Array.of(-1, 1), { shape: [1, 2] });
    const start = tensor(Float32Array.of(1, 0), { shape: [1, 2] });
    return p.mul(sign).add(start).log();
  }
}
