import { fullLike, nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const LATENT = 64;

const up = (from: number, to: number, stride: number, padding: number) => [
  new nn.ConvTranspose2d(from, to, 4, { stride, padding, bias: false }),
  new nn.BatchNorm2d(to),
  new nn.ReLU(),
];
const down = (from: number, to: number) => [
  new nn.Conv2d(from, to, 4, { stride: 2, padding: 1, bias: false }),
  new nn.BatchNorm2d(to),
  new nn.LeakyReLU(0.2),
];

/** arXiv:1511.06434 for 32 × 32 images: two networks, each trained by its own optimizer. */
class Dcgan extends nn.Module {
  readonly generator = new nn.Sequential(
    ...up(LATENT, 128, 1, 0),
    ...up(128, 64, 2, 1),
    ...up(64, 32, 2, 1),
    new nn.ConvTranspose2d(32, 3, 4, { stride: 2, padding: 1 }),
    new nn.Tanh(),
  );
  readonly discriminator = new nn.Sequential(
    new nn.Conv2d(3, 32, 4, { stride: 2, padding: 1 }),
    new nn.LeakyReLU(0.2),
    ...down(32, 64),
    ...down(64, 128),
    new nn.Conv2d(128, 1, 4),
  );

  forward(z: Tensor): Tensor {
    return this.generator.forward(z);
  }
}

/** Loss of judging all images as real (1) or generated (0). */
const judged = (model: Dcgan, images: Tensor, as: 0 | 1): Tensor => {
  const logits = model.discriminator.forward(images);
  return nn.functional.binaryCrossEntropyWithLogits(logits, fullLike(logits, as));
};

export const dcgan: Net = {
  batch: 64,
  inputs: (n) => [{ shape: [n, 3, 32, 32] }, { shape: [n, LATENT, 1, 1] }],
  build: () => new Dcgan(),
  loss: {
    discriminator: (model: Dcgan, x, z) =>
      judged(model, x, 1).add(judged(model, model.forward(z).detach(), 0)),
    generator: (model: Dcgan, _, z) => judged(model, model.forward(z), 1),
  },
};
