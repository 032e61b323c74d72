import { UsageError } from '../../errors/errors.js';
import { hostLeaf, type Node } from '../../graph/node.js';
import type { Shape } from '../../graph/types.js';
import { sizeOf } from '../../graph/types.js';
import type { OnnxModel } from '../../interop/onnx/index.js';
import { Module } from '../../nn/module.js';
import * as ops from '../../ops/index.js';
import { Generator } from '../../random.js';
import { Tensor, tensor } from '../../tensor/tensor.js';

/** An ONNX model wrapped so that it returns a row of scores for each image. */
export interface ScoringModel {
  /** [N, 3, side, side] for any N → [N, classes]. */
  readonly model: Module;
  readonly classes: number;
  /** Batch size, if the file fixes it; the wrapper still accepts any N. */
  readonly batch: number | undefined;
  /**
   * True if the scores are independent probabilities (sigmoids); otherwise logits of mutually exclusive classes.
   */
  readonly independent: boolean;
}

/** Returns a row for each image. */
type Scorer = OnnxModel | Changed | Rows;

/** Of one forward pass: the batch size if the graph fixes it, and the shape of the result. */
interface Form {
  readonly batch: number | undefined;
  readonly shape: Shape;
}

/**
 * Converts the outputs of an ONNX model to logits: logits, probabilities of a softmax or of sigmoids, also if the
 * softmax or sigmoid is not the last node. Accepts any number of images even if the file fixes the batch size.
 *
 * @param path for messages
 * @param onnx on its device
 * @param side of the images, in pixels
 * @throws UsageError if the outputs are not scores of classes, or are ambiguous
 */
export async function scoringModel(path: string, onnx: OnnxModel, side: number): Promise<ScoringModel> {
  const { batch, shape } = formOf(path, onnx, side);
  const count = shape[1]!;
  const rowsOf = (model: OnnxModel | Changed): Scorer =>
    batch === undefined && shape.length === 2 && count > 1 ? model : new Rows(model, batch, count);
  const rows = rowsOf(onnx);
  const kind = kindOf(onnx, [batch ?? 1, 3, side, side]);
  const found = (model: Module, independent = false, classes = count): ScoringModel => ({
    model,
    classes,
    batch,
    independent,
  });
  if (count === 1) {
    if (kind === 'sigmoid') return found(new TwoClasses(rowsOf(new Changed(onnx, logitOf))), false, 2);
    throw new UsageError({
      what: `${path} has one output, which is not a probability`,
      expected: 'an output for each class, or one sigmoid: the probability of the second of two classes',
      got:
        kind === 'softmax' ? 'a softmax over one class, which is always 1' : 'one number of unknown meaning',
      next: 'export the model with its sigmoid, or read the number in a program: importOnnx()',
    });
  }
  if (kind === 'logits') return found(rows);
  if (kind === 'sigmoid') return found(rows, true);
  switch (await meaningOf(rows, side)) {
    case 'probabilities':
      return found(rowsOf(new Changed(onnx, logOf)));
    case 'logits':
      if (kind !== 'softmax') return found(rows);
      break;
    case 'unclear':
  }
  throw new UsageError({
    what: `The meaning of the outputs of ${path} is unclear`,
    expected: 'logits, or probabilities of classes that add up to 1',
    got:
      kind === 'softmax'
        ? 'a softmax that is not over the classes'
        : 'non-negative numbers that do not add up to 1',
    next: 'export the model without the nodes after its last layer, or with a softmax over the classes',
  });
}

/** Finds out which batch sizes the graph accepts. @throws UsageError if it does not return a row per image */
function formOf(path: string, onnx: OnnxModel, side: number): Form {
  const given = onnx.description.inputShape[0];
  const fixed = typeof given === 'number' ? given : undefined;
  const tryOut = (n: number): { readonly shape?: Shape; readonly problem: string } => {
    try {
      const shape = onnx.check([n, 3, side, side]);
      const fits = shape[0] === n && shape.slice(2).every((size) => size === 1);
      return {
        // [N], as of a sigmoid whose axis was squeezed, is one score for each image.
        ...(fits ? { shape: shape.length === 1 ? [n, 1] : shape } : {}),
        problem: `[${shape.join(', ')}] for ${n === 1 ? 'one image' : `${n} images`}`,
      };
    } catch (error) {
      return { problem: (error as Error).message };
    }
  };
  const first = tryOut(fixed ?? 1);
  if (!first.shape)
    throw new UsageError({
      what: `${path} does not return a row of scores for each image`,
      expected: 'an output [N, classes] for N images',
      got: first.problem,
    });
  // Some graphs only work for one image although their input does not say so.
  if (fixed === undefined && !tryOut(2).shape) return { batch: 1, shape: first.shape };
  return { batch: fixed, shape: first.shape };
}

