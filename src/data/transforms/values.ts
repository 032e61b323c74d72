import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkBatch, markUnit, meaningOf, type Transform } from './transform.js';

/** Bytes → float32 in [0, 1]: divides by 255. Images of a data set of floats stay as they are, as in torchvision. */
export function toTensor(): Transform {
  return {
    name: 'toTensor',
    apply(batch) {
      checkBatch(batch);
      if (meaningOf(batch)?.range === 'unit')
        throw new UsageError({
          what: 'toTensor would divide by 255 a second time',
          expected: 'byte images',
          got: 'images that toTensor has scaled',
          next: 'keep only one toTensor() in the transform',
        });
      if (meaningOf(batch)?.range === 'floats') return markUnit(new Tensor(batch.node));
      const bytes = ops.cast(batch.node, batch.dtype === 'float64' ? 'float64' : 'float32');
      return markUnit(new Tensor(ops.scaleBy(bytes, 1 / 255)), bytes);
    },
    toString: () => 'toTensor()',
  };
}

/**
 * (x − mean) / std per channel, on values scaled by toTensor.
 *
 * @throws UsageError for a standard deviation that is not positive, ShapeError for a wrong number of channels
 */
export function normalize(mean: readonly number[], std: readonly number[]): Transform {
  if (!isNumbers(mean) || !isNumbers(std))
    throw new UsageError({
      what: 'normalize got bad statistics',
      expected: 'a list of means and a list of standard deviations, one for each channel',
      got: `${shown(mean)} and ${shown(std)}`,
      next: 'write normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])',
    });
  if (mean.length !== std.length || !mean.every(Number.isFinite) || !std.every((s) => s > 0 && s < Infinity))
    throw new UsageError({
      what: 'normalize got bad statistics',
      expected: 'a mean and a standard deviation above 0 for each channel',
      got: `mean ${showShape(mean)}, std ${showShape(std)}`,
    });
  const shift = mean.map((m, i) => -m / std[i]!);
  return {
    name: 'normalize',
    apply(batch) {
      checkBatch(batch);
      const meaning = meaningOf(batch);
      if (meaning && meaning.range !== 'unit' && meaning.range !== 'floats')
        throw new UsageError({
          what: 'normalize needs values in [0, 1]',
          expected: 'images that toTensor has scaled',
          got: meaning.range === 'bytes' ? 'bytes from 0 to 255' : 'bytes minus their mean',
          next: 'put toTensor() before normalize()',
        });
      // If toTensor came just before, start from the bytes: one pass over the images instead of two.
      const bytes = meaning?.range === 'unit' ? meaning.bytes : undefined;
      const scale = std.map((s) => 1 / (bytes ? 255 * s : s));
      return new Tensor(ops.channelAffine(bytes ?? batch.node, scale, shift));
    },
    toString: () => `normalize(${showShape(mean)}, ${showShape(std)})`,
  };
}

const isNumbers = (values: unknown): values is readonly number[] =>
  Array.isArray(values) && values.length > 0 && values.every((value) => typeof value === 'number');
