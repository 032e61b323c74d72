import { hostLeaf, type Node } from '../graph/node.js';
import { makeArray, type Spec } from '../graph/types.js';
import { mul, sub } from './binary.js';
import { define, floatOf, type NodeMaker, need, needRank } from './operation.js';
import { sum } from './reduce.js';
import { reshape } from './shape.js';
import { softmax } from './softmax.js';

type Smoothing = { readonly labelSmoothing: number };

function check(logits: Spec, labels: Spec): void {
  needRank(logits, 2, 'logits [N, classes]');
  need(labels.dtype === 'int32', 'labels of type int32', labels.dtype);
  need(
    labels.shape.length === 1 && labels.shape[0] === logits.shape[0],
    () => `labels [${logits.shape[0]}], one per row of logits`,
    labels.shape,
  );
}

const backward: NodeMaker<Smoothing> = define<Smoothing>({
  name: 'crossEntropyGrad',
  numbers: ['labelSmoothing'],
  infer: ([grad, logits, labels]) => {
    check(logits!, labels!);
    return { shape: logits!.shape, dtype: floatOf(grad, logits) };
  },
  // The result is grad · (p − q), with p = softmax(logits), whose derivative is p · (h − Σ p · h).
  gradient: (node, h) => {
    const [grad, logits, labels] = node.inputs as [Node, Node, Node];
    const rows = logits.shape[0]!;
    const one = hostLeaf(makeArray(grad.dtype, rows).fill(1), [rows], grad.dtype);
    const p = softmax(logits, 1);
    const through = mul(p, sub(h, sum(mul(p, h), [1], true)));
    return [
      sum(mul(h, backward([one, logits, labels], node.attrs as Smoothing)), [1]),
      mul(through, reshape(grad, [rows, 1])),
      null,
    ];
  },
});

const forward: NodeMaker<Smoothing> = define<Smoothing>({
  name: 'crossEntropy',
  numbers: ['labelSmoothing'],
  infer: ([logits, labels], { labelSmoothing }) => {
    check(logits!, labels!);
    need(labelSmoothing >= 0 && labelSmoothing <= 1, 'labelSmoothing in [0, 1]', () =>
      String(labelSmoothing),
    );
    return { shape: [logits!.shape[0]!], dtype: floatOf(logits) };
  },
  gradient: (node, grad) => [backward([grad, ...node.inputs], node.attrs as Smoothing), null],
});

/**
 * Cross-entropy of each row: −Σ_c q_c log softmax(logits)_c, with q = (1 − s) · onehot(label) + s / classes.
 * @param logits [N, classes]
 * @param labels int32 [N], each in [0, classes)
 * @returns [N]
 */
export const crossEntropy = (logits: Node, labels: Node, labelSmoothing = 0): Node =>
  forward([logits, labels], { labelSmoothing });

/**
 * Number of classes before a label in descending order of scores. Of equal scores the lower class comes first, as in
 * `argmax`. Infinity if a score is NaN.
 */
export function classesBefore(scores: ArrayLike<number>, label: number): number {
  const own = scores[label]!;
  let before = 0;
  for (let j = 0; j < scores.length; j++) {
    const score = scores[j]!;
    if (Number.isNaN(score)) return Number.POSITIVE_INFINITY;
    if (score > own || (score === own && j < label)) before++;
  }
  return before;
}

const topKOp: NodeMaker<{ k: number }> = define<{ k: number }>({
  name: 'topKCorrect',
  infer: ([logits, labels], { k }) => {
    check(logits!, labels!);
    need(Number.isInteger(k) && k >= 1, 'k of at least 1', () => String(k));
    return { shape: [logits!.shape[0]!], dtype: floatOf(logits) };
  },
});
/** 1 for each row whose label has fewer than k {@link classesBefore} it, else 0: [N]. */
export const topKCorrect = (logits: Node, labels: Node, k: number): Node => topKOp([logits, labels], { k });
