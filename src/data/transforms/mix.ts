import { checkOptionNames, shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { hostLeaf, type Node } from '../../graph/node.js';
import { isFloat, showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import type { Generator } from '../../random.js';
import { Tensor } from '../../tensor/tensor.js';
import { dimensions } from './geometry.js';
import { generatorOf, type TransformContext } from './transform.js';

export interface MixOptions {
  /** Number of classes, for labels that are class indices. */
  readonly numClasses: number;
  /** Both parameters of the beta distribution of the share; default 1: uniform. */
  readonly alpha?: number;
}

/** Mixes each image of a batch with the one before it, and their labels likewise. */
export interface Mix {
  readonly name: string;
  /**
   * @param images [N, C, H, W], floats
   * @param labels int32 [N], or shares of classes [N, numClasses]
   * @returns the images, and shares of classes [N, numClasses] for `CrossEntropyLoss`
   */
  apply(images: Tensor, labels: Tensor, context: TransformContext): readonly [images: Tensor, labels: Tensor];
  toString(): string;
}

/**
 * MixUp (Zhang et al. 2018) as in torchvision: λ · image + (1 − λ) · the image before it, with one λ for each batch.
 *
 * @example
 * const mix = transforms.mixUp({ numClasses: 10 });
 * const [x, y] = mix.apply(inputs, labels, { generator });
 */
export const mixUp = (options: MixOptions): Mix =>
  mixBy('mixUp', options, (x, share) => ({ mixed: lerp(x, share), share }));

/** CutMix (Yun et al. 2019) as in torchvision: a rectangle of each image comes from the image before it. */
export const cutMix = (options: MixOptions): Mix =>
  mixBy('cutMix', options, (x, drawn, generator) => {
    const [, , height, width] = x.shape as [number, number, number, number];
    const half = 0.5 * Math.sqrt(1 - drawn);
    const [cx, cy] = [generator.integer(width), generator.integer(height)];
    const [dx, dy] = [Math.trunc(half * width), Math.trunc(half * height)];
    const [left, right] = [Math.max(0, cx - dx), Math.min(width, cx + dx)];
    const [top, bottom] = [Math.max(0, cy - dy), Math.min(height, cy + dy)];
    const mask = new Uint8Array(height * width);
    for (let y = top; y < bottom; y++) mask.fill(1, y * width + left, y * width + right);
    const inside = hostLeaf(mask, [1, 1, height, width], 'uint8');
    const share = 1 - ((bottom - top) * (right - left)) / (height * width);
    return { mixed: ops.where(inside, rolled(x), x), share };
  });

function mixBy(
  name: string,
  options: MixOptions,
  mix: (x: Node, share: number, generator: Generator) => { mixed: Node; share: number },
): Mix {
  checkOptionNames(name, options, ['numClasses', 'alpha']);
  const { numClasses, alpha = 1 } = options;
  if (!Number.isInteger(numClasses) || numClasses < 1)
    throw new UsageError({
      what: `${name} got a bad numClasses`,
      expected: 'a whole number from 1',
      got: shown(numClasses),
    });
  if (!(typeof alpha === 'number' && alpha > 0 && alpha < Infinity))
    throw new UsageError({
      what: `${name} got a bad alpha`,
      expected: 'a number above 0',
      got: shown(alpha),
    });
  return {
    name,
    apply(images, labels, context) {
      const generator = generatorOf(name, context);
      const [count] = dimensions(images);
      if (!isFloat(images.dtype))
        throw new UsageError({
          what: `${name} mixes floats`,
          expected: 'images that toTensor has scaled',
          got: images.dtype,
          next: `put ${name} after the transforms`,
        });
      const shares = sharesOf(name, labels, count, numClasses, images.dtype === 'float64');
      const { mixed, share } = mix(images.node, beta(generator, alpha), generator);
      return [new Tensor(mixed), new Tensor(lerp(shares, share))];
    },
    toString: () => `${name}({ numClasses: ${numClasses}, alpha: ${alpha} })`,
  };
}

/** The rows shifted by one: row i is row i − 1 of x, and row 0 is the last row. */
function rolled(x: Node): Node {
  const count = x.shape[0]!;
  return count === 1 ? x : ops.concat([ops.narrow(x, 0, count - 1, 1), ops.narrow(x, 0, 0, count - 1)], 0);
}

const lerp = (x: Node, share: number): Node =>
  ops.add(ops.affine(x, { scale: share, shift: 0 }), ops.affine(rolled(x), { scale: 1 - share, shift: 0 }));

function sharesOf(name: string, labels: Tensor, count: number, classes: number, double: boolean): Node {
  if (!(labels instanceof Tensor))
    throw new UsageError({
      what: `${name} got bad labels`,
      expected: `a Tensor: int32 [${count}], or floats [${count}, ${classes}]`,
      got: shown(labels),
    });
  const { shape, dtype } = labels;
  const type = double ? 'float64' : 'float32';
  if (isFloat(dtype) && shape.length === 2 && shape[0] === count && shape[1] === classes)
    return ops.cast(labels.node, type);
  if (isFloat(dtype) || shape.length !== 1 || shape[0] !== count)
    throw new ShapeError({
      what: `${name} got bad labels`,
      expected: `int32 [${count}], or floats [${count}, ${classes}]`,
      got: `${dtype} ${showShape(shape)}`,
    });
  return ops.oneHot(ops.cast(labels.node, 'int32'), classes, type);
}

/** Beta(a, a), as the share of one of two gamma variables (Marsaglia and Tsang 2000). */
function beta(generator: Generator, a: number): number {
  const [x, y] = [gamma(generator, a), gamma(generator, a)];
  return x + y === 0 ? generator.integer(2) : x / (x + y);
}

function gamma(generator: Generator, a: number): number {
  if (a < 1) return gamma(generator, a + 1) * (1 - generator.uniform()) ** (1 / a);
  const d = a - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = generator.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - generator.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
