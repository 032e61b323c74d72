import { nn } from 'paperweight/core';

/** Activations that a paper may compare, by the names of the command line. */
export const ACTIVATIONS = ['relu', 'leaky-relu', 'tanh', 'sigmoid'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

const MAKERS: Readonly<Record<Activation, () => nn.Module>> = {
  relu: () => new nn.ReLU(),
  'leaky-relu': () => new nn.LeakyReLU(),
  tanh: () => new nn.Tanh(),
  sigmoid: () => new nn.Sigmoid(),
};

/** A new layer of one of {@link ACTIVATIONS}. */
export const activation = (name: Activation): nn.Module => MAKERS[name]();

/** Normalisations after the first convolutions, and kinds of pooling. */
export const NORMS = ['lrn', 'batch', 'none'] as const;
export type Norm = (typeof NORMS)[number];
export const POOLINGS = ['overlapping', 'plain'] as const;
export type Pooling = (typeof POOLINGS)[number];
