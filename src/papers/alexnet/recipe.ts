import type { Recipe } from '../paper.js';

const NOTES = {
  about:
    "the whole training template of the paper's notes: ten epochs, batch 128, SGD with lr 0.01 and momentum 0.9, PyTorch's initialisation",
  model: { preset: 'notes', imageSize: 224, dropout: 0.5, init: 'pytorch' },
  epochs: 10,
  batchSize: 128,
  lr: 0.01,
  momentum: 0.9,
  weightDecay: 0,
  schedule: { kind: 'constant' },
  checkpointEvery: 100,
  logEvery: 100,
} satisfies Recipe;

const PAPER = {
  about:
    "the paper's section 5: two towers, N(0, 0.01²) with some biases of 1, its own SGD with weight decay 0.0005, a rate of 0.01 divided by 10 up to three times when accuracy stalls, 90 epochs, shifted and mirrored images",
  model: { preset: 'paper', imageSize: 224, dropout: 0.5, init: 'paper' },
  epochs: 90,
  batchSize: 128,
  lr: 0.01,
  momentum: 0.9,
  weightDecay: 5e-4,
  decayBiases: false,
  sgd: 'rate-in-velocity',
  augment: 'crop-mirror',
  schedule: { kind: 'plateau', factor: 0.1, patience: 3, drops: 3 },
  checkpointEvery: 100,
  logEvery: 100,
} satisfies Recipe;

export const recipes = {
  notes: {
    ...NOTES,
    slowStart: "The notes' recipe stays there for about 170 steps and then leaves; nothing is broken.",
  },
  quick: {
    about:
      'the same network in a few minutes: 500 steps of batch 16 without dropout, Kaiming-normal initialisation, and a rate that rises, stays, and falls to 0',
    shortOf: 'notes',
    minutes: 11,
    model: { preset: 'notes', imageSize: 224, dropout: 0, init: 'kaiming' },
    epochs: 1,
    maxSteps: 500,
    batchSize: 16,
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 0,
    schedule: { kind: 'warmup-decay', warmupSteps: 50, decaySteps: 300, shape: 'linear' },
    checkpointEvery: 250,
    logEvery: 50,
    evalLimit: 1000,
  },
  paper: PAPER,
  imagenet: {
    ...PAPER,
    about:
      "the paper's recipe on images in folders, prepared as in its sections 2 and 4.1: the mean image subtracted, random windows of 224 × 224, mirrored at random, colours shifted along their principal components",
    augment: 'crop-mirror-colour',
    checkpointEvery: 1000,
  },
  batchnorm: {
    ...NOTES,
    about: 'the preset notes with batch normalisation instead of LRN',
    model: { ...NOTES.model, preset: 'batchnorm' },
  },
  torchvision: {
    ...NOTES,
    about: "the preset notes with torchvision's network: 64/192/384/256/256 kernels, no LRN",
    model: { ...NOTES.model, preset: 'torchvision' },
  },
  caffe: {
    ...PAPER,
    about:
      "Caffe's bvlc_alexnet: as the paper, with biases of 0.1 instead of 1, 227 × 227 images, and the rate divided by 10 every 30 epochs",
    model: { preset: 'caffe', imageSize: 227, dropout: 0.5, init: 'caffe' },
    schedule: { kind: 'milestones', epochs: [30, 60], factor: 0.1 },
  },
  'four-layer': {
    about:
      'the small net of Figure 1 and section 3.3 on 32 × 32 images: 15 epochs, the rate divided by 10 after epochs 10 and 13',
    model: { preset: 'four-layer', imageSize: 32, dropout: 0, init: 'kaiming' },
    epochs: 15,
    batchSize: 128,
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 0,
    schedule: { kind: 'milestones', epochs: [10, 13], factor: 0.1 },
    checkpointEvery: 391,
    logEvery: 100,
  },
} satisfies Record<string, Recipe>;

export type RecipeName = keyof typeof recipes;
