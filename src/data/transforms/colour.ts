import { checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { hostLeaf } from '../../graph/node.js';
import { isShape, showShape, sizeOf } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import {
  checkBatch,
  drawEach,
  generatorOf,
  markCentred,
  markFloats,
  markUnit,
  meaningOf,
  type Transform,
} from './transform.js';

/**
 * Subtracts a mean image, as Krizhevsky et al. 2012 do with the mean of the training images (section 2). Takes bytes
 * and returns float32 values around 0 that keep the scale of bytes.
 *
 * @param mean C × H × W values from 0 to 255
 * @throws UsageError if the mean has another size than the images, or for images scaled by toTensor
 */
export function subtractMean(mean: Float32Array, shape: readonly number[]): Transform {
  if (!(mean instanceof Float32Array) || !isShape(shape))
    throw new UsageError({
      what: 'subtractMean got a bad image',
      expected: 'a Float32Array and its shape [C, H, W]',
      got: `${shown(mean)} and ${shown(shape)}`,
    });
  if (shape.length !== 3 || sizeOf(shape) !== mean.length || !mean.every(Number.isFinite))
    throw new UsageError({
      what: 'subtractMean got a bad image',
      expected: 'finite values, as many as [C, H, W] says',
      got: `${mean.length} values for ${showShape(shape)}`,
    });
  return {
    name: 'subtractMean',
    apply(batch) {
      checkBatch(batch);
      const size = batch.shape.slice(1);
      if (meaningOf(batch)?.range !== 'bytes' || size.join() !== shape.join())
        throw new UsageError({
          what: 'subtractMean needs images of bytes of the same size as the mean',
          expected: `bytes ${showShape(['N', ...shape] as unknown as number[])}`,
          got: `${batch.dtype} ${showShape(batch.shape)}`,
          next: 'put subtractMean before any crop',
        });
      const image = hostLeaf(mean, [1, ...shape], 'float32');
      return markCentred(new Tensor(ops.sub(ops.cast(batch.node, 'float32'), image)));
    },
    toString: () => `subtractMean(${showShape(shape)})`,
  };
}

export interface ColourShift {
  /** Eigenvalues of the covariance of RGB values in [0, 1]. */
  readonly eigenvalues: readonly number[];
  readonly eigenvectors: readonly (readonly number[])[];
  /** Standard deviation of the random factors; 0.1 in Krizhevsky et al. 2012. */
  readonly std?: number;
}

/**
 * Adds to each image multiples of the principal components of the training set's colours (Krizhevsky et al. 2012,
 * section 4.1): Σ αᵢ λᵢ pᵢ with αᵢ from N(0, std²), drawn once for each image. The eigenvalues λᵢ are those of values
 * in [0, 1]; for images of values from 0 to 255 the sum is multiplied by 255.
 *
 * @throws UsageError if the number of components is not the number of channels
 */
export function colourShift(options: ColourShift): Transform {
  checkOptionNames('colourShift', options, ['eigenvalues', 'eigenvectors', 'std']);
  const { eigenvalues, eigenvectors, std = 0.1 } = options;
  if (!Array.isArray(eigenvalues) || !Array.isArray(eigenvectors) || !eigenvectors.every(Array.isArray))
    throw new UsageError({
      what: 'colourShift got bad components',
      expected: 'a list of eigenvalues, and a list of eigenvectors',
      got: `${shown(eigenvalues)} and ${shown(eigenvectors)}`,
    });
  const n = eigenvalues.length;
  const whole = eigenvectors.length === n && eigenvectors.every((vector) => vector.length === n);
  if (!whole || n === 0 || ![...eigenvalues, ...eigenvectors.flat(), std].every(Number.isFinite) || std < 0)
    throw new UsageError({
      what: 'colourShift got bad components',
      expected: 'an eigenvalue and an eigenvector for each channel, and a std of at least 0',
      got: `${n} eigenvalues, ${eigenvectors.length} eigenvectors, std ${std}`,
    });
  return {
    name: 'colourShift',
    apply(batch, context) {
      const generator = generatorOf('colourShift', context);
      checkBatch(batch);
      const images = batch.shape[0]!;
      if (batch.shape.length !== 4 || batch.shape[1] !== n)
        throw new UsageError({
          what: 'colourShift cannot shift these images',
          expected: `[N, ${n}, H, W]`,
          got: showShape(batch.shape),
        });
      const range = meaningOf(batch)?.range;
      if (!range)
        throw new UsageError({
          what: 'colourShift cannot know the scale of these values',
          expected: 'bytes, bytes minus their mean, or images that toTensor has scaled',
          got: 'other floating-point values',
          next: 'put colourShift before normalize()',
        });
      const scale = range === 'unit' || range === 'floats' ? 1 : 255;
      const shifts = new Float32Array(images * n);
      const drawn = drawEach(context, images, () =>
        eigenvalues.map((value) => scale * value * generator.normal(0, std)),
      );
      for (const [i, amounts] of drawn.entries())
        for (let c = 0; c < n; c++)
          shifts[i * n + c] = amounts.reduce((sum, amount, k) => sum + amount * eigenvectors[k]![c]!, 0);
      const shift = hostLeaf(shifts, [images, n, 1, 1], 'float32');
      const shifted = new Tensor(ops.add(ops.cast(batch.node, 'float32'), shift));
      // The values are no longer integers but still on the scale of bytes.
      if (range === 'floats') return markFloats(shifted);
      return range === 'unit' ? markUnit(shifted) : markCentred(shifted);
    },
    toString: () => `colourShift({ std: ${std} })`,
  };
}
