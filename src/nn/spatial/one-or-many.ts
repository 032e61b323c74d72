import { ShapeError } from '../../errors/errors.js';
import type { Node } from '../../graph/node.js';
import { showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { nodeOf } from '../arguments.js';

/* Layers of batches, which take one sample too, as PyTorch's. */

/** Applies `body`, which computes on [N, C, H, W], to that or to one image [C, H, W]. Other shapes are left to it. */
export function onImages(layer: string, x: unknown, body: (images: Node) => Node): Tensor {
  const node = nodeOf(layer, x);
  if (node.shape.length !== 3) return new Tensor(body(node));
  return new Tensor(ops.squeeze(body(ops.unsqueeze(node, 0)), [0]));
}

/**
 * Applies `body`, which computes on images [N, C, 1, L], to sequences [N, C, L] or to one [C, L].
 * @throws ShapeError for another rank
 */
export function onSequences(layer: string, x: unknown, body: (images: Node) => Node): Tensor {
  const node = nodeOf(layer, x);
  const rank = node.shape.length;
  if (rank === 3) return new Tensor(ops.squeeze(body(ops.unsqueeze(node, 2)), [2]));
  if (rank === 2)
    return new Tensor(ops.squeeze(body(ops.reshape(node, [1, node.shape[0]!, 1, node.shape[1]!])), [0, 2]));
  throw new ShapeError({
    what: `${layer} computes on sequences`,
    expected: 'an input [N, C, L], or [C, L] for one sequence',
    got: showShape(node.shape),
    next: 'use the layer for images if it has two dimensions of space',
  });
}
