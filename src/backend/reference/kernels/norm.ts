import { type Attrs, around, type Shape, type TypedArray } from '../../../graph/types.js';
import type { Kernel } from './kernel.js';

/**
 * k + alpha / size · Σ x², over the channels from c − ⌊size/2⌋ to c + ⌊(size−1)/2⌋, for every element of one image.
 */
function lrnScale(
  x: TypedArray,
  at: number,
  channels: number,
  area: number,
  attrs: Attrs,
  scale: Float64Array,
): void {
  const size = attrs.size as number;
  const factor = (attrs.alpha as number) / size;
  scale.fill(attrs.k as number);
  for (let c = 0; c < channels; c++) {
    const first = Math.max(0, c - Math.floor(size / 2));
    const last = Math.min(channels - 1, c + Math.floor((size - 1) / 2));
    for (let j = first; j <= last; j++)
      for (let i = 0; i < area; i++) scale[c * area + i]! += factor * x[at + j * area + i]! ** 2;
  }
}

const localResponseNorm: Kernel = ({ inputs: [x], specs: [spec], output, attrs }) => {
  const { outer, length: channels, inner: area } = around(spec!.shape, 1);
  const beta = attrs.beta as number;
  const scale = new Float64Array(channels * area);
  for (let n = 0; n < outer; n++) {
    const at = n * scale.length;
    lrnScale(x!, at, channels, area, attrs, scale);
    for (let i = 0; i < scale.length; i++) output[at + i] = x![at + i]! * scale[i]! ** -beta;
  }
};

/** dx_c = g_c · S_c^−β − 2αβ / size · x_c · Σ_j g_j · x_j · S_j^−(β+1), over the channels j whose windows contain c. */
const localResponseNormGrad: Kernel = ({ inputs: [grad, x], specs: [, spec], output, attrs }) => {
  const { outer, length: channels, inner: area } = around(spec!.shape, 1);
  const size = attrs.size as number;
  const beta = attrs.beta as number;
  const factor = (2 * (attrs.alpha as number) * beta) / size;
  const scale = new Float64Array(channels * area);
  const power = new Float64Array(channels * area);
  const sum = new Float64Array(area);
  for (let n = 0; n < outer; n++) {
    const at = n * scale.length;
    lrnScale(x!, at, channels, area, attrs, scale);
    for (let i = 0; i < scale.length; i++) power[i] = scale[i]! ** -beta;
    for (let c = 0; c < channels; c++) {
      const first = Math.max(0, c - Math.floor((size - 1) / 2));
      const last = Math.min(channels - 1, c + Math.floor(size / 2));
      sum.fill(0);
      for (let j = first; j <= last; j++)
        for (let i = 0, p = j * area; i < area; i++, p++)
          sum[i]! += (grad![at + p]! * x![at + p]! * power[p]!) / scale[p]!;
      for (let i = 0, p = c * area; i < area; i++, p++)
        output[at + p] = grad![at + p]! * power[p]! - factor * x![at + p]! * sum[i]!;
    }
  }
};

/** Calls `visit` with the position of every element of one channel. */
function eachOf(shape: Shape, channel: number, visit: (position: number) => void): void {
  const { outer, length: channels, inner } = around(shape, 1);
  for (let n = 0; n < outer; n++) {
    const at = (n * channels + channel) * inner;
    for (let i = at; i < at + inner; i++) visit(i);
  }
}

/** A channel's mean and biased variance over the batch. */
function moments(
  x: TypedArray,
  shape: Shape,
  channel: number,
): { count: number; mean: number; variance: number } {
  const count = x.length / shape[1]!;
  let mean = 0;
  eachOf(shape, channel, (i) => (mean += x[i]!));
  mean /= count;
  let variance = 0;
  eachOf(shape, channel, (i) => (variance += (x[i]! - mean) ** 2));
  return { count, mean, variance: variance / count };
}

const batchStats: Kernel = ({ inputs: [x], specs: [spec], output }) => {
  const channels = spec!.shape[1]!;
  for (let c = 0; c < channels; c++) {
    const { mean, variance } = moments(x!, spec!.shape, c);
    output[c] = mean;
    output[channels + c] = variance;
  }
};

const batchNormTrain: Kernel = ({ inputs: [x, gamma, beta], specs: [spec], output, attrs }) => {
  for (let c = 0; c < spec!.shape[1]!; c++) {
    const { mean, variance } = moments(x!, spec!.shape, c);
    const factor = gamma![c]! / Math.sqrt(variance + (attrs.eps as number));
    eachOf(spec!.shape, c, (i) => {
      output[i] = (x![i]! - mean) * factor + beta![c]!;
    });
  }
};

/** dx = gamma / √(var + eps) · (g − mean(g) − x̂ · mean(g · x̂)). */
const batchNormTrainGrad: Kernel = ({ inputs: [grad, x, gamma], specs: [, spec], output, attrs }) => {
  for (let c = 0; c < spec!.shape[1]!; c++) {
    const { count, mean, variance } = moments(x!, spec!.shape, c);
    const inverse = 1 / Math.sqrt(variance + (attrs.eps as number));
    let sum = 0;
    let weighted = 0;
    eachOf(spec!.shape, c, (i) => {
      sum += grad![i]!;
      weighted += grad![i]! * (x![i]! - mean) * inverse;
    });
    eachOf(spec!.shape, c, (i) => {
      const normal = (x![i]! - mean) * inverse;
      output[i] = gamma![c]! * inverse * (grad![i]! - sum / count - (normal * weighted) / count);
    });
  }
};

const batchNormGradGamma: Kernel = ({ inputs: [grad, x], specs: [, spec], output, attrs }) => {
  for (let c = 0; c < spec!.shape[1]!; c++) {
    const { mean, variance } = moments(x!, spec!.shape, c);
    let weighted = 0;
    eachOf(spec!.shape, c, (i) => (weighted += grad![i]! * (x![i]! - mean)));
    output[c] = weighted / Math.sqrt(variance + (attrs.eps as number));
  }
};

const batchNorm: Kernel = ({ inputs, specs: [spec], output, attrs }) => {
  const [x, gamma, beta, mean, variance] = inputs as [
    TypedArray,
    TypedArray,
    TypedArray,
    TypedArray,
    TypedArray,
  ];
  for (let c = 0; c < spec!.shape[1]!; c++) {
    const factor = gamma[c]! / Math.sqrt(variance[c]! + (attrs.eps as number));
    eachOf(spec!.shape, c, (i) => {
      output[i] = (x[i]! - mean[c]!) * factor + beta[c]!;
    });
  }
};

export const norm: Readonly<Record<string, Kernel>> = {
  localResponseNorm,
  localResponseNormGrad,
  batchStats,
  batchNormTrain,
  batchNormTrainGrad,
  batchNormGradGamma,
  batchNorm,
};
