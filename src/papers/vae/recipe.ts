import type { Recipe } from '../paper.js';

const PAPER = {
  about:
    'section 5: batches of 100, one draw for each image, Adagrad, weight decay as the prior of the weights',
  model: { preset: 'mnist', imageSize: 28, dropout: 0, init: 'normal' },
  dataset: 'mnist',
  epochs: 30,
  batchSize: 100,
  optimizer: 'adagrad',
  lr: 0.02,
  momentum: 0,
  // The prior N(0, I) of the weights, divided by 8,000 images.
  weightDecay: 1.25e-4,
  schedule: { kind: 'constant' },
  checkpointEvery: 400,
  logEvery: 80,
  insightEvery: 0,
} satisfies Recipe;

export const recipes = {
  mnist: PAPER,
  manifold: {
    ...PAPER,
    about: 'the preset mnist with two latent variables, so that its images can be arranged in a plane',
    model: { ...PAPER.model, preset: 'manifold' },
  },
  'wake-sleep': {
    ...PAPER,
    about: 'the networks of mnist, trained by the wake-sleep algorithm',
    model: { ...PAPER.model, options: { algorithm: 'wake-sleep' } },
  },
} satisfies Record<string, Recipe>;
