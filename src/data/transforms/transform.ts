import { shown } from '../../errors/arguments.js';
import { counted } from '../../errors/counted.js';
import { UsageError } from '../../errors/errors.js';
import type { Node } from '../../graph/node.js';
import { showShape } from '../../graph/types.js';
import { Generator } from '../../random.js';
import type { Rows } from '../../tensor/random.js';
import { Tensor } from '../../tensor/tensor.js';

/** Context passed to transforms. */
export interface TransformContext {
  /** Generator of random transforms; images draw from it in order. */
  readonly generator: Generator;
  /** The position of these images in a larger batch, whose other images are transformed by other processes. */
  readonly rows?: Rows;
}

/**
 * A preprocessing step between a data set and a model. It works on batches inside the graph, so it runs on the device,
 * and only bytes are uploaded.
 */
export interface Transform {
  readonly name: string;
  /** @param batch [N, C, H, W], bytes or floating point @returns [N, C, H', W'] */
  apply(batch: Tensor, context: TransformContext): Tensor;
  /** The transforms that it applies one after another, for a transform composed of others. */
  readonly parts?: readonly Transform[];
  /** The transform as source code, for run files and logs. */
  toString(): string;
}

/** @throws UsageError for anything but a transform */
export function checkTransform(owner: string, transform: unknown): asserts transform is Transform {
  if (
    typeof (transform as Transform | null | undefined)?.apply === 'function' &&
    typeof transform === 'object'
  )
    return;
  throw new UsageError({
    what: `${owner} got something that is not a transform`,
    expected: 'a transform, such as transforms.toTensor()',
    got: shown(transform),
    next:
      typeof transform === 'function'
        ? 'if it returns a transform, call it, such as resize(224); or write { name, apply(batch), toString() } for a batch [N, C, H, W]'
        : Array.isArray(transform)
          ? 'combine several with transforms.compose([…])'
          : 'create one with a function of `transforms`',
  });
}

/** @throws UsageError for anything but a tensor */
export function checkBatch(batch: unknown): void {
  if (batch instanceof Tensor) return;
  throw new UsageError({
    what: 'Transforms work on batches of images',
    expected: 'a Tensor [N, C, H, W]',
    got: shown(batch),
  });
}

/**
 * The result of a transform.
 * @throws UsageError that names the transform if its result is not a batch of as many images
 */
export function applied(transform: Transform, batch: Tensor, context: TransformContext): Tensor {
  const result: unknown = transform.apply(batch, context);
  const isTensor = result instanceof Tensor;
  if (isTensor && result.shape[0] === batch.shape[0]) return result;
  throw new UsageError({
    what: `The transform ${transform.name ?? 'without a name'} did not return a batch`,
    expected: `a tensor of ${counted(batch.shape[0] ?? 0, 'image')}, as it got`,
    got: isTensor
      ? showShape(result.shape)
      : result instanceof Promise
        ? 'a promise'
        : result === undefined
          ? 'nothing'
          : shown(result),
    next: isTensor
      ? 'keep the first axis: labels belong to the images of a batch one by one'
      : result instanceof Promise
        ? 'make apply a plain function, without async'
        : 'return the transformed batch from apply',
  });
}

/** The generator of a random transform. @throws UsageError if the context has none */
export function generatorOf(transform: string, context: TransformContext | undefined): Generator {
  if (context?.generator instanceof Generator) return context.generator;
  throw new UsageError({
    what: `${transform} draws random numbers`,
    expected: 'apply(batch, { generator: new Generator(seed) })',
    got: shown(context),
  });
}

/**
 * Draws one value for each image of a batch, in order. If the images are rows of a larger batch, each gets the value
 * that it would get if the whole batch were drawn.
 * @param count number of images in this process
 */
export function drawEach<T>({ rows }: TransformContext, count: number, draw: () => T): T[] {
  const { start, total } = rows ?? { start: 0, total: count };
  return Array.from({ length: Math.max(total, start + count) }, draw).slice(start, start + count);
}

/**
 * Applies transforms in sequence.
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
    parts: transforms,
    apply: (batch, context) => transforms.reduce((x, transform) => applied(transform, x, context), batch),
    toString: () => `compose([${transforms.join(', ')}])`,
  };
}

/** The value range of a batch, which the dtype alone does not determine once it is floating point. */
export type Meaning =
  | { readonly range: 'bytes' | 'centred' | 'floats' }
  | { readonly range: 'unit'; readonly bytes?: Node };

const meanings = new WeakMap<Node, Meaning>();

/**
 * The known value range: 0 to 255, that minus a mean, floats as a data set gives them, or [0, 1] from toTensor; undefined
 * for other floats.
 */
export const meaningOf = ({ node }: Tensor): Meaning | undefined =>
  node.dtype === 'uint8' ? { range: 'bytes' } : meanings.get(node);

/** Marks a floating-point batch whose values are integers from 0 to 255. */
export function markBytes(batch: Tensor): Tensor {
  meanings.set(batch.node, { range: 'bytes' });
  return batch;
}

/** Marks a batch of bytes minus a mean. */
export function markCentred(batch: Tensor): Tensor {
  meanings.set(batch.node, { range: 'centred' });
  return batch;
}

/** Marks a batch of a data set of floats, which need no scaling. */
export function markFloats(batch: Tensor): Tensor {
  meanings.set(batch.node, { range: 'floats' });
  return batch;
}

/** Marks a batch scaled by toTensor. @param bytes the values before scaling, if they are still bytes */
export function markUnit(batch: Tensor, bytes?: Node): Tensor {
  meanings.set(batch.node, bytes ? { range: 'unit', bytes } : { range: 'unit' });
  return batch;
}
