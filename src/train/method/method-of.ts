import { type AnySet, imagesIn } from '../../data/dataset.js';
import type { Transform } from '../../data/transforms/index.js';
import type { World } from '../../distributed/index.js';
import { UsageError } from '../../errors/errors.js';
import { callOwn } from '../../errors/own-code.js';
import type { Module } from '../../nn/module.js';
import type { TrainConfig } from '../../run/config.js';
import { checkObservation } from './check-training.js';
import { classifierMethod } from './classifier.js';
import type { LoaderParts } from './loading.js';
import type { Method } from './method.js';
import { ownMethod } from './paper-training.js';
import type { Observation, Training, TrainingSetup } from './training.js';

/** The name of a paper that is not known. */
export const PAPER = 'the paper';

/** What decides how a model is trained. */
export interface MethodParts {
  readonly config: TrainConfig;
  /** The model, on its device. */
  readonly model: Module;
  readonly testSet: AnySet;
  readonly testTransform?: Transform | undefined;
  /** How the paper loads the test set. */
  readonly testLoading?: LoaderParts | undefined;
  /** How the model is trained if it is not a classifier of images; `paper` is its name, for messages. */
  readonly training?: ((setup: TrainingSetup) => Training) | undefined;
  /** What is measured of a classifier besides its accuracy. */
  readonly observe?: ((setup: TrainingSetup) => Observation) | undefined;
  readonly paper?: string;
  /** Several ranks that train together; undefined for a run on its own. */
  readonly world?: World | undefined;
}

/**
 * The paper's own method, or that of a classifier.
 * @throws UsageError if the paper has no method and the test set is not of labelled images
 */
export function methodOf(parts: MethodParts, stepsTotal: number): Method {
  const { config, model, testSet, testTransform, training, observe, paper = PAPER, world } = parts;
  const { testLoading = {} } = parts;
  if (training)
    return ownMethod(
      callOwn(`training() of ${paper}`, () => training({ model, config, stepsTotal })),
      {
        paper,
        config,
        model,
        testSet,
        testTransform,
        testLoading,
        stepsTotal,
        world,
      },
    );
  const images = imagesIn(testSet);
  if (images && testTransform) {
    const observing = `observe() of ${paper}`;
    const observed = observe && callOwn(observing, () => observe({ model, config, stepsTotal }));
    if (observe) checkObservation(observing, observed);
    return classifierMethod({
      config,
      model,
      testSet: images,
      testTransform,
      testLoading,
      stepsTotal,
      observed,
      paper,
      world,
    });
  }
  throw new UsageError({
    what: `${testSet.name} cannot train a classifier of images`,
    expected: 'a set of labelled images',
    got: 'samples of another kind',
    next: 'give the paper a training with its own loss or step',
  });
}
