import { hostLeaf, type Node } from '../../../../graph/node.js';
import { sameShape, showShape, sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import { MOST_KNOWN } from '../fold.js';
import type { Operator, Rule } from '../operator.js';

/** Negative log-likelihood: −x at the class of each label, for x [N, C, …] and constant labels [N, …]. */
function likelihood(operator: Operator): (x: Node, labels: Node, weight: Node | undefined) => Node {
  const reduction = operator.word('reduction', ['mean', 'none', 'sum']);
  const ignored = operator.has('ignore_index') ? operator.int('ignore_index', 0) : undefined;
  return (x, labels, weight) => {
    const [n, classes, ...sides] = x.shape as [number, number, ...number[]];
    if (x.shape.length < 2 || !sameShape(labels.shape, [n, ...sides]))
      operator.misfit('its labels', `one for each of ${showShape([n, ...sides])}`, showShape(labels.shape));
    const each = sizeOf(sides);
    if (n * each > MOST_KNOWN) operator.misfit('its labels', `at most ${MOST_KNOWN}`, String(n * each));
    const known = operator.known(labels, 'its labels');
    const counted = known.map((label) => (label === ignored ? 0 : 1));
    const chosen = known.map((label, i) => (counted[i] ? label : 0));
    const bad = chosen.find((label) => !(label >= 0 && label < classes));
    if (bad !== undefined) operator.misfit('its labels', `from 0 to ${classes - 1}`, String(bad));
    const list = (values: readonly number[]) => hostLeaf(Int32Array.from(values), [n * each], 'int32');
    const places = chosen.map((label, i) => (Math.floor(i / each) * classes + label) * each + (i % each));
    const mask = hostLeaf(Float32Array.from(counted), [n * each], 'float32');
    const scale = weight ? ops.mul(ops.indexSelect(weight, list(chosen)), mask) : mask;
    const losses = ops.neg(ops.mul(ops.indexSelect(ops.reshape(x, [sizeOf(x.shape)]), list(places)), scale));
    if (reduction === 'none') return ops.reshape(losses, labels.shape);
    const total = ops.sum(losses);
    return reduction === 'sum' ? total : ops.div(total, ops.sum(scale));
  };
}

export const losses: Readonly<Record<string, Rule>> = {
  NegativeLogLikelihoodLoss: (operator) => {
    operator.arity(2, 3);
    const loss = likelihood(operator);
    return ([x, labels, weight]) => loss(x!, labels!, weight);
  },
  /** The second result: log probabilities. */
  SoftmaxCrossEntropyLoss: (operator) => {
    operator.arity(2, 3);
    const loss = likelihood(operator);
    return ([x, labels, weight]) => {
      const logarithms = ops.logSoftmax(x!, 1);
      return operator.output === 1 ? logarithms : loss(logarithms, labels!, weight);
    };
  },
};
