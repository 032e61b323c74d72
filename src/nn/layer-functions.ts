import { checkNumber, checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import type { PadMode, Resample } from '../ops/index.js';
import * as ops from '../ops/index.js';
import { convert } from '../tensor/arguments.js';
import { Parameter } from '../tensor/parameter.js';
import { Tensor } from '../tensor/tensor.js';
import { checkCounts, nodeOf, rowOf } from './arguments.js';
import type { EmbeddingOptions } from './sequence/embedding.js';
import { lookUp } from './sequence/look-up.js';
import { checkMaxNorm } from './sequence/max-norm.js';
import { checkInterpolation, type InterpolateOptions } from './spatial/interpolation.js';

export { celu, glu, logsigmoid, selu, softplus, softsign } from './activations/functions.js';
export { scaledDotProductAttention } from './sequence/attention.js';
export type { InterpolateOptions };

/* Functions of layers without parameters. */

/**
 * Pads the last axes. `pads` lists how many positions to add before and after the last axis, then before and after the
 * one before it, and so on; negative numbers crop.
 *
 * @example
 * pad(images, [1, 1, 2, 2]); // [N, C, H, W] → [N, C, H + 4, W + 2]
 */
export function pad(
  x: Tensor,
  pads: readonly number[],
  options: { mode?: PadMode; value?: number } = {},
): Tensor {
  checkOptionNames('pad', options, ['mode', 'value']);
  const { mode = 'constant', value = 0 } = options;
  if (!Array.isArray(pads))
    throw new UsageError({
      what: 'pad got bad pads',
      expected: 'an array, such as [1, 1]',
      got: shown(pads),
    });
  if (typeof value !== 'number')
    throw new UsageError({ what: 'pad got a bad value', expected: 'a number', got: shown(value) });
  const node = nodeOf('pad', x);
  convert([value], node.dtype);
  return new Tensor(ops.pad(node, pads, mode, value));
}

/**
 * One-hot encoding: 1 at the position of each class number along a new last axis, else 0. The result is float32, since
 * int32 is for labels and ids only.
 *
 * @param index int32; a number out of range is an error when the value is computed
 */
export function oneHot(index: Tensor, numClasses: number): Tensor {
  checkCounts('oneHot', { numClasses }, 1);
  return new Tensor(ops.oneHot(nodeOf('oneHot', index), numClasses));
}

/**
 * Rows of a table [rows, D]: […] of int32 → […, D]. Row `paddingIdx`, if given, gets no gradient. With `maxNorm`, the
 * table is a parameter, in which rows are scaled too, as by `nn.Embedding` in training.
 */
export function embedding(index: Tensor, table: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkOptionNames('embedding', options, ['paddingIdx', 'maxNorm', 'normType']);
  checkMaxNorm('embedding', options);
  const [positions, rows] = [nodeOf('embedding', index), nodeOf('embedding', table)];
  const padding = rowOf('embedding', options.paddingIdx, rows.shape[0] ?? 0);
  if (options.maxNorm === undefined) return new Tensor(ops.embedding(positions, rows, padding));
  if (table instanceof Parameter)
    return new Tensor(lookUp(table, positions, { ...options, paddingIdx: padding }, true));
  throw new UsageError({
    what: 'embedding can only limit the rows of a parameter, which it changes',
    expected: 'a Parameter with maxNorm',
    got: 'another tensor',
    next: 'scale the rows of the table first',
  });
}

export const gelu = (x: Tensor, options: { approximate?: 'none' | 'tanh' } = {}): Tensor => {
  checkOptionNames('gelu', options, ['approximate']);
  const { approximate = 'none' } = options;
  if (approximate !== 'none' && approximate !== 'tanh')
    throw new UsageError({
      what: 'gelu got a bad approximate',
      expected: "'none' or 'tanh'",
      got: shown(approximate),
    });
  return new Tensor(ops.gelu(nodeOf('gelu', x), approximate));
};
export const silu = (x: Tensor): Tensor => new Tensor(ops.silu(nodeOf('silu', x)));
export const relu6 = (x: Tensor): Tensor => new Tensor(ops.relu6(nodeOf('relu6', x)));
export const hardswish = (x: Tensor): Tensor => new Tensor(ops.hardswish(nodeOf('hardswish', x)));
export const hardsigmoid = (x: Tensor): Tensor => new Tensor(ops.hardsigmoid(nodeOf('hardsigmoid', x)));
export const mish = (x: Tensor): Tensor => new Tensor(ops.mish(nodeOf('mish', x)));
export function elu(x: Tensor, alpha = 1): Tensor {
  checkNumber('elu', 'alpha', alpha, { expected: 'a number' });
  return new Tensor(ops.elu(nodeOf('elu', x), alpha));
}

/** […, C · r², H, W] → […, C, H · r, W · r] (arXiv:1609.05158). */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  checkCounts('pixelShuffle', { upscaleFactor }, 1);
  return new Tensor(ops.pixelShuffle(nodeOf('pixelShuffle', x), upscaleFactor));
}

/** […, C, H · r, W · r] → […, C · r², H, W], the reverse of {@link pixelShuffle}. */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  checkCounts('pixelUnshuffle', { downscaleFactor }, 1);
  return new Tensor(ops.pixelUnshuffle(nodeOf('pixelUnshuffle', x), downscaleFactor));
}

/** Rank of the input for each mode. */
const RANK = { linear: 3, bilinear: 4 } as const;

/**
 * Resamples sequences or images to another size, without antialiasing when shrinking.
 *
 * @throws UsageError if the options do not fit together
 * @example
 * interpolate(maps, { scaleFactor: 2, mode: 'bilinear' }); // [N, C, H, W] → [N, C, 2 H, 2 W]
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  checkInterpolation('interpolate', options);
  const { size, scaleFactor, mode = 'nearest', alignCorners = false } = options;
  const node = nodeOf('interpolate', x);
  const axes = node.shape.slice(2);
  const rank = mode === 'nearest' ? undefined : RANK[mode];
  if (rank !== undefined && node.shape.length !== rank)
    throw new UsageError({
      what: `interpolate does not support ${mode} for this input`,
      expected: `${rank} dimensions`,
      got: String(node.shape.length),
    });
  const each = (given: number | readonly number[]): readonly number[] =>
    typeof given === 'number' ? axes.map(() => given) : given;
  const listed = each((size ?? scaleFactor)!);
  if (listed.length !== axes.length)
    throw new UsageError({
      what: 'interpolate got another number of sizes',
      expected: `${axes.length}, one for each axis after the first two`,
      got: String(listed.length),
    });
  const sizes = listed.map((value, i): Resample => {
    if (size !== undefined) return { size: value };
    return { size: Math.floor(axes[i]! * value), step: 1 / value };
  });
  return new Tensor(ops.interpolate(node, sizes, mode === 'nearest' ? 'nearest' : 'linear', alignCorners));
}
