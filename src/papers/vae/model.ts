import { checkOptionNames, nn, stack, type Tensor, UsageError } from 'paperweight/core';

export interface VAEOptions {
  /** Number of latent variables; default 20. */
  latent?: number;
  /** Hidden units of the encoder and of the decoder; default 500. */
  hidden?: number;
  /** Values of an image; default 28 × 28. */
  inputs?: number;
}

/** A normal distribution with a diagonal covariance, for each image of a batch: [N, latent] both. */
export interface Normal {
  readonly mean: Tensor;
  readonly logVariance: Tensor;
}

/** Of a batch: one value in nats for each image, [N]. */
export interface BoundTerms {
  /** −log p(x | z), averaged over the draws. */
  readonly reconstruction: Tensor;
  /** The divergence of the approximate posterior from the prior, in closed form. */
  readonly divergence: Tensor;
}

/** log √(2π) */
const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/**
 * The variational autoencoder of Kingma and Welling (2014), section 3 and appendix C: one hidden layer of tanh units in
 * the encoder and in the decoder, normal latent variables, Bernoulli pixels.
 */
export class VAE extends nn.Module {
  readonly encoder: Encoder;
  readonly decoder: nn.Sequential;
  readonly latent: number;

  constructor(options: VAEOptions = {}) {
    super();
    checkOptionNames('VAE', options, ['latent', 'hidden', 'inputs']);
    const { latent = 20, hidden = 500, inputs = 28 * 28 } = options;
    for (const [name, value] of Object.entries({ latent, hidden, inputs }))
      if (!Number.isInteger(value) || value < 1)
        throw new UsageError({
          what: `VAE cannot have ${name} ${value}`,
          expected: 'a whole number from 1',
          got: String(value),
        });
    this.latent = latent;
    this.encoder = new Encoder(inputs, hidden, latent);
    this.decoder = new nn.Sequential(
      new nn.Linear(latent, hidden),
      new nn.Tanh(),
      new nn.Linear(hidden, inputs),
    );
    // Section 5: all parameters are drawn from N(0, 0.01); the second number is taken as the variance.
    for (const parameter of this.parameters()) nn.init.normal(parameter, { mean: 0, std: 0.1 });
  }

  /** q(z | x): [N, 1, H, W] → mean and log variance. */
  encode(x: Tensor): Normal {
    return this.encoder.forward(x.flatten(1));
  }

  /** Logits of p(x | z): [N, latent] → [N, H · W]. */
  decode(z: Tensor): Tensor {
    return this.decoder.forward(z);
  }

  /** Each image from the mean of its approximate posterior: [N, 1, H, W] → the same shape, from 0 to 1. */
  forward(x: Tensor): Tensor {
    return this.decode(this.encode(x).mean).sigmoid().reshape(x.shape);
  }

  /**
   * The terms of the lower bound (equation 10), negated.
   *
   * @param noise standard normal values [N, latent], one for each draw
   */
  bound(x: Tensor, noise: readonly Tensor[]): BoundTerms {
    const q = this.encode(x);
    const draws = noise.map((e) => missing(this.decode(drawn(q, e)), x));
    return { reconstruction: stack(draws).mean(0), divergence: divergence(q) };
  }
}

class Encoder extends nn.Module<Normal> {
  readonly hidden: nn.Linear;
  readonly mean: nn.Linear;
  readonly logVariance: nn.Linear;

  constructor(inputs: number, hidden: number, latent: number) {
    super();
    this.hidden = new nn.Linear(inputs, hidden);
    this.mean = new nn.Linear(hidden, latent);
    this.logVariance = new nn.Linear(hidden, latent);
  }

  forward(x: Tensor): Normal {
    const h = this.hidden.forward(x).tanh();
    return { mean: this.mean.forward(h), logVariance: this.logVariance.forward(h) };
  }
}

/** The reparameterisation (section 2.4): z = mean + deviation · noise, through which gradients pass. */
export const drawn = ({ mean, logVariance }: Normal, noise: Tensor): Tensor =>
  mean.add(logVariance.mul(0.5).exp().mul(noise));

/** −log p(x | z) of Bernoulli pixels, [N]; x from 0 to 1. */
export function missing(logits: Tensor, x: Tensor): Tensor {
  const target = x.flatten(1);
  return nn.functional.softplus(logits).sub(logits.mul(target)).sum(1);
}

/** The divergence of N(mean, variance) from N(0, 1) (appendix B), [N]. */
export const divergence = ({ mean, logVariance }: Normal): Tensor =>
  mean.square().add(logVariance.exp()).sub(logVariance).sub(1).sum(1).mul(0.5);

/** log density of z under independent normal variables, [N]. */
export const logNormal = (z: Tensor, { mean, logVariance }: Normal): Tensor =>
  z.sub(mean).square().div(logVariance.exp()).add(logVariance).mul(-0.5).sub(HALF_LOG_2PI).sum(1);

/** log density of z under the prior, [N]. */
export const logPrior = (z: Tensor): Tensor => z.square().mul(-0.5).sub(HALF_LOG_2PI).sum(1);
