import { basename } from 'node:path';
import type { Device } from '../backend/backend.js';
import { compose, normalize, resize, type Transform, toTensor } from '../data/transforms/index.js';
import { CheckpointError, PaperweightError, UsageError } from '../errors/errors.js';
import { type OnnxModel, readOnnx } from '../interop/onnx/index.js';
import { Module } from '../nn/module.js';
import { type ModelConfig, modelConfigSchema } from '../run/config.js';
import type { Tensor } from '../tensor/tensor.js';
import type { LoadedModel } from './load.js';
import type { ModelHints } from './recognise.js';
import { openPaper } from './registry.js';

/** The metadata that `paperweight export` keeps in a file: the model's configuration, as JSON. */
export const MODEL_KEY = 'paperweight.model';

/** Of ImageNet's training images, by channel, on [0, 1]: what most public models of images are made for. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export const isOnnx = (path: string): boolean => /\.onnx$/i.test(path);

/**
 * A model of images from an ONNX file. One that this program exported says how its images are prepared and
 * what its classes are called; for any other that is assumed, and `notes` tell what.
 *
 * @throws CheckpointError for a file that cannot be read, UsageError for a model that is none of images
 */
export async function openOnnx(
  path: string,
  device: Device,
  hints: Pick<ModelHints, 'classes' | 'imageSize'> = {},
): Promise<LoadedModel> {
  const onnx = await readOnnx(path);
  const own = configOf(path, onnx);
  const side = own?.imageSize ?? imageSide(onnx, hints.imageSize);
  const count = classCount(path, onnx, side);
  if (own && own.classes.length !== count) throw broken(path, `${count} classes`, `${own.classes.length}`);
  const model = onnx.lastOperator === 'Softmax' ? new Logarithm(onnx) : onnx;
  await model.to(device);
  const plain = { imageSide: side, views: undefined };
  if (own) {
    const transform = (await openPaper(own.paper)).transforms(own, 'none').test;
    return { ...plain, model: model.eval(), config: own, classes: own.classes, transform, notes: [] };
  }
  const classes =
    hints.classes?.length === count
      ? [...hints.classes]
      : Array.from({ length: count }, (_, i) => `class ${i}`);
  return {
    ...plain,
    model: model.eval(),
    config: { paper: 'onnx', preset: basename(path), classes, imageSize: side, dropout: 0, init: 'onnx' },
    classes,
    transform: assumedTransform(side),
    notes: [
      `${path} does not say how its images are prepared. Assumed: ${side} × ${side} pixels, from 0 to 1, normalised by ImageNet's mean and standard deviation.`,
    ],
  };
}

const assumedTransform = (side: number): Transform =>
  compose([resize([side, side]), toTensor(), normalize(IMAGENET.mean, IMAGENET.std)]);

const broken = (path: string, expected: string, got: string): CheckpointError =>
  new CheckpointError({
    what: `The metadata "${MODEL_KEY}" of ${path} does not belong to its graph`,
    expected,
    got,
    next: 'export the model again',
  });

function configOf(path: string, { description }: OnnxModel): ModelConfig | undefined {
  const text = description.metadata.get(MODEL_KEY);
  if (text === undefined) return undefined;
  try {
    const config = modelConfigSchema.parse(JSON.parse(text));
    // Names are printed, and a terminal obeys control characters.
    if (![config.paper, config.preset, ...config.classes].some((name) => /\p{Cc}/u.test(name))) return config;
  } catch {
    // Neither JSON nor a configuration.
  }
  throw broken(path, 'a model’s configuration as JSON', 'something else');
}

/** Side of the square images that a model takes. @throws UsageError for a model with another input */
export function imageSide({ description }: OnnxModel, otherwise?: number): number {
  const { name, inputShape } = description;
  const [, channels, height, width] = inputShape;
  const [h, w] = [height, width].map((size) => (typeof size === 'number' ? size : otherwise));
  if (inputShape.length === 4 && (channels === 3 || typeof channels === 'string') && h && h === w) return h;
  throw new UsageError({
    what: `${name} does not take square colour images of one size`,
    expected: 'an input [N, 3, side, side]',
    got: `[${inputShape.map((size) => (size === '' ? '?' : size)).join(', ')}]`,
    next: 'open it with importOnnx() in a program, and give it what it takes',
  });
}

function classCount(path: string, model: OnnxModel, side: number): number {
  const problem = (got: string) =>
    new UsageError({
      what: `${path} does not tell images apart one by one`,
      expected: 'an output [N, classes] for N images of any number',
      got,
    });
  try {
    const shape = model.check([1, 3, side, side]);
    if (shape.length === 2 && shape[0] === 1) return shape[1]!;
    throw problem(`[${shape.join(', ')}] for one image`);
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof PaperweightError)) throw error;
    throw problem(error.message);
  }
}

/** A model that ends in a softmax gives probabilities; their logarithms are logits as good as any. */
class Logarithm extends Module {
  constructor(readonly onnx: OnnxModel) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.onnx.forward(x).log();
  }
}
