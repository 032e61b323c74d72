import { nn, ops, optim, Tensor } from 'paperweight/core';
import type { Training, TrainingSetup } from '../../train/method/training.js';
import { makeOptimizer, makeSchedule } from '../../train/optimizer.js';
import { Autoencoder } from './model.js';
import { UncorrectedAdam } from './uncorrected.js';

type Batch = readonly [inputs: Tensor, labels: Tensor];
type Setup = TrainingSetup<nn.Module>;

/** The optimizer of the configuration; without the correction of the bias if the option says so. */
function optimizerOf({ model, config }: Setup): optim.Optimizer {
  if (config.model.options?.correction !== 'off') return makeOptimizer(model, config);
  const { lr, weightDecay, optimizerOptions = {} } = config;
  return new UncorrectedAdam(model.namedParameters(), { ...optimizerOptions, lr, weightDecay });
}

/** The schedule of the configuration; for logistic regression, the rate divided by the root of the step (section 6.1). */
function schedulesOf(setup: Setup, optimizer: optim.Optimizer): Training['schedules'] {
  const { config, stepsTotal } = setup;
  if (config.model.options?.decay === 'root') {
    const schedule = new optim.LambdaLR(optimizer, { lrLambda: (step) => 1 / Math.sqrt(step + 1) });
    return [{ schedule, every: 'step' }];
  }
  const timed = makeSchedule(optimizer, config, stepsTotal);
  return timed ? [timed] : [];
}

/** Classifiers by cross-entropy, the autoencoder by its bound; the optimizer is what is studied. */
export function training(setup: Setup): Training {
  const { model } = setup;
  const main = optimizerOf(setup);
  const shared = { optimizers: { main }, schedules: schedulesOf(setup, main) };
  if (model instanceof Autoencoder) {
    const loss = ([x]: Batch, noise: Tensor): Tensor => model.loss(x, noise).mean();
    return {
      ...shared,
      loss: (batch, { normal, count }) => loss(batch as Batch, normal([count, model.latent])),
      measure: (batch, { normal, count }) => ({ loss: loss(batch as Batch, normal([count, model.latent])) }),
      samples: ({ normal }) => model.decode(normal([64, model.latent])).unflatten(1, [1, 28, 28]),
    };
  }
  const cost = new nn.CrossEntropyLoss();
  return {
    ...shared,
    loss(batch) {
      const [inputs, labels] = batch as Batch;
      return cost.forward(model.forward(inputs), labels);
    },
    measure(batch) {
      const [inputs, labels] = batch as Batch;
      const logits = model.forward(inputs);
      const correct = new Tensor(ops.topKCorrect(logits.node, labels.node, 1)).mean();
      return { loss: cost.forward(logits, labels), error: correct.mul(-100).add(100) };
    },
  };
}
