/*
 * A classifier in a folder of its own whose network is also looked at: a measurement beside its accuracy, images of its
 * weights, and a data set that its recipe names.
 */
import { definePaper, nn, type Recipe, type Tensor, transforms } from 'paperweight';
import { z } from 'zod';

const SIDE = 8;

class Watched extends nn.Module {
  readonly fc: nn.Linear;

  constructor(classes: number) {
    super();
    this.fc = new nn.Linear(3 * SIDE * SIDE, classes);
  }

  forward(x: Tensor): Tensor {
    return this.fc.forward(x.flatten(1));
  }
}

const recipe: Recipe = {
  about: 'a linear classifier',
  model: { preset: 'linear', imageSize: SIDE, dropout: 0, init: 'pytorch' },
  dataset: 'shapes10',
  epochs: 1,
  batchSize: 32,
  lr: 0.01,
  momentum: 0,
  weightDecay: 0,
  schedule: { kind: 'constant' },
  checkpointEvery: 100,
  logEvery: 5,
};

const views = transforms.compose([transforms.resize([SIDE, SIDE]), transforms.toTensor()]);

export default definePaper<Watched>({
  id: 'watched',
  name: 'Watched',
  citation: 'Nobody: a classifier that is looked at',
  presets: { linear: 'one layer' },
  imageSize: () => SIDE,
  inits: ['pytorch'],
  options: z.object({}),
  recipes: { linear: recipe },
  build: ({ classes }) => new Watched(classes.length),
  observe: ({ model }) => ({
    measure: (batch) => ({
      'largest logit': model
        .forward((batch as readonly [Tensor])[0])
        .max(1)
        .mean(),
    }),
    samples: () => ({ weights: model.fc.weight.unflatten(1, [3, SIDE, SIDE]).mul(4).add(0.5) }),
  }),
  transforms: () => ({ train: views, test: views }),
  lastBias: 'fc.bias',
  claims: [],
});
