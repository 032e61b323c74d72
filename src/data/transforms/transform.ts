import type { Node } from '../../graph/node.js';
import type { Generator } from '../../random.js';
import type { Tensor } from '../../tensor/tensor.js';

/** What transforms may draw on. */
export interface TransformContext {
  /** Where random transforms take their numbers from, one image after another. */
  readonly generator: Generator;
}

/**
 * A step between the images of a data set and the input of a model. It works on whole batches, inside the
 * graph, so that the device does it and bytes are what is uploaded.
 */
export interface Transform {
  readonly name: string;
  /** @param batch [N, C, H, W], bytes or floating point @returns [N, C, H', W'] */
  apply(batch: Tensor, context: TransformContext): Tensor;
  /** How it would be written in code, for run files and logs. */
  toString(): string;
}

/**
 * One transform after another.
 *
 * @example
 * const transform = transforms.compose([
 *   transforms.resize(224),
 *   transforms.toTensor(),
 *   transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
 * ]);
 */
export function compose(transforms: readonly Transform[]): Transform {
  return {
    name: 'compose',
    apply: (batch, context) => transforms.reduce((x, transform) => transform.apply(x, context), batch),
    toString: () => `compose([${transforms.join(', ')}])`,
  };
}

/** What a batch's numbers stand for, which its type does not tell once it is floating point. */
type Meaning = { readonly range: 'bytes' | 'centred' } | { readonly range: 'unit'; readonly bytes?: Node };

const meanings = new WeakMap<Node, Meaning>();

/** Values from 0 to 255, those minus a mean, or values that toTensor scaled to [0, 1]; undefined for floats from elsewhere. */
export const meaningOf = ({ node }: Tensor): Meaning | undefined =>
  node.dtype === 'uint8' ? { range: 'bytes' } : meanings.get(node);

/** Marks a batch that stands for whole bytes although it is floating point. */
export function markBytes(batch: Tensor): Tensor {
  meanings.set(batch.node, { range: 'bytes' });
  return batch;
}

/** Marks a batch of bytes that a mean was subtracted from. */
export function markCentred(batch: Tensor): Tensor {
  meanings.set(batch.node, { range: 'centred' });
  return batch;
}

/** Marks a batch that toTensor scaled; `bytes` are the values before, while they still fit. */
export function markUnit(batch: Tensor, bytes?: Node): Tensor {
  meanings.set(batch.node, bytes ? { range: 'unit', bytes } : { range: 'unit' });
  return batch;
}
