/* A paper whose network takes two inputs: images and a code that is drawn for each of them. */
import { cat, definePaper, GeneratedDataset, nn, type Recipe, type Tensor } from 'paperweight';
import { z } from 'zod';

const SIDE = 6;
const CODE = 4;

class Pair extends nn.Module {
  readonly encoder = new nn.Sequential(new nn.Conv2d(1, 3, 3), new nn.ReLU(), new nn.Flatten());
  readonly head = new nn.Linear(3 * 16 + CODE, SIDE * SIDE);

  /** [N, 1, 6, 6] and [N, 4] → [N, 36]. */
  forward(images: Tensor, code: Tensor): Tensor {
    return this.head.forward(cat([this.encoder.forward(images), code], 1));
  }
}

const recipe: Recipe = {
  about: 'a few steps',
  model: { preset: 'small', imageSize: SIDE, dropout: 0, init: 'pytorch' },
  epochs: 2,
  batchSize: 8,
  lr: 0.002,
  momentum: 0,
  weightDecay: 0,
  schedule: { kind: 'constant' },
  checkpointEvery: 3,
  logEvery: 5,
};

export default definePaper<Pair>({
  id: 'pair',
  name: 'Pair',
  citation: 'A network with two inputs',
  presets: { small: 'two layers' },
  imageSize: () => SIDE,
  channels: () => 1,
  inits: ['pytorch'],
  options: z.object({}),
  recipes: { small: recipe },
  datasets: {
    columns: {
      about: 'bright columns, drawn by code',
      open: ({ train }) =>
        new GeneratedDataset({
          length: train ? 40 : 16,
          seed: train ? 1 : 2,
          sample: (generator) => {
            const at = generator.integer(SIDE);
            return Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % SIDE === at ? 1 : 0));
          },
        }),
    },
  },
  build: () => new Pair(),
  training: ({ model }) => {
    const error = (x: Tensor, code: Tensor): Tensor =>
      model
        .forward(x.reshape(x.shape[0]!, 1, SIDE, SIDE), code)
        .sub(x)
        .square()
        .mean();
    return {
      loss: (x: Tensor, { normal, count }) => error(x, normal([count, CODE])),
      measure: (x: Tensor, { normal, count }) => ({ error: error(x, normal([count, CODE])) }),
      best: { metric: 'error', mode: 'min' },
    };
  },
  claims: [],
});
