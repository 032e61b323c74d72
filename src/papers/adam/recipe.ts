import type { Recipe } from '../paper.js';

const ADAM = {
  optimizer: 'adam',
  batchSize: 128,
  lr: 0.001,
  momentum: 0,
  schedule: { kind: 'constant' },
  checkpointEvery: 200,
  logEvery: 40,
  insightEvery: 0,
} satisfies Partial<Recipe>;

export const recipes = {
  logistic: {
    ...ADAM,
    about: 'section 6.1: logistic regression on MNIST with a rate divided by the root of the step',
    model: {
      preset: 'logistic',
      imageSize: 28,
      dropout: 0,
      init: 'pytorch',
      options: { decay: 'root' },
    },
    dataset: 'mnist',
    epochs: 20,
    lr: 0.01,
    weightDecay: 1e-4,
  },
  'two-layer': {
    ...ADAM,
    about: 'section 6.2: two hidden layers of 1000 ReLUs on MNIST, with dropout',
    model: { preset: 'two-layer', imageSize: 28, dropout: 0.5, init: 'pytorch' },
    dataset: 'mnist',
    epochs: 15,
    weightDecay: 1e-4,
  },
  conv: {
    ...ADAM,
    about: 'section 6.3: three convolutions and a fully connected layer on CIFAR-10, with dropout',
    model: { preset: 'conv', imageSize: 32, dropout: 0.5, init: 'pytorch' },
    dataset: 'cifar10',
    epochs: 45,
    weightDecay: 0,
  },
  autoencoder: {
    ...ADAM,
    about: 'section 6.4: a variational autoencoder on MNIST, with or without the correction of the bias',
    model: { preset: 'autoencoder', imageSize: 28, dropout: 0, init: 'pytorch' },
    dataset: 'mnist',
    epochs: 10,
    weightDecay: 0,
  },
} satisfies Record<string, Recipe>;
