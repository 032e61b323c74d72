/*
 * A paper in a folder of its own, which imports the package by its public name: a GAN (Goodfellow et al. 2014) with two
 * optimizers on generated images of 6 × 6.
 */
import { definePaper, GeneratedDataset, nn, optim, type Recipe, type Tensor, tensor } from 'paperweight';
import { z } from 'zod';

const SIDE = 6;
const NOISE = 5;

class Gan extends nn.Module {
  readonly generator = new nn.Sequential(
    new nn.Linear(NOISE, 24),
    new nn.ReLU(),
    new nn.Linear(24, SIDE * SIDE),
    new nn.Sigmoid(),
  );
  readonly discriminator = new nn.Sequential(
    new nn.Linear(SIDE * SIDE, 24),
    new nn.LeakyReLU(0.2),
    new nn.Dropout(0.3),
    new nn.Linear(24, 1),
  );

  /** Noise [N, 5] → images [N, 36]. */
  forward(noise: Tensor): Tensor {
    return this.generator.forward(noise);
  }
}

/** log(1 + exp(∓score)): the loss of a score that should be high, or low. */
const loss = (score: Tensor, real: boolean): Tensor => (real ? score.neg() : score).exp().add(1).log().mean();

/** A bright column on a dark ground. */
const columns = (seed: number, length: number) =>
  new GeneratedDataset({
    name: 'columns',
    length,
    seed,
    sample: (generator) => {
      const at = generator.integer(SIDE);
      const light = generator.uniform(0.7, 1);
      return Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % SIDE === at ? light : 0.1));
    },
  });

const recipe: Recipe = {
  about: 'a few steps of both networks',
  model: { preset: 'small', imageSize: SIDE, dropout: 0, init: 'pytorch' },
  epochs: 2,
  batchSize: 8,
  lr: 0.002,
  momentum: 0,
  weightDecay: 0,
  schedule: { kind: 'constant' },
  checkpointEvery: 3,
  logEvery: 5,
  insightEvery: 4,
};

export default definePaper<Gan>({
  id: 'tiny-gan',
  name: 'Tiny GAN',
  citation: 'I. Goodfellow and others: Generative adversarial nets. NIPS 2014',
  presets: { small: 'two layers each' },
  imageSize: () => SIDE,
  inits: ['pytorch'],
  options: z.object({}),
  recipes: { small: recipe },
  datasets: {
    columns: {
      about: 'bright columns, drawn by code',
      open: ({ train }) => columns(train ? 1 : 2, train ? 76 : 20),
    },
  },
  build: () => new Gan(),
  training: ({ model, config }) => {
    const { generator, discriminator } = model;
    const ones = (n: number): Tensor => tensor(new Float32Array(n).fill(0.5), { shape: [n, 1] });
    return {
      optimizers: {
        discriminator: new optim.Adam(discriminator.namedParameters(), {
          lr: config.lr,
          betas: [0.5, 0.999],
        }),
        generator: new optim.SGD(generator.namedParameters(), { lr: 10 * config.lr, momentum: 0.9 }),
      },
      step(real: Tensor, { update, normal, count }) {
        const fake = model.forward(normal([count, NOISE]));
        const [truth, fakes] = [discriminator.forward(real), discriminator.forward(fake.detach())];
        update(loss(truth, true).add(loss(fakes, false)), {
          optimizer: 'discriminator',
          metrics: { 'score of real images': truth.sigmoid().mean() },
        });
        const score = discriminator.forward(model.forward(normal([count, NOISE])));
        const lossG = loss(score, true);
        update(lossG, { optimizer: 'generator', metrics: { 'generator loss': lossG } });
      },
      measure: (real: Tensor, { normal, count }) => {
        const gap = discriminator
          .forward(real)
          .sub(discriminator.forward(model.forward(normal([count, NOISE]))));
        return { gap: gap.mean(), half: ones(count).mean() };
      },
      best: { metric: 'gap', mode: 'min' },
      samples: async ({ normal }) => model.forward(normal([9, NOISE])).reshape(9, 1, SIDE, SIDE),
    };
  },
  claims: [],
});
