import { around, isFloat, type TypedArray } from '../../../graph/types.js';
import { erf as erfOf } from '../../../ops/erf.js';
import { broadcastDimensions } from '../../plan/broadcast.js';
import { copy, type Kernel } from './kernel.js';

/*
 * Each operation has its own loop instead of a callback in a shared loop, so that the compiler can specialise it for one
 * pair of array types; it then takes about a nanosecond per element.
 */

const relu: Kernel = ({ inputs: [x], output: y }) => {
  // Math.max propagates NaN, as PyTorch does.
  for (let i = 0; i < y.length; i++) y[i] = Math.max(0, x![i]!);
};
const reluGrad: Kernel = ({ inputs: [grad, y], output: dx }) => {
  for (let i = 0; i < dx.length; i++) dx[i] = y![i]! <= 0 ? 0 : grad![i]!;
};
const leakyRelu: Kernel = ({ inputs: [x], output: y, attrs }) => {
  const alpha = attrs.alpha as number;
  for (let i = 0; i < y.length; i++) y[i] = x![i]! > 0 ? x![i]! : alpha * x![i]!;
};
const leakyReluGrad: Kernel = ({ inputs: [grad, y], output: dx, attrs }) => {
  const alpha = attrs.alpha as number;
  for (let i = 0; i < dx.length; i++) dx[i] = y![i]! > 0 ? grad![i]! : alpha * grad![i]!;
};
const sigmoid: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = 1 / (1 + Math.exp(-x![i]!));
};
const sigmoidGrad: Kernel = ({ inputs: [grad, y], output: dx }) => {
  for (let i = 0; i < dx.length; i++) dx[i] = grad![i]! * y![i]! * (1 - y![i]!);
};
const tanh: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = Math.tanh(x![i]!);
};
const tanhGrad: Kernel = ({ inputs: [grad, y], output: dx }) => {
  for (let i = 0; i < dx.length; i++) dx[i] = grad![i]! * (1 - y![i]! * y![i]!);
};

const affine: Kernel = ({ inputs: [x], output: y, attrs }) => {
  const scale = attrs.scale as number;
  const shift = attrs.shift as number;
  for (let i = 0; i < y.length; i++) y[i] = scale * x![i]! + shift;
};
const neg: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = -x![i]!;
};
const exp: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = Math.exp(x![i]!);
};
const log: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = Math.log(x![i]!);
};
const sqrt: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = Math.sqrt(x![i]!);
};
const square: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = x![i]! * x![i]!;
};
const floor: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = Math.floor(x![i]!);
};
const sign: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = Math.sign(x![i]!);
};
const abs: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = Math.abs(x![i]!);
};
const pow: Kernel = ({ inputs: [x], output: y, attrs }) => {
  const exponent = attrs.exponent as number;
  // Roots, as in PyTorch: NaN for −∞.
  if (exponent === 0.5) for (let i = 0; i < y.length; i++) y[i] = Math.sqrt(x![i]!);
  else if (exponent === -0.5) for (let i = 0; i < y.length; i++) y[i] = 1 / Math.sqrt(x![i]!);
  else for (let i = 0; i < y.length; i++) y[i] = x![i]! ** exponent;
};
const clamp: Kernel = ({ inputs: [x], output: y, attrs }) => {
  const min = attrs.min as number;
  const max = attrs.max as number;
  // Math.min and Math.max propagate NaN, as PyTorch does.
  for (let i = 0; i < y.length; i++) y[i] = Math.min(max, Math.max(min, x![i]!));
};
const roundToByte: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) {
    const v = x![i]!;
    let whole = Math.round(v);
    // Math.round rounds half up: step down if that gives an odd number.
    if (whole - v === 0.5 && whole % 2 !== 0) whole--;
    y[i] = Math.min(255, Math.max(0, whole));
  }
};
const channelAffine: Kernel = ({ inputs: [x], specs: [spec], output: y, attrs }) => {
  const scale = attrs.scale as readonly number[];
  const shift = attrs.shift as readonly number[];
  const { outer, length: channels, inner } = around(spec!.shape, 1);
  for (let n = 0, at = 0; n < outer; n++)
    for (let c = 0; c < channels; c++) {
      const a = scale[c]!;
      const b = shift[c]!;
      for (const end = at + inner; at < end; at++) y[at] = a * x![at]! + b;
    }
};
const addScaled: Kernel = ({ inputs: [a, b, s], output: y }) => {
  const scale = s![0]!;
  for (let i = 0; i < y.length; i++) y[i] = a![i]! + scale * b![i]!;
};

