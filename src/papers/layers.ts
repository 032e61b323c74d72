import { LeakyReLU, type Module, ReLU, Sigmoid, Tanh } from '../nn/index.js';

/** Activations that a paper may compare, by the names of the command line. */
export const ACTIVATIONS = ['relu', 'leaky-relu', 'tanh', 'sigmoid'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

const MAKERS: Readonly<Record<Activation, () => Module>> = {
  relu: () => new ReLU(),
  'leaky-relu': () => new LeakyReLU(),
  tanh: () => new Tanh(),
  sigmoid: () => new Sigmoid(),
};

/** A new layer of one of {@link ACTIVATIONS}. */
export const activation = (name: Activation): Module => MAKERS[name]();
