import { basename } from 'node:path';
import type { Device } from '../../backend/backend.js';
import { showClasses } from '../../data/class-order.js';
import { imageRules } from '../../data/images/rules.js';
import { compose, normalize, resize, type Transform, toTensor } from '../../data/transforms/index.js';
import { classCount, counted } from '../../errors/counted.js';
import { CheckpointError, UsageError } from '../../errors/errors.js';
import { quoted } from '../../errors/excerpt.js';
import { showOpen } from '../../interop/onnx/import/model.js';
import { type OnnxModel, readOnnx } from '../../interop/onnx/index.js';
import { type ModelConfig, modelConfigSchema } from '../../run/config.js';
import { asClassifier } from '../paper.js';
import type { ModelHints } from '../recognise.js';
import { openPaper } from '../registry.js';
import { unnamedClasses } from '../test-set.js';
import type { LoadedModel } from './loaded-model.js';
import { namesInFile } from './onnx-names.js';
import { scoringModel } from './onnx-outputs.js';

/** Metadata key under which `paperweight export` stores the model's configuration as JSON. */
export const MODEL_KEY = 'paperweight.model';

/** Mean and standard deviation per channel of ImageNet's training images on [0, 1]; most public image models use it. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export const isOnnx = (path: string): boolean => /\.onnx$/i.test(path);

/**
 * An image classifier from an ONNX file. Files exported by Paperweight contain the preparation of images and the
 * class names; for other files these are assumed, and `notes` lists the assumptions.
 *
 * @throws CheckpointError if the file cannot be read, UsageError if the model is not an image classifier
 */
export async function openOnnx(
  path: string,
  device: Device,
  hints: Pick<ModelHints, 'classes' | 'imageSize'> = {},
): Promise<LoadedModel> {
  const onnx = await readOnnx(path);
  const own = configOf(path, onnx);
  const side = own?.imageSize ?? imageSide(onnx, hints.imageSize);
  await onnx.to(device);
  const { model, classes: count, batch, independent } = await scoringModel(path, onnx, side);
  if (own && own.classes.length !== count) throw broken(path, classCount(count), `${own.classes.length}`);
  if (hints.classes && hints.classes.length !== count)
    throw new CheckpointError({
      what: `${path} has ${classCount(count)}`,
      expected: counted(count, 'name'),
      got: `${hints.classes.length}: ${showClasses(hints.classes)}`,
      next: 'give one name per class, in the order of the outputs',
    });
  const plain = {
    model: model.eval(),
    rules: own?.images ?? imageRules(side),
    views: undefined,
    batch,
    independent,
  };
  if (own) {
    const transform = asClassifier(await openPaper(own.paper)).transforms(own, 'none').test;
    const classes = hints.classes ?? own.classes;
    const config = { ...own, classes: [...classes] };
    return { ...plain, config, classes, transform, assumed: false, notes: [] };
  }
  const told = hints.classes
    ? { names: hints.classes, notes: [] }
    : namesInFile(path, onnx.description.metadata, count);
  const classes = [...(told.names ?? unnamedClasses(count))];
  return {
    ...plain,
    config: { paper: 'onnx', preset: basename(path), classes, imageSize: side, dropout: 0, init: 'onnx' },
    classes,
    transform: assumedTransform(side),
    assumed: true,
    notes: [
      ...told.notes,
      `${path} does not say how images are prepared. Assumed: ${side} × ${side} pixels, from 0 to 1, normalised by ImageNet's mean and standard deviation.`,
      ...(independent
        ? [`${path} ends in sigmoids: each class has its own probability, and they do not add up to 100 %.`]
        : []),
    ],
  };
}

const assumedTransform = (side: number): Transform =>
  compose([resize([side, side]), toTensor(), normalize(IMAGENET.mean, IMAGENET.std)]);

const broken = (path: string, expected: string, got: string): CheckpointError =>
  new CheckpointError({
    what: `The metadata "${MODEL_KEY}" of ${path} does not match its graph`,
    expected,
    got,
    next: 'export the model again',
  });

function configOf(path: string, { description }: OnnxModel): ModelConfig | undefined {
  const text = description.metadata.get(MODEL_KEY);
  if (text === undefined) return undefined;
  try {
    const config = modelConfigSchema.parse(JSON.parse(text));
    // Names are printed, and terminals execute control characters.
    if (![config.paper, config.preset, ...config.classes].some((name) => /\p{Cc}/u.test(name))) return config;
  } catch {
    // Neither JSON nor a configuration.
  }
  throw broken(path, 'a model’s configuration as JSON', 'something else');
}

/** Side of the square images that a model takes. @throws UsageError if its input has another form */
export function imageSide({ description }: OnnxModel, otherwise?: number): number {
  const { name, inputShape, inputs, outputs } = description;
  if (inputs.length !== 1 || outputs.length !== 1)
    throw new UsageError({
      what: `${name} is not a classifier of images`,
      expected: 'one input and one output',
      got: `inputs ${inputs.map((each) => quoted(each.name)).join(', ')} and outputs ${outputs.map((each) => quoted(each.name)).join(', ')}`,
      next: 'use importOnnx() and run() in a program, or extract the part that classifies (onnx.utils.extract_model)',
    });
  const [, channels, height, width] = inputShape;
  const [h, w] = [height, width].map((size) => (typeof size === 'number' ? size : otherwise));
  if (inputShape.length === 4 && (channels === 3 || typeof channels === 'string') && h && h === w) return h;
  const free =
    inputShape.length === 4 &&
    (channels === 3 || typeof channels === 'string') &&
    typeof height === 'string' &&
    typeof width === 'string';
  throw new UsageError({
    what: `${name} does not take square colour images of one size`,
    expected: 'an input [N, 3, side, side]',
    got: showOpen(inputShape),
    next:
      free && otherwise === undefined
        ? 'its images may have any size: give one with --image-size, such as --image-size 224 (imageSize in a program)'
        : 'open it with importOnnx() in a program, and pass it the input that it needs',
  });
}
