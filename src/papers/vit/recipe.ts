import type { Recipe } from '../paper.js';

const SMALL = {
  about: 'a small transformer on CIFAR-10: Adam, warm-up and cosine decay, shifted and mirrored images',
  model: { preset: 'small', imageSize: 32, dropout: 0.1, init: 'paper' },
  epochs: 30,
  batchSize: 64,
  optimizer: 'adam',
  lr: 0.001,
  momentum: 0,
  weightDecay: 0,
  schedule: { kind: 'annealing', warmupSteps: 100, shape: 'cosine' },
  augment: 'crop-mirror',
  clipNorm: 1,
  checkpointEvery: 200,
  logEvery: 40,
  insightEvery: 0,
} satisfies Recipe;

export const recipes = {
  small: SMALL,
  residual: {
    ...SMALL,
    about: 'a residual network of the same size, trained in the same way',
    model: { ...SMALL.model, preset: 'residual', dropout: 0 },
  },
} satisfies Record<string, Recipe>;
