import { z } from 'zod';
import { cropMirrorColour } from '../../data/images/crop-mirror-colour.js';
import type { ImageStatistics } from '../../data/images/image-sums.js';
import * as transforms from '../../data/transforms/index.js';
import { UsageError } from '../../errors/errors.js';
import type { Module } from '../../nn/module.js';
import type { ModelConfig, TrainConfig } from '../../run/config.js';
import { option, type PaperViews } from '../paper.js';
import { FourLayerNet } from './four-layer.js';
import { type Init, initialise } from './initialise.js';
import { ACTIVATIONS, NORMS, PIXELS, POOLINGS } from './layers.js';
import { AlexNet, type AlexNetPreset, MIDDLE_LAYERS } from './model.js';

/** The preset of the small network of Figure 1 and section 3.3. */
export const FOUR_LAYER = 'four-layer';

const WHOLE = 'Invalid input: expected a whole number of at least 1';

export const alexNetOptions = z.object({
  activation: option(
    z.enum(ACTIVATIONS),
    '<name>',
    'relu, leaky-relu, tanh, scaled-tanh or sigmoid (default: relu)',
  ),
  norm: option(z.enum(NORMS), '<name>', 'lrn, batch or none (default: set by the preset)'),
  pooling: option(z.enum(POOLINGS), '<name>', 'overlapping or plain (default: overlapping)'),
  towers: option(
    z.union([z.literal(1), z.literal(2)], { error: 'Invalid input: expected 1 or 2' }),
    '<n>',
    '1 or 2 (default: set by the preset)',
  ),
  width: option(z.enum(['full', 'half']), '<name>', 'full, or half the number of kernels (default: full)'),
  without: option(z.enum(MIDDLE_LAYERS), '<layer>', 'removes conv3, conv4 or conv5 (default: none)'),
  hidden: option(
    z.int({ error: WHOLE }).min(1, { error: WHOLE }),
    '<n>',
    'units of a hidden fully connected layer (default: 4096; four-layer: no such layer)',
  ),
  pixels: option(
    z.enum(PIXELS),
    '<name>',
    'scale of the four-layer network’s images after their mean is subtracted: standardised or bytes (default: standardised)',
  ),
});

/** Builds the network of a model configuration with newly initialised weights. */
export function buildAlexNet({ preset, classes, dropout, init, options = {} }: ModelConfig): Module {
  const { towers, without, pixels, ...shared } = alexNetOptions.parse(options);
  const numClasses = classes.length;
  if (preset === FOUR_LAYER) {
    const third = without === undefined || without === 'conv3';
    if (towers !== undefined || !third)
      throw new UsageError({
        what: `The four-layer network has no ${third ? 'option towers' : without}`,
        expected: third
          ? 'one of activation, norm, pooling, width, without, hidden, pixels'
          : 'conv3, the only one that can be removed',
        got: third ? `towers ${towers}` : `without ${without}`,
      });
    const model = new FourLayerNet({ numClasses, ...shared, ...(without ? { without } : {}) });
    initialise(model, init as Init, shared.activation, { bytes: pixels === 'bytes' });
    return model;
  }
  if (pixels !== undefined)
    throw new UsageError({
      what: 'AlexNet has no option pixels',
      expected: 'the four-layer preset, to choose the scale of its images',
      got: `pixels ${pixels}`,
      next: 'leave it out, or choose --preset four-layer',
    });
  const model = new AlexNet({
    numClasses,
    preset: preset as AlexNetPreset,
    dropout,
    towers,
    without,
    ...shared,
  });
  const positive = ['conv2', 'conv4', 'conv5'].flatMap((name) => model.convolutions.get(name) ?? []);
  initialise(model, init as Init, shared.activation, { positive: new Set(positive) });
  return model;
}

const HALF = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
/** Mean and standard deviation per channel of CIFAR-10's 50,000 training images, scaled to [0, 1]. */
const CIFAR10 = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };
/** Minus the mean, as bytes. */
const BYTES = { ...CIFAR10, std: [1 / 255, 1 / 255, 1 / 255] };

/**
 * Transforms for training and test images. AlexNet: resize, scale to [0, 1], then to [−1, 1] as in the notes.
 * Four-layer network: subtract the per-channel mean of the training images and divide by their standard deviation
 * unless the option `pixels` says otherwise (the paper subtracts the mean image). `crop-mirror` is section 4.1 on small images: shift by up to an eighth of
 * the side and mirror half of the images. `crop-mirror-colour` is sections 2 and 4.1 unchanged, for images larger
 * than the network's input.
 *
 * @throws UsageError for `crop-mirror-colour` without statistics, or if the images are not larger than the input
 */
export function alexNetTransforms(
  { preset, imageSize, options }: Pick<ModelConfig, 'preset' | 'imageSize' | 'options'>,
  augment: NonNullable<TrainConfig['augment']> = 'none',
  statistics?: ImageStatistics,
): PaperViews {
  if (augment === 'crop-mirror-colour') {
    const side = statistics?.shape[1] ?? 0;
    if (statistics && side > imageSize) return cropMirrorColour(statistics, imageSize);
    throw new UsageError({
      what: 'The paper’s augmentation cannot be applied',
      expected: `the mean image of training images larger than ${imageSize} × ${imageSize}`,
      got: statistics ? `one of ${side} × ${side}` : 'none',
      next: 'train on an image folder with --dataset imagefolder, at its image size or below',
    });
  }
  const small = options?.pixels === 'bytes' ? BYTES : CIFAR10;
  const { mean, std } = preset === FOUR_LAYER ? small : HALF;
  const resize = transforms.resize([imageSize, imageSize]);
  const finish = [transforms.toTensor(), transforms.normalize(mean, std)];
  const moved = [
    transforms.randomCrop(imageSize, { padding: Math.max(1, Math.floor(imageSize / 8)) }),
    transforms.randomHorizontalFlip(),
  ];
  return {
    train: transforms.compose([resize, ...(augment === 'crop-mirror' ? moved : []), ...finish]),
    test: transforms.compose([resize, ...finish]),
  };
}