const erf: Kernel = ({ inputs: [x], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = erfOf(x![i]!);
};

/** Computes `n` consecutive outputs; each input has its own stride, which is 0 if it is broadcast. */
export type Row = (
  a: TypedArray,
  aAt: number,
  aStep: number,
  b: TypedArray,
  bAt: number,
  bStep: number,
  y: TypedArray,
  at: number,
  n: number,
) => void;

export const addRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt]! + b[bAt]!;
};
export const subRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt]! - b[bAt]!;
};
const mulRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt]! * b[bAt]!;
};
const divRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt]! / b[bAt]!;
};
export const equalRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt] === b[bAt] ? 1 : 0;
};
export const lessRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt]! < b[bAt]! ? 1 : 0;
};
// Math.max and Math.min propagate NaN, as PyTorch does.
export const maximumRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Math.max(a[aAt]!, b[bAt]!);
};
export const minimumRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Math.min(a[aAt]!, b[bAt]!);
};
const powerRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  // JavaScript returns NaN for 1^±∞, (−1)^±∞ and 1^NaN; C and PyTorch return 1.
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) {
    const base = a[aAt]!;
    const exponent = b[bAt]!;
    const one = base === 1 || (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY);
    y[at] = one ? 1 : base ** exponent;
  }
};

export const binary =
  (row: Row): Kernel =>
  ({ inputs: [a, b], specs: [aSpec, bSpec], output, outputSpec }) => {
    if (output.length === 0) return;
    // Innermost first.
    const [inner, ...outer] = broadcastDimensions([aSpec!.shape, bSpec!.shape], outputSpec.shape)
      .reverse()
      .map(({ size, steps: [aStep = 0, bStep = 0] }) => ({ size, aStep, bStep }));
    const { size, aStep, bStep } = inner!;
    const counter = outer.map(() => 0);
    for (let at = 0, aAt = 0, bAt = 0; at < output.length; at += size) {
      row(a!, aAt, aStep, b!, bAt, bStep, output, at, size);
      for (let d = 0; d < outer.length; d++) {
        const dim = outer[d]!;
        aAt += dim.aStep;
        bAt += dim.bStep;
        if (++counter[d]! < dim.size) break;
        counter[d] = 0;
        aAt -= dim.aStep * dim.size;
        bAt -= dim.bStep * dim.size;
      }
    }
  };

/** Numbers that int32 does not have, such as NaN, become the smallest integer, as in PyTorch. */
const cast: Kernel = (call) => {
  const { inputs, specs, output } = call;
  copy(call);
  if (!(output instanceof Int32Array) || !isFloat(specs[0]!.dtype)) return;
  const x = inputs[0]!;
  for (let i = 0; i < x.length; i++) if (!(Math.abs(x[i]!) < 2 ** 31)) output[i] = -(2 ** 31);
};

export const elementwise: Readonly<Record<string, Kernel>> = {
  relu,
  reluGrad,
  leakyRelu,
  leakyReluGrad,
  sigmoid,
  sigmoidGrad,
  tanh,
  tanhGrad,
  affine,
  neg,
  exp,
  log,
  sqrt,
  square,
  erf,
  floor,
  sign,
  abs,
  pow,
  clamp,
  roundToByte,
  channelAffine,
  addScaled,
  add: binary(addRow),
  sub: binary(subRow),
  mul: binary(mulRow),
  div: binary(divRow),
  equal: binary(equalRow),
  less: binary(lessRow),
  maximum: binary(maximumRow),
  minimum: binary(minimumRow),
  power: binary(powerRow),
  cast,
  detach: copy,
  custom: copy,
};
