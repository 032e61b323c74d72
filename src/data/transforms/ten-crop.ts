import { hostLeaf } from '../../graph/node.js';
import { pair } from '../../ops/conv2d.js';
import * as ops from '../../ops/index.js';
import { centred } from './centre.js';
import { checkSize, dimensions, type ImageSize, moved, window } from './geometry.js';
import type { Transform } from './transform.js';

/**
 * One transform for each of the ten views that Krizhevsky et al. 2012 average over at test time (section 4.1): the four
 * corners and the centre, then the same mirrored. torchvision's TenCrop returns the same views in the same order.
 *
 * @example
 * const views = tenCrop(224).map((view) => compose([subtractMean(mean, shape), view]));
 */
export function tenCrop(size: ImageSize): Transform[] {
  checkSize('tenCrop', size);
  const [height, width] = pair(size);
  const places: [name: string, place: (h: number, w: number) => [top: number, left: number]][] = [
    ['top left', () => [0, 0]],
    ['top right', (_, w) => [0, w - width]],
    ['bottom left', (h) => [h - height, 0]],
    ['bottom right', (h, w) => [h - height, w - width]],
    ['centre', (h, w) => [centred(h, height), centred(w, width)]],
  ];
  return [false, true].flatMap((mirrored) =>
    places.map(([name, place]) => ({
      name: 'tenCrop',
      apply(batch) {
        const [n, , h, w] = dimensions(batch);
        // torchvision mirrors the whole image before cropping, so positions refer to the mirrored image.
        const source = moved(batch, (x) =>
          ops.flip(x, hostLeaf(new Int32Array(n).fill(mirrored ? 1 : 0), [n], 'int32')),
        );
        const [top, left] = place(h, w);
        return window(source, top, left, [height, width]);
      },
      toString: () => `tenCrop(${height}×${width}, ${name}${mirrored ? ', mirrored' : ''})`,
    })),
  );
}
