import { checkOptionNames, nn, type Tensor, UsageError } from 'paperweight/core';

/** The networks that the paper's experiments train. */
export const NETWORKS = ['logistic', 'two-layer', 'conv', 'autoencoder'] as const;
export type Network = (typeof NETWORKS)[number];

export interface NetOptions {
  readonly numClasses?: number;
  /** Share of hidden units that are dropped; default 0. */
  readonly dropout?: number;
}

/** Logistic regression over classes (section 6.1): [N, 1, 28, 28] → logits. */
export const logistic = ({ numClasses = 10 }: NetOptions = {}): nn.Sequential =>
  new nn.Sequential(new nn.Flatten(), new nn.Linear(28 * 28, numClasses));

/** Two fully connected hidden layers of 1000 ReLUs (section 6.2): [N, 1, 28, 28] → logits. */
export const twoLayer = ({ numClasses = 10, dropout = 0 }: NetOptions = {}): nn.Sequential =>
  new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(28 * 28, 1000),
    new nn.ReLU(),
    new nn.Dropout(dropout),
    new nn.Linear(1000, 1000),
    new nn.ReLU(),
    new nn.Dropout(dropout),
    new nn.Linear(1000, numClasses),
  );

export interface ConvOptions extends NetOptions {
  /** Kernels of the first two convolutions; default 64. The third has twice as many. */
  readonly kernels?: number;
  /** Units of the fully connected layer; default 1000. */
  readonly units?: number;
  /** Share of input values that are dropped; default 0. */
  readonly inputDropout?: number;
}

/**
 * Three stages of 5 × 5 convolution, ReLU and 3 × 3 pooling with stride 2, then a fully connected layer (section 6.3):
 * [N, 3, 32, 32] → logits.
 */
export function conv(options: ConvOptions = {}): nn.Sequential {
  checkOptionNames('conv', options, ['numClasses', 'dropout', 'kernels', 'units', 'inputDropout']);
  const { numClasses = 10, dropout = 0, kernels = 64, units = 1000, inputDropout = 0 } = options;
  for (const [name, value] of Object.entries({ kernels, units }))
    if (!Number.isInteger(value) || value < 1)
      throw new UsageError({ what: `conv cannot have ${name} ${value}`, expected: 'a whole number from 1' });
  const stage = (from: number, to: number) => [
    new nn.Conv2d(from, to, 5, { padding: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
  ];
  return new nn.Sequential(
    new nn.Dropout(inputDropout),
    ...stage(3, kernels),
    ...stage(kernels, kernels),
    ...stage(kernels, 2 * kernels),
    new nn.Flatten(),
    new nn.Linear(2 * kernels * 16, units),
    new nn.ReLU(),
    new nn.Dropout(dropout),
    new nn.Linear(units, numClasses),
  );
}

/** The autoencoder of section 6.4: 500 softplus units on both sides of 50 normal latent variables. */
export class Autoencoder extends nn.Module {
  readonly hidden: nn.Linear;
  readonly mean: nn.Linear;
  readonly logVariance: nn.Linear;
  readonly back: nn.Linear;
  readonly pixels: nn.Linear;

  constructor(
    readonly latent = 50,
    hidden = 500,
    inputs = 28 * 28,
  ) {
    super();
    this.hidden = new nn.Linear(inputs, hidden);
    this.mean = new nn.Linear(hidden, latent);
    this.logVariance = new nn.Linear(hidden, latent);
    this.back = new nn.Linear(latent, hidden);
    this.pixels = new nn.Linear(hidden, inputs);
  }

  #encode(x: Tensor): { readonly mean: Tensor; readonly logVariance: Tensor } {
    const h = nn.functional.softplus(this.hidden.forward(x.flatten(1)));
    return { mean: this.mean.forward(h), logVariance: this.logVariance.forward(h) };
  }

  #logits(z: Tensor): Tensor {
    return this.pixels.forward(nn.functional.softplus(this.back.forward(z)));
  }

  /** Images of codes: [N, latent] → [N, H · W], from 0 to 1. */
  decode(z: Tensor): Tensor {
    return this.#logits(z).sigmoid();
  }

  /** Each image from the mean of its code: [N, 1, H, W] → the same shape, from 0 to 1. */
  forward(x: Tensor): Tensor {
    return this.decode(this.#encode(x).mean).reshape(x.shape);
  }

  /** The negated variational bound of each image in nats, [N], with one draw; `noise` is standard normal [N, latent]. */
  loss(x: Tensor, noise: Tensor): Tensor {
    const { mean, logVariance } = this.#encode(x);
    const logits = this.#logits(mean.add(logVariance.mul(0.5).exp().mul(noise)));
    const missing = nn.functional
      .softplus(logits)
      .sub(logits.mul(x.flatten(1)))
      .sum(1);
    const divergence = mean.square().add(logVariance.exp()).sub(logVariance).sub(1).sum(1).mul(0.5);
    return missing.add(divergence);
  }
}
