import type { Dataset } from '../../data/dataset.js';
import type { Transform } from '../../data/transforms/index.js';
import type { World } from '../../distributed/index.js';
import { callOwn } from '../../errors/own-code.js';
import { CrossEntropyLoss } from '../../nn/loss.js';
import type { Module } from '../../nn/module.js';
import { topKCorrect } from '../../ops/index.js';
import { MAIN } from '../../run/checkpoint.js';
import type { TrainConfig } from '../../run/config.js';
import { Tensor } from '../../tensor/tensor.js';
import { evaluateModel } from '../evaluate.js';
import { makeOptimizer, makeSchedule } from '../optimizer.js';
import type { LoaderParts } from './loading.js';
import { measureFirst, measureModel } from './measure-model.js';
import type { Method } from './method.js';
import { ownObservation } from './paper-training.js';
import type { Observation } from './training.js';

export interface ClassifierParts {
  readonly config: TrainConfig;
  /** On its device, with modules already frozen. */
  readonly model: Module;
  readonly testSet: Dataset;
  readonly testTransform: Transform;
  readonly testLoading: LoaderParts;
  readonly stepsTotal: number;
  /** Name of the paper, for messages. */
  readonly paper: string;
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
  testLoading: loading,
  stepsTotal,
  observed = {},
  paper,
  world,
}: ClassifierParts): Method {
  const optimizer = makeOptimizer(model, config);
  const timed = makeSchedule(optimizer, config, stepsTotal);
  const { measure, samples } = ownObservation(observed, paper);
  const { batchSize, seed } = config;
  const common = { model, batchSize, world };
  const measurer = measure && { ...common, testSet, testTransform, loading, seed, measure, paper };
  const criterion = new CrossEntropyLoss({ labelSmoothing: config.labelSmoothing ?? 0 });
  return {
    optimizers: { [MAIN]: optimizer },
    schedules: timed ? [timed] : [],
    step(batch, { update }) {
      const [inputs, labels] = batch as readonly [inputs: Tensor, labels: Tensor];
      const logits = callOwn(`forward() of ${paper}`, () => model.forward(inputs));
      const loss = criterion.forward(logits, labels);
      update(loss, { correct: new Tensor(topKCorrect(logits.node, labels.node, 1)).sum() });
    },
    evaluate: async (options) => {
      const scores = await evaluateModel({
        ...options,
        ...common,
        dataset: testSet,
        transform: testTransform,
      });
      if (!measurer) return scores;
      const limit = Math.min(options.limit ?? OBSERVED, OBSERVED);
      const { metrics } = await measureModel(measurer, { ...options, limit, onProgress: () => undefined });
      return { ...scores, ...(metrics ? { metrics } : {}) };
    },
    ...(measurer ? { rehearse: async (signal) => void (await measureFirst(measurer, signal)) } : {}),
    ...(samples ? { samples } : {}),
    chanceLoss: Math.log(testSet.classes.length),
  };
}
