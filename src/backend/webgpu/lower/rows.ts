import { around } from '../../../graph/types.js';
import type { WebGpuBuilder } from '../builder.js';
import { inRuns, together } from '../kernels/joined.js';
import { entry, WORKGROUP } from '../kernels/map.js';
import { literal } from '../kernels/wgsl.js';
import { emitElements, emitRows, numberIn } from './emit.js';

/** Sizes before, of and behind an axis of a node's value. */
export const aroundAxis = (b: WebGpuBuilder, i: number, axis: number) => around(b.node(i).shape, axis);

/** WGSL function: the largest value and the logarithm of the sum of exponentials less it, of `length` values. */
const logSum = (length: number, step: number, input: number): string => `
fn logSumOf(begin: u32) -> vec2f {
  var largest = -infinity();
  for (var j = 0u; j < ${length}u; j++) { largest = maxOf(largest, in${input}(begin + j * ${step}u)); }
  var sum = 0f;
  ${inRuns(
    length,
    ['sum'],
    (first, end) =>
      `for (var j = ${first}; j < ${end}; j++) { sum += expOf(in${input}(begin + j * ${step}u) - largest); }`,
    1,
    '0u',
  )}
  return vec2f(largest, logOf(sum));
}`;

/** Rows of at least this length take a workgroup each, of the last axis. */
const LONG = 32;

function lowerSoft(b: WebGpuBuilder, i: number, result: (x: string, s: string) => string): void {
  const { outer, length, inner } = aroundAxis(b, i, b.node(i).attrs.axis as number);
  const rows = outer * inner;
  const item = (j: string): string => `in0(begin + ${j} * ${inner}u)`;
  const start = `let begin = row / ${inner}u * ${length * inner}u + row % ${inner}u;`;
  if (length < LONG) {
    // One invocation for each row.
    const code = `${logSum(length, inner, 0)}
${entry(`
  if (i >= ${rows}u) { return; }
  let row = i;
  ${start}
  let s = logSumOf(begin);
  for (var j = 0u; j < ${length}u; j++) { put0(begin + j * ${inner}u, ${result(item('j'), 's')}); }`)}`;
    emitRows(b, i, Math.ceil(rows / WORKGROUP), code);
    return;
  }
  const each = (body: string, sums: readonly string[] = []): string =>
    inRuns(
      length,
      sums,
      (first, end) => `for (var j = ${first}; j < ${end}; j += ${WORKGROUP}u) { ${body} }`,
    );
  const code = `var<workgroup> shared_: array<f32, ${WORKGROUP}>;
var<workgroup> sums: array<f32, ${WORKGROUP}>;
${entry(`
  let row = min(block, ${rows - 1}u);
  ${start}
  var total = -infinity();
  ${each(`total = maxOf(total, ${item('j')});`)}
  ${together('largest', (a, b) => `maxOf(${a}, ${b})`)}
  total = 0f;
  ${each(`total += expOf(${item('j')} - largest);`, ['total'])}
  ${together('sum', (a, b) => `${a} + ${b}`, 'sums')}
  let s = vec2f(largest, logOf(sum));
  if (block < ${rows}u) { ${each(`put0(begin + j * ${inner}u, ${result(item('j'), 's')});`)} }`)}`;
  emitRows(b, i, rows, code);
}

export const lowerSoftmax = (b: WebGpuBuilder, i: number): void =>
  lowerSoft(b, i, (x, s) => `expOf(${x} - ${s}.x - ${s}.y)`);
export const lowerLogSoftmax = (b: WebGpuBuilder, i: number): void =>
  lowerSoft(b, i, (x, s) => `${x} - ${s}.x - ${s}.y`);

/** WGSL of the part of a target that each class has, of the part that is the label's alone, and of a condition. */
function sharesOf(
  b: WebGpuBuilder,
  i: number,
  classes: number,
): Readonly<Record<'spread' | 'keep' | 'when', string>> {
  const { labelSmoothing } = b.node(i).attrs;
  if (typeof labelSmoothing === 'number')
    return { spread: literal(labelSmoothing / classes), keep: literal(1 - labelSmoothing), when: '' };
  const smoothing = numberIn(b, i, 'labelSmoothing');
  return {
    spread: `(${smoothing} / ${literal(classes)})`,
    keep: `(1f - ${smoothing})`,
    when: ` && ${smoothing} > 0f`,
  };
}

export function lowerCrossEntropy(b: WebGpuBuilder, i: number): void {
  const { inputs } = b.node(i);
  const classes = b.node(inputs[0]!).shape[1]!;
  const { spread, keep, when } = sharesOf(b, i, classes);
  const all =
    spread === literal(0)
      ? ''
      : `for (var j = 0u; j < ${classes}u${when}; j++) { loss += ${spread} * (s.y - (in0(begin + j) - s.x)); }`;
  emitElements(b, i, {
    declarations: logSum(classes, 1, 0),
    value: `let begin = i * ${classes}u;
  let s = logSumOf(begin);
  var loss = ${keep} * (s.y - (in0(begin + u32(in1(i))) - s.x));
  ${all}
  return loss;`,
  });
}

export function lowerCrossEntropyGrad(b: WebGpuBuilder, i: number): void {
  const [rows, classes] = b.node(i).shape as [number, number];
  const { spread, keep } = sharesOf(b, i, classes);
  const code = `${logSum(classes, 1, 1)}
${entry(`
  if (i >= ${rows}u) { return; }
  let begin = i * ${classes}u;
  let s = logSumOf(begin);
  let label = u32(in2(i));
  for (var j = 0u; j < ${classes}u; j++) {
    let target_ = ${spread} + select(0f, ${keep}, j == label);
    put0(begin + j, in0(i) * (expOf(in1(begin + j) - s.x - s.y) - target_));
  }`)}`;
  emitRows(b, i, Math.ceil(rows / WORKGROUP), code);
}

/** NaN counts as larger than the label's logit, and as a wrong answer where it is that logit. */
export function lowerTopKCorrect(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const classes = b.node(inputs[0]!).shape[1]!;
  emitElements(b, i, {
    value: `let label = u32(in1(i));
  let own = in0(i * ${classes}u + label);
  var before = 0u;
  for (var j = 0u; j < ${classes}u; j++) {
    let v = in0(i * ${classes}u + j);
    if (isNaN(v)) { return 0f; }
    if (v > own || (v == own && j < label)) { before++; }
  }
  return select(0f, 1f, before < ${attrs.k}u);`,
  });
}
