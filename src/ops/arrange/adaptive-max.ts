import { hostLeaf, type Node } from '../../graph/node.js';
import { sameShape } from '../../graph/types.js';
import { checkPair, type Pair } from '../conv2d.js';
import { naming, need, needRank } from '../operation.js';
import { maxPool2d } from '../pool.js';
import { indexSelect } from '../select.js';

/**
 * Largest value of the bins [⌊i·H/h⌋, ⌈(i+1)·H/h⌉), as in PyTorch: an image of any size becomes h × w. The gradient flows
 * to the first maximum.
 */
export function adaptiveMaxPool2d(x: Node, size: Pair): Node {
  naming('adaptiveMaxPool2d', [x], () => {
    needRank(x, 4, 'images [N, C, H, W]');
    checkPair('size', size, 1);
    need(x.shape[2]! > 0 && x.shape[3]! > 0, 'images of at least one pixel', x.shape);
  });
  const image = x.shape.slice(2);
  if (sameShape(image, size)) return x;
  if (image.every((all, i) => all % size[i]! === 0))
    return maxPool2d(x, { kernel: [image[0]! / size[0], image[1]! / size[1]] });
  return binned(binned(x, 3, size[1]), 2, size[0]);
}

/** Largest value of the bins along an axis. Bins that are shorter than the longest one have their last position twice. */
function binned(x: Node, axis: 2 | 3, count: number): Node {
  const all = x.shape[axis]!;
  const bins = Array.from({ length: count }, (_, i) => ({
    start: Math.floor((i * all) / count),
    end: Math.ceil(((i + 1) * all) / count),
  }));
  const most = Math.max(...bins.map(({ start, end }) => end - start));
  const positions = bins.flatMap(({ start, end }) =>
    Array.from({ length: most }, (_, i) => Math.min(start + i, end - 1)),
  );
  const listed = indexSelect(x, hostLeaf(Int32Array.from(positions), [positions.length], 'int32'), axis);
  return maxPool2d(listed, { kernel: axis === 2 ? [most, 1] : [1, most] });
}