/** Operations that change the form but not the values: how they are applied to another node. */
const SAME_NUMBERS: Readonly<Record<string, (x: Node, like: Node) => Node>> = {
  reshape: (x, { shape }) => ops.reshape(x, shape),
  permute: (x, { attrs }) => ops.permute(x, attrs.axes as number[]),
  cast: (x, { dtype }) => ops.cast(x, dtype),
  detach: (x) => ops.detach(x),
  custom: (x) => x,
};
const isSameNumbers = ({ op }: Node): boolean => Object.hasOwn(SAME_NUMBERS, op);
/** Operations whose results are unbounded: logits, unless another operation follows. */
const LOGITS = new Set(['linear', 'matmul', 'conv2d', 'logSoftmax', 'batchNorm', 'channelAffine']);

/** Operations that shift or scale values if one of their two inputs is a constant, such as a bias or a temperature. */
const WITH_CONSTANT = new Set(['add', 'sub', 'mul', 'div']);

/** What the graph's last operations say about its outputs; `unknown` if only values can tell. */
function kindOf(onnx: OnnxModel, shape: Shape): 'softmax' | 'sigmoid' | 'logits' | 'unknown' {
  let node: Node = onnx.forward(new Tensor(hostLeaf(new Float32Array(0), shape, 'float32'))).node;
  let scaled = false;
  for (;;) {
    const constants = WITH_CONSTANT.has(node.op) ? node.inputs.filter(isConstant).length : 0;
    if (constants === 1) scaled = true;
    else if (!isSameNumbers(node)) break;
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

/** Classifies the scores of two random images. */
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

/** Returns one row of scores per image for any number of images, in batches of the size that the graph accepts. */
class Rows extends Module {
  constructor(
    readonly scorer: OnnxModel | Changed,
    /** Batch size, if the graph fixes it. */
    readonly batch: number | undefined,
    readonly classes: number,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    const [n = 0, ...image] = x.shape;
    const { batch, classes } = this;
    if (batch === undefined || batch === n) return this.scorer.forward(x).reshape([n, classes]);
    const size = sizeOf(image);
    const parts: Tensor[] = [];
    for (let from = 0; from < n; from += batch) {
      // The last batch is filled up with zeros.
      const part = window(x.reshape([n, size]), from, batch).reshape([batch, ...image]);
      parts.push(window(this.scorer.forward(part).reshape([batch, classes]), -from, n));
    }
    return parts.reduce((a, b) => a.add(b));
  }
}

/** `rows` rows of a matrix starting at `from`, with zeros beyond its ends. */
function window(x: Tensor, from: number, rows: number): Tensor {
  const [height, width] = x.shape as [number, number];
  const offsets = hostLeaf(Int32Array.of(from, 0), [1, 2], 'int32');
  const node = ops.crop(x.reshape([1, 1, height, width]).node, offsets, [rows, width]);
  return new Tensor(node).reshape([rows, width]);
}

/** A model whose result is changed. */
class Changed extends Module {
  readonly #change: (node: Node) => Node;

  constructor(
    readonly onnx: OnnxModel,
    change: (node: Node) => Node,
  ) {
    super();
    this.#change = change;
  }

  forward(x: Tensor): Tensor {
    return new Tensor(this.#change(this.onnx.forward(x).node));
  }
}

/** Changes the result of the operation that computes a node's values, and keeps what changes only their form. */
const behindForm = (node: Node, change: (node: Node) => Node): Node =>
  isSameNumbers(node) ? SAME_NUMBERS[node.op]!(behindForm(node.inputs[0]!, change), node) : change(node);

/**
 * The logarithm of probabilities. Of a softmax, also one of single operations, it is computed from the logits: small
 * probabilities are rounded to 0, whose logarithm would be infinite.
 */
const logOf = (node: Node): Node =>
  behindForm(node, (own) => {
    const [x, sum] = own.inputs;
    if (own.op === 'softmax') return ops.logSoftmax(x!, own.attrs.axis as number);
    if (own.op === 'exp') return x!;
    return own.op === 'div' && x!.op === 'exp' ? ops.sub(logOf(x!), ops.log(sum!)) : ops.log(own);
  });

/** The input of a sigmoid. */
const logitOf = (node: Node): Node => behindForm(node, ({ inputs: [x] }) => x!);

/** Turns the logit of the second of two classes into logits of both. */
class TwoClasses extends Module {
  constructor(readonly rows: Scorer) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.rows.forward(x).mul(tensor(Float32Array.of(0, 1), { shape: [1, 2] }));
  }
}
