import type { Recipe } from '../paper.js';

const PAPER = {
  about:
    'section 4.2: batch 128, a rate of 0.1 divided by 10 after 32,000 and 48,000 of 64,000 steps, weight decay 0.0001, shifted and mirrored images',
  model: { preset: 'resnet-20', imageSize: 32, dropout: 0, init: 'kaiming' },
  epochs: 164,
  batchSize: 128,
  lr: 0.1,
  momentum: 0.9,
  weightDecay: 1e-4,
  schedule: { kind: 'milestones', epochs: [82, 123], factor: 0.1 },
  augment: 'crop-mirror',
  checkpointEvery: 391,
  logEvery: 100,
} satisfies Recipe;

export const recipes = {
  'resnet-20': PAPER,
  'plain-20': {
    ...PAPER,
    about: 'the layers of resnet-20 without shortcuts',
    model: { ...PAPER.model, preset: 'plain-20' },
  },
  short: {
    ...PAPER,
    about: 'four epochs of resnet-20, the last one with the rate divided by 10',
    epochs: 4,
    schedule: { kind: 'milestones', epochs: [3], factor: 0.1 },
  },
} satisfies Record<string, Recipe>;
