import { nn, type Tensor } from 'paperweight/core';

/** Activations that a paper may compare, by the names of the command line. */
export const ACTIVATIONS = ['relu', 'leaky-relu', 'tanh', 'scaled-tanh', 'sigmoid'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** 1.7159 tanh(2x/3): LeCun, Bottou, Orr, Müller: Efficient BackProp (1998), section 4.4. */
class ScaledTanh extends nn.Module {
  forward(x: Tensor): Tensor {
    return x
      .mul(2 / 3)
      .tanh()
      .mul(1.7159);
  }
}

const MAKERS: Readonly<Record<Activation, () => nn.Module>> = {
  relu: () => new nn.ReLU(),
  'leaky-relu': () => new nn.LeakyReLU(),
  tanh: () => new nn.Tanh(),
  'scaled-tanh': () => new ScaledTanh(),
  sigmoid: () => new nn.Sigmoid(),
};

/** A new layer of one of {@link ACTIVATIONS}. */
export const activation = (name: Activation): nn.Module => MAKERS[name]();

/** Scales of the four-layer network's images. */
export const PIXELS = ['standardised', 'bytes'] as const;

/** Normalisations after the first convolutions, and kinds of pooling. */
export const NORMS = ['lrn', 'batch', 'none'] as const;
export type Norm = (typeof NORMS)[number];
export const POOLINGS = ['overlapping', 'plain'] as const;
export type Pooling = (typeof POOLINGS)[number];
