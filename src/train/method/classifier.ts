import type { Dataset } from '../../data/dataset.js';
import type { Transform } from '../../data/transforms/index.js';
import type { World } from '../../distributed/index.js';
import { CrossEntropyLoss } from '../../nn/loss.js';
import type { Module } from '../../nn/module.js';
import { topKCorrect } from '../../ops/index.js';
import { MAIN } from '../../run/checkpoint.js';
import type { TrainConfig } from '../../run/config.js';
import { Tensor } from '../../tensor/tensor.js';
import { evaluateModel } from '../evaluate.js';
import { makeOptimizer, makeSchedule } from '../optimizer.js';
import type { Method } from './method.js';

export interface ClassifierParts {
  readonly config: TrainConfig;
  /** On its device, with modules already frozen. */
  readonly model: Module;
  readonly testSet: Dataset;
  readonly testTransform: Transform;
  readonly stepsTotal: number;
  readonly world?: World | undefined;
}

/** The default method, for a paper that defines no other: one optimizer, cross-entropy, accuracy on the test images. */
export function classifierMethod({
  config,
  model,
  testSet,
  testTransform,
  stepsTotal,
  world,
}: ClassifierParts): Method {
  const optimizer = makeOptimizer(model, config);
  const timed = makeSchedule(optimizer, config, stepsTotal);
  const criterion = new CrossEntropyLoss({ labelSmoothing: config.labelSmoothing ?? 0 });
  return {
    optimizers: { [MAIN]: optimizer },
    schedules: timed ? [timed] : [],
    step(batch, { update }) {
      const [inputs, labels] = batch as readonly [inputs: Tensor, labels: Tensor];
      const logits = model.forward(inputs);
      const loss = criterion.forward(logits, labels);
      update(loss, { correct: new Tensor(topKCorrect(logits.node, labels.node, 1)).sum() });
    },
    evaluate: async (options) => {
      const { batchSize } = config;
      return evaluateModel({
        ...options,
        model,
        dataset: testSet,
        transform: testTransform,
        batchSize,
        world,
      });
    },
    chanceLoss: Math.log(testSet.classes.length),
  };
}
