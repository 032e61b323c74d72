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
import { measureModel } from './measure-model.js';
import type { Method } from './method.js';
import type { Observation } from './paper-training.js';

export interface ClassifierParts {
  readonly config: TrainConfig;
  /** On its device, with modules already frozen. */
  readonly model: Module;
  readonly testSet: Dataset;
  readonly testTransform: Transform;
  readonly stepsTotal: number;
  /** Further measurements and images of the paper. */
  readonly observed?: Observation | undefined;
  readonly world?: World | undefined;
}

/** Maximum number of test images for measurements besides accuracy. */
const OBSERVED = 1000;

/** The default method, for a paper that defines no other: one optimizer, cross-entropy, accuracy on the test images. */
export function classifierMethod({
  config,
  model,
  testSet,
  testTransform,
  stepsTotal,
  observed = {},
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
      const { batchSize, seed } = config;
      const common = { model, batchSize, world };
      const scores = await evaluateModel({
        ...options,
        ...common,
        dataset: testSet,
        transform: testTransform,
      });
      if (!observed.measure) return scores;
      const limit = Math.min(options.limit ?? OBSERVED, OBSERVED);
      const { metrics } = await measureModel(
        { ...common, testSet, testTransform, seed, measure: observed.measure.bind(observed) },
        { ...options, limit, onProgress: () => undefined },
      );
      return { ...scores, ...(metrics ? { metrics } : {}) };
    },
    ...(observed.samples ? { samples: observed.samples.bind(observed) } : {}),
    chanceLoss: Math.log(testSet.classes.length),
  };
}
