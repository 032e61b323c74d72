import { openDevice } from '../../backend/open.js';
import { secondsOf, trainingStep } from '../../bench/step.js';
import { counted } from '../../errors/counted.js';
import { sizeOf } from '../../graph/types.js';
import { withoutInit } from '../../nn/init.js';
import { buildModel, inputShapeOf, type Paper } from '../../papers/paper.js';
import type { TrainConfig } from '../../run/config.js';
import { tensor } from '../../tensor/tensor.js';
import { makeOptimizer } from '../../train/optimizer.js';
import type { TrainFlags } from './flags.js';

/** Steps before the one that is timed: they compile the plan. */
const WARM = 2;
/** Smallest number of steps: in fewer, the loss hardly falls. */
const FEWEST = 100;
/** Steps are chosen in tens, so that two calls on one machine mostly agree. */
const ROUND = 10;

type Length = Pick<TrainConfig, 'batchSize' | 'evalLimit'> & { readonly maxSteps: number };

/**
 * Number of steps with which a run takes at most `minutes`, its evaluation included.
 * @param seconds duration of a training step
 */
export function stepsWithin(
  { maxSteps, batchSize, evalLimit = 0 }: Length,
  seconds: number,
  minutes: number,
) {
  // A forward pass takes a third of a step.
  const evaluation = evalLimit / batchSize / 3;
  const fit = Math.floor(((60 * minutes) / seconds - evaluation) / ROUND) * ROUND;
  return Math.min(maxSteps, Math.max(FEWEST, fit));
}

/**
 * On the wasm device, a recipe that is meant to take some minutes is trained for fewer steps if it would take longer.
 * Flags that set its length are kept.
 *
 * @param time replaces the timing of a step in tests
 * @returns the configuration, and what to tell the user if it has changed
 */
export async function inTime(
  config: TrainConfig,
  { paper, flags, device }: { paper: Paper; flags: TrainFlags; device: string },
  time = secondsPerStep,
): Promise<{ readonly config: TrainConfig; readonly remark?: string }> {
  const { minutes } = paper.recipes[config.recipe] ?? {};
  const { maxSteps } = config;
  const given = flags.maxSteps !== undefined || flags.epochs !== undefined || flags.dryRun;
  if (minutes === undefined || maxSteps === undefined || given || device !== 'wasm') return { config };
  const seconds = await time(paper, config, flags.threads);
  const steps = stepsWithin({ ...config, maxSteps }, seconds, minutes);
  if (steps === maxSteps) return { config };
  const whole = counted(Math.round((seconds * maxSteps) / 60), 'minute');
  return {
    config: { ...config, maxSteps: steps },
    remark: `A step takes ${seconds.toFixed(1)} s on this device, so ${maxSteps} steps would take ${whole}: this run trains ${steps}. --max-steps ${maxSteps} trains all of them.`,
  };
}

/** Times a training step of a configuration, on a device that is opened for it, so that nothing stays in memory. */
async function secondsPerStep(paper: Paper, config: TrainConfig, threads?: number) {
  const { model: kind, batchSize } = config;
  const { device } = await openDevice('wasm', threads === undefined ? {} : { threads });
  try {
    const model = await withoutInit(() => buildModel(paper, kind)).to(device);
    const optimizer = makeOptimizer(model, config);
    const shape = [batchSize, ...inputShapeOf(paper, kind)];
    const images = tensor(new Float32Array(sizeOf(shape)).fill(1), { shape });
    const labels = tensor(new Int32Array(batchSize), { shape: [batchSize] });
    const step = trainingStep(model, optimizer, images, labels);
    for (let i = 0; i < WARM; i++) await step();
    return await secondsOf(step);
  } finally {
    await device.close();
  }
}
