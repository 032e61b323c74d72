import type { Variant } from '../claims/job.js';
import { partsOf } from '../paper.js';
import { recipes } from './recipe.js';

/*
 * The training runs behind the claims. Seconds are for two cores, extrapolated from short runs: about 20 s an epoch for
 * the four-layer network, 30 s with normalisation, 135 s for AlexNet at 63 × 63, and 3.1 s a step at 224 × 224.
 */

const EPOCH = 20;

const notes = partsOf(recipes.notes);

/** The notes' complete template: ten epochs of AlexNet at 224 × 224. */
export const notesTenEpochs: Variant = {
  id: 'notes-10-epochs',
  recipe: 'notes',
  dataset: 'cifar10',
  ...notes,
  seconds: 10 * (391 * 3.1 + 100),
};

const { model: smallModel, training: smallTraining } = partsOf(recipes['four-layer']);
const EPOCHS = 12;

type SmallOptions = NonNullable<Variant['model']['options']>;

/** The four-layer network for 12 epochs; the learning rate drops to a tenth after 8 and again after 11. */
const small = (
  id: string,
  options: SmallOptions = {},
  training: Partial<Variant['training']> = {},
  seconds = EPOCH * EPOCHS,
): Variant => ({
  id,
  dataset: 'cifar10',
  model: Object.keys(options).length > 0 ? { ...smallModel, options } : smallModel,
  training: {
    ...smallTraining,
    epochs: EPOCHS,
    schedule: { kind: 'milestones', epochs: [8, 11], factor: 0.1 },
    ...training,
  },
  seconds,
});

export const plainNet = small('four-layer');
export const lrnNet = small('four-layer-lrn', { norm: 'lrn' }, {}, 30 * EPOCHS);
export const batchNormNet = small('four-layer-batchnorm', { norm: 'batch' }, {}, 30 * EPOCHS);
export const plainPoolingNet = small('four-layer-plain-pooling', { pooling: 'plain' });
export const augmentedNet = small('four-layer-augmented', {}, { augment: 'crop-mirror' }, 22 * EPOCHS);
export const decayNet = small('four-layer-weight-decay', {}, { weightDecay: 5e-4, decayBiases: false });

/** Image side and hidden units of AlexNet's trend claims: the smallest input that the network accepts. */
const TREND_SIDE = 63;
const TREND_EPOCHS = 4;

/**
 * AlexNet (paper preset, Kaiming-normal initialisation) on 63 × 63 images with 512 hidden units, four epochs; the
 * learning rate rises over 150 steps and falls to 0 over the last three epochs.
 */
const trend = (
  id: string,
  options: SmallOptions = {},
  dropout = 0.5,
  seconds = 135 * TREND_EPOCHS,
): Variant => ({
  id,
  dataset: 'cifar10',
  model: {
    preset: 'paper',
    imageSize: TREND_SIDE,
    dropout,
    init: 'kaiming',
    options: { hidden: 512, ...options },
  },
  training: {
    epochs: TREND_EPOCHS,
    batchSize: 128,
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 5e-4,
    schedule: { kind: 'warmup-decay', warmupSteps: 150, decaySteps: 3 * 391, shape: 'linear' },
    checkpointEvery: 400,
    logEvery: 100,
  },
  seconds,
});

export const trendNet = trend('alexnet-63');
export const trendHalfNet = trend('alexnet-63-half-width', { towers: 1, width: 'half' });
export const trendWithoutDropout = trend('alexnet-63-no-dropout', {}, 0);
export const trendWithoutConv3 = trend('alexnet-63-without-conv3', { without: 'conv3' });
export const trendWithoutConv4 = trend('alexnet-63-without-conv4', { without: 'conv4' });
