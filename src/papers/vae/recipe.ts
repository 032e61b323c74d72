import type { Recipe } from '../paper.js';

const PAPER = {
  about:
    'section 5: batches of 100, one draw for each image, Adagrad, a weight decay that is the prior of the weights',
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
    about: 'the same with two latent variables, whose images can be laid out on a page',
    model: { ...PAPER.model, preset: 'manifold' },
  },
  'wake-sleep': {
    ...PAPER,
    about: 'the same networks trained by the wake-sleep algorithm',
    model: { ...PAPER.model, options: { algorithm: 'wake-sleep' } },
  },
} satisfies Record<string, Recipe>;
