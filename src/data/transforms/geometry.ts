import { checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { hostLeaf, type Node } from '../../graph/node.js';
import { showShape } from '../../graph/types.js';
import { type Pair, pair } from '../../ops/conv2d.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { centred } from './centre.js';
import {
  drawEach,
  generatorOf,
  markBytes,
  markCentred,
  markFloats,
  markUnit,
  meaningOf,
  type Transform,
} from './transform.js';

/** The side of a square, or [height, width]. */
export type ImageSize = number | Pair;
/** @deprecated Use `ImageSize`. */
export type PictureSize = ImageSize;

const showSize = (size: ImageSize): string => (typeof size === 'number' ? String(size) : showShape(size));

export function checkSize(transform: string, size: ImageSize): void {
  const sides: unknown = typeof size === 'number' ? [size, size] : size;
  if (
    Array.isArray(sides) &&
    sides.length === 2 &&
    sides.every((side) => Number.isInteger(side) && side >= 1)
  )
    return;
  throw new UsageError({
    what: `${transform} got a bad size`,
    expected: 'a whole number of pixels, or [height, width]',
    got: shown(size),
  });
}

/** Applies an operation that only moves pixels; keeps the mark of the value range (bytes, centred or scaled). */
export function moved(batch: Tensor, move: (x: Node) => Node): Tensor {
  const meaning = meaningOf(batch);
  const result = new Tensor(move(batch.node));
  if (meaning?.range === 'bytes') return markBytes(result);
  if (meaning?.range === 'centred') return markCentred(result);
  if (meaning?.range === 'floats') return markFloats(result);
  return meaning ? markUnit(result) : result;
}

export const dimensions = (batch: Tensor): [number, number, number, number] => {
  if (batch instanceof Tensor && batch.shape.length === 4 && batch.shape[2]! > 0 && batch.shape[3]! > 0)
    return batch.shape as unknown as [number, number, number, number];
  throw new UsageError({
    what: 'Transforms work on batches of images',
    expected: '[N, C, H, W] with at least one pixel',
    got: batch instanceof Tensor ? showShape(batch.shape) : shown(batch),
  });
};

/**
 * Bilinear resize with antialiasing, as torchvision does on PIL images. Byte images are rounded: the result is floating
 * point with integer values from 0 to 255.
 *
 * @param size the shorter side (the other is scaled in proportion), or [height, width]
 */
export function resize(size: ImageSize): Transform {
  checkSize('resize', size);
  return {
    name: 'resize',
    apply(batch) {
      const [, , h, w] = dimensions(batch);
      const [height, width] = typeof size === 'number' ? proportional(size, h, w) : size;
      if (height === h && width === w) return batch;
      const asBytes = meaningOf(batch)?.range === 'bytes';
      return moved(batch, (x) => ops.resize(x, [height, width], { asBytes }));
    },
    toString: () => `resize(${showSize(size)})`,
  };
}

/** The longer side is rounded down, as in torchvision. */
const proportional = (shorter: number, h: number, w: number): Pair =>
  h <= w ? [shorter, Math.trunc((shorter * w) / h)] : [Math.trunc((shorter * h) / w), shorter];

/** Crops the same window from each image. */
export function window(batch: Tensor, top: number, left: number, size: Pair): Tensor {
  return moved(batch, (x) => {
    const offsets = Int32Array.from({ length: 2 * x.shape[0]! }, (_, i) => (i % 2 === 0 ? top : left));
    return ops.crop(x, hostLeaf(offsets, [x.shape[0]!, 2], 'int32'), size);
  });
}

/** Crops the centre of each image; smaller images are padded with zeros. */
export function centerCrop(size: ImageSize): Transform {
  checkSize('centerCrop', size);
  const [height, width] = pair(size);
  return {
    name: 'centerCrop',
    apply(batch) {
      const [, , h, w] = dimensions(batch);
      return window(batch, centred(h, height), centred(w, width), [height, width]);
    },
    toString: () => `centerCrop(${showSize(size)})`,
  };
}

/**
 * Pads each image with zeros.
 *
 * @param padding pixels on all sides, or [horizontal, vertical], or [left, top, right, bottom]
 */
export function pad(padding: number | readonly number[]): Transform {
  const sides = Array.isArray(padding) ? (padding as readonly number[]) : [padding as number];
  const [left, top = left, right = left, bottom = top] = sides as [number, ...number[]];
  const all = [left, top!, right!, bottom!];
  if (![1, 2, 4].includes(sides.length) || !all.every((side) => Number.isInteger(side) && side >= 0))
    throw new UsageError({
      what: 'pad got a bad padding',
      expected: 'whole pixels: one number, [horizontal, vertical] or [left, top, right, bottom]',
      got: shown(padding),
    });
  return {
    name: 'pad',
    apply(batch) {
      const [, , h, w] = dimensions(batch);
      return window(batch, -top!, -left, [h + top! + bottom!, w + left + right!]);
    },
    toString: () => `pad(${typeof padding === 'number' ? padding : showShape(padding)})`,
  };
}

/**
 * Crops a window at a random position, drawn separately for each image.
 *
 * @param padding pixels of zeros to add on all sides before cropping
 */
export function randomCrop(size: ImageSize, options: { padding?: number } = {}): Transform {
  checkSize('randomCrop', size);
  checkOptionNames('randomCrop', options, ['padding']);
  const { padding = 0 } = options;
  if (!Number.isInteger(padding) || padding < 0)
    throw new UsageError({
      what: 'randomCrop got a bad padding',
      expected: 'a whole number of pixels',
      got: shown(padding),
    });
  const [height, width] = pair(size);
  return {
    name: 'randomCrop',
    apply(batch, context) {
      const generator = generatorOf('randomCrop', context);
      const [n, , h, w] = dimensions(batch);
      const rows = h + 2 * padding - height + 1;
      const columns = w + 2 * padding - width + 1;
      if (rows < 1 || columns < 1)
        throw new UsageError({
          what: 'randomCrop got images smaller than the window',
          expected: `at least ${height}×${width} pixels, padding included`,
          got: `${h + 2 * padding}×${w + 2 * padding}`,
          next: 'resize first, or pad more',
        });
      const offsets = drawEach(context, n, () => [
        generator.integer(rows) - padding,
        generator.integer(columns) - padding,
      ]);
      const places = hostLeaf(Int32Array.from(offsets.flat()), [n, 2], 'int32');
      return moved(batch, (x) => ops.crop(x, places, [height, width]));
    },
    toString: () => `randomCrop(${showSize(size)}${padding > 0 ? `, { padding: ${padding} }` : ''})`,
  };
}

/** Mirrors each image horizontally with probability p. */
export function randomHorizontalFlip(p = 0.5): Transform {
  if (typeof p !== 'number' || !(p >= 0 && p <= 1))
    throw new UsageError({
      what: 'randomHorizontalFlip got a bad probability',
      expected: 'p in [0, 1]',
      got: shown(p),
    });
  return {
    name: 'randomHorizontalFlip',
    apply(batch, context) {
      const generator = generatorOf('randomHorizontalFlip', context);
      const [n] = dimensions(batch);
      const flags = drawEach(context, n, () => (generator.uniform() < p ? 1 : 0));
      const which = hostLeaf(Int32Array.from(flags), [n], 'int32');
      return moved(batch, (x) => ops.flip(x, which));
    },
    toString: () => `randomHorizontalFlip(${p})`,
  };
}
