import { classCount } from '../../../errors/counted.js';
import { DataError } from '../../../errors/errors.js';
import { around, type TypedArray } from '../../../graph/types.js';
import { classesBefore } from '../../../ops/cross-entropy.js';
import type { Kernel } from './kernel.js';

/** log Σ e^x of `length` values with stride `step`, beginning at `at`; numerically stable. */
function logSumExp(x: TypedArray, at: number, length: number, step: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < length; j++) largest = Math.max(largest, x[at + j * step]!);
  let sum = 0;
  for (let j = 0; j < length; j++) sum += Math.exp(x[at + j * step]! - largest);
  return largest + Math.log(sum);
}

const softmax: Kernel = ({ inputs: [x], specs: [spec], output, attrs }) => {
  const { outer, length, inner } = around(spec!.shape, attrs.axis as number);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const at = o * length * inner + i;
      const total = logSumExp(x!, at, length, inner);
      for (let j = at; j < at + length * inner; j += inner) output[j] = Math.exp(x![j]! - total);
    }
};

const logSoftmax: Kernel = ({ inputs: [x], specs: [spec], output, attrs }) => {
  const { outer, length, inner } = around(spec!.shape, attrs.axis as number);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const at = o * length * inner + i;
      const total = logSumExp(x!, at, length, inner);
      for (let j = at; j < at + length * inner; j += inner) output[j] = x![j]! - total;
    }
};

/** The error for a label that is not the number of a class. */
export const labelError = (row: number, label: number, classes: number): DataError =>
  new DataError({
    what: `The label of row ${row} is out of range`,
    expected: `a label from 0 to ${classes - 1}, for ${classCount(classes)}`,
    got: `${label}`,
    next: 'check the data set’s labels and the model’s numClasses',
  });

/** The label of a row, which must be a class. */
export function labelOf(labels: TypedArray, row: number, classes: number): number {
  const label = labels[row]!;
  if (label >= 0 && label < classes) return label;
  throw labelError(row, label, classes);
}

const crossEntropy: Kernel = ({ inputs: [logits, labels], specs: [spec], output, attrs }) => {
  const [rows, classes] = spec!.shape as [number, number];
  const smoothing = attrs.labelSmoothing as number;
  for (let row = 0; row < rows; row++) {
    const at = row * classes;
    const total = logSumExp(logits!, at, classes, 1);
    let loss = (1 - smoothing) * (total - logits![at + labelOf(labels!, row, classes)]!);
    if (smoothing > 0)
      for (let j = 0; j < classes; j++) loss += (smoothing / classes) * (total - logits![at + j]!);
    output[row] = loss;
  }
};

const crossEntropyGrad: Kernel = ({ inputs: [grad, logits, labels], specs: [, spec], output, attrs }) => {
  const [rows, classes] = spec!.shape as [number, number];
  const smoothing = attrs.labelSmoothing as number;
  for (let row = 0; row < rows; row++) {
    const at = row * classes;
    const label = labelOf(labels!, row, classes);
    const total = logSumExp(logits!, at, classes, 1);
    for (let j = 0; j < classes; j++) {
      const target = smoothing / classes + (j === label ? 1 - smoothing : 0);
      output[at + j] = grad![row]! * (Math.exp(logits![at + j]! - total) - target);
    }
  }
};

const topKCorrect: Kernel = ({ inputs: [logits, labels], specs: [spec], output, attrs }) => {
  const [rows, classes] = spec!.shape as [number, number];
  for (let row = 0; row < rows; row++) {
    const scores = logits!.subarray(row * classes, (row + 1) * classes);
    const before = classesBefore(scores, labelOf(labels!, row, classes));
    output[row] = before < (attrs.k as number) ? 1 : 0;
  }
};

export const loss: Readonly<Record<string, Kernel>> = {
  softmax,
  logSoftmax,
  crossEntropy,
  crossEntropyGrad,
  topKCorrect,
};
