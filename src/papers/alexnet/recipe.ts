import type { TrainConfig } from '../../train/config.js';

type Fixed = 'version' | 'recipe' | 'dataset' | 'data' | 'model' | 'seed' | 'machine';

/** All of a run that does not depend on the machine or the data. */
export interface Recipe extends Omit<TrainConfig, Fixed> {
  /** One sentence for `--help` and for the end of a run. */
  readonly about: string;
  readonly model: Omit<TrainConfig['model'], 'paper' | 'classes'>;
}

export const recipes = {
  notes: {
    about:
      "the notes' training template: ten epochs, batch 128, SGD with lr 0.01 and momentum 0.9, PyTorch's initialisation",
    model: { preset: 'notes', imageSize: 224, dropout: 0.5, init: 'pytorch' },
    epochs: 10,
    batchSize: 128,
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 0,
    schedule: { kind: 'constant' },
    checkpointEvery: 100,
    logEvery: 100,
  },
  quick: {
    about:
      'the same network in a few minutes: 500 steps of batch 16 without dropout, Kaiming-normal initialisation, and a rate that rises, stays, and falls to 0',
    model: { preset: 'notes', imageSize: 224, dropout: 0, init: 'kaiming' },
    epochs: 1,
    maxSteps: 500,
    batchSize: 16,
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 0,
    schedule: { kind: 'warmup-decay', warmupSteps: 50, decaySteps: 300, shape: 'linear' },
    checkpointEvery: 250,
    logEvery: 50,
    evalLimit: 1000,
  },
} as const satisfies Record<string, Recipe>;

export type RecipeName = keyof typeof recipes;
export const recipeNames = Object.keys(recipes) as RecipeName[];
