import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import type { Node } from '../../graph/node.js';
import { Generator } from '../../random.js';
import { Tensor } from '../../tensor/tensor.js';

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

/** @throws UsageError for what is no transform, such as a function */
export function checkTransform(owner: string, transform: unknown): asserts transform is Transform {
  if (
    typeof (transform as Transform | null | undefined)?.apply === 'function' &&
    typeof transform === 'object'
  )
    return;
  throw new UsageError({
    what: `${owner} got something that is no transform`,
    expected: 'a transform, such as transforms.toTensor()',
    got: shown(transform),
    next:
      typeof transform === 'function'
        ? 'call it if it makes one, as resize(224) does; or write { name, apply(batch), toString() }, which works on a batch [N, C, H, W]'
        : Array.isArray(transform)
          ? 'put several into transforms.compose([…])'
          : 'make one with a function of transforms',
  });
}

/** @throws UsageError for what is no tensor */
export function checkBatch(batch: unknown): void {
  if (batch instanceof Tensor) return;
  throw new UsageError({
    what: 'Transforms work on batches of images',
    expected: 'a Tensor [N, C, H, W]',
    got: shown(batch),
  });
}

/** The generator of a transform that draws. @throws UsageError where it was called without one */
export function generatorOf(transform: string, context: TransformContext | undefined): Generator {
  if (context?.generator instanceof Generator) return context.generator;
  throw new UsageError({
    what: `${transform} draws random numbers`,
    expected: 'apply(batch, { generator: new Generator(seed) })',
    got: shown(context),
  });
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
  if (!Array.isArray(transforms))
    throw new UsageError({
      what: 'compose takes a list of transforms',
      expected: 'compose([resize(224), toTensor()])',
      got: shown(transforms),
      next: 'write them as one array',
    });
  for (const transform of transforms) checkTransform('compose', transform);
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
