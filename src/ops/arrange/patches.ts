import type { Node } from '../../graph/node.js';
import { add } from '../binary.js';
import { checkPair, type Pair, windows } from '../conv2d.js';
import { naming, need, needRank } from '../operation.js';
import { reshape } from '../shape.js';
import { pad } from './pad.js';
import { select, sliced, stack } from './parts.js';

/** How patches are cut out of an image: as windows of a convolution. */
export interface PatchAttrs {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}

/** The numbers of patches along the height and the width of an image. */
function counts(name: string, x: Node, image: Pair, attrs: PatchAttrs): Pair {
  const { kernel, stride, padding, dilation } = attrs;
  return naming(name, [x], () => {
    for (const key of ['kernel', 'stride', 'dilation'] as const) checkPair(key, attrs[key], 1);
    checkPair('padding', padding, 0);
    const [rows, columns] = [0, 1].map((i) =>
      windows(image[i]!, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!),
    ) as [number, number];
    need(
      rows >= 1 && columns >= 1,
      `an image at least as large as a patch, ${kernel.join('×')}`,
      image.join('×'),
    );
    return [rows, columns];
  });
}

/** Patches as columns: [N, C, H, W] → [N, C · kernel, patches], in PyTorch's order. */
export function unfold(x: Node, attrs: PatchAttrs): Node {
  naming('unfold', [x], () => needRank(x, 4, 'images [N, C, H, W]'));
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const { kernel, stride, padding, dilation } = attrs;
  const [rows, columns] = counts('unfold', x, [height, width], attrs);
  const whole = pad(x, [padding[1], padding[1], padding[0], padding[0]]);
  const parts: Node[] = [];
  for (let i = 0; i < kernel[0]; i++)
    for (let j = 0; j < kernel[1]; j++) {
      const [top, left] = [i * dilation[0], j * dilation[1]];
      const band = sliced(whole, 2, top, top + (rows - 1) * stride[0] + 1, stride[0]);
      parts.push(sliced(band, 3, left, left + (columns - 1) * stride[1] + 1, stride[1]));
    }
  return reshape(stack(parts, 2), [n, c * kernel[0] * kernel[1], rows * columns]);
}

/** Sums of patches where they overlap in an image: [N, C · kernel, patches] → [N, C, H, W]. */
export function fold(x: Node, image: Pair, attrs: PatchAttrs): Node {
  const { kernel, stride, padding, dilation } = attrs;
  naming('fold', [x], () => {
    needRank(x, 3, 'columns [N, C · kernel, patches]');
    checkPair('size', image, 1);
  });
  const [rows, columns] = counts('fold', x, image, attrs);
  const area = kernel[0] * kernel[1];
  const [n, all, patches] = x.shape as [number, number, number];
  naming('fold', [x], () => {
    need(all % area === 0, `a multiple of ${area} rows`, String(all));
    need(
      patches === rows * columns,
      `${rows} · ${columns} patches for an image ${image.join('×')}`,
      String(patches),
    );
  });
  const c = all / area;
  const parts = reshape(x, [n, c, area, rows, 1, columns, 1]);
  let sum: Node | undefined;
  for (let i = 0; i < kernel[0]; i++)
    for (let j = 0; j < kernel[1]; j++) {
      // Zeros between the values, and around them up to the padded image; too many of them are cut off again.
      const apart = pad(select(parts, 2, i * kernel[1] + j), [0, stride[1] - 1, 0, 0, 0, stride[0] - 1]);
      const spread = reshape(apart, [n, c, rows * stride[0], columns * stride[1]]);
      const [top, left] = [i * dilation[0] - padding[0], j * dilation[1] - padding[1]];
      const bottom = image[0] - top - rows * stride[0];
      const right = image[1] - left - columns * stride[1];
      const placed = pad(spread, [left, right, top, bottom]);
      sum = sum ? add(sum, placed) : placed;
    }
  return sum!;
}
