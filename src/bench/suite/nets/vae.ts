import { nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const [PIXELS, HIDDEN, LATENT] = [784, 500, 20];

type Output = { logits: Tensor; mean: Tensor; logVariance: Tensor };

/** arXiv:1312.6114, appendix C. */
class Vae extends nn.Module<Output> {
  readonly encoder = new nn.Sequential(new nn.Linear(PIXELS, HIDDEN), new nn.Tanh());
  readonly mean = new nn.Linear(HIDDEN, LATENT);
  readonly logVariance = new nn.Linear(HIDDEN, LATENT);
  readonly decoder = new nn.Sequential(
    new nn.Linear(LATENT, HIDDEN),
    new nn.Tanh(),
    new nn.Linear(HIDDEN, PIXELS),
  );

  forward(x: Tensor, noise: Tensor): Output {
    const hidden = this.encoder.forward(x);
    const mean = this.mean.forward(hidden);
    const logVariance = this.logVariance.forward(hidden);
    const z = mean.add(logVariance.mul(0.5).exp().mul(noise));
    return { logits: this.decoder.forward(z), mean, logVariance };
  }
}

export const vae: Net = {
  batch: 64,
  inputs: (n) => [{ shape: [n, PIXELS] }, { shape: [n, LATENT] }],
  build: () => new Vae(),
  loss: (model: Vae, images, noise) => {
    const x = images.mul(0.5).add(0.5);
    const { logits, mean, logVariance } = model.forward(x, noise);
    const rows = x.shape[0]!;
    const reconstruction = nn.functional.binaryCrossEntropyWithLogits(logits, x, { reduction: 'sum' });
    const divergence = mean.square().add(logVariance.exp()).sub(logVariance).sub(1).sum().mul(0.5);
    return reconstruction.add(divergence).div(rows);
  },
};
