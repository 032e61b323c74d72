import type { Device, ProfileRow } from '../../backend/backend.js';
import { averageGradients, exchangeGroups } from '../../distributed/average.js';
import { DeviceError } from '../../errors/errors.js';
import { CrossEntropyLoss } from '../../nn/loss.js';
import { SGD } from '../../optim/optimizers/sgd.js';
import { tensor } from '../../tensor/tensor.js';
import { CapturingDevice } from '../capture.js';
import { buildNetwork, checkBatch, type NetworkChoice } from '../network.js';
import { CLASSES } from '../step.js';
import type { PlanStep, Schedule } from './model.js';

const WARM_UP = 2;

/**
 * Measures each step of a training plan with the exchanges of several ranks, in one process: its sums are over one rank.
 * @param batch images of one rank
 * @param wire bytes of a number on its way
 */
export async function measureSchedule(
  choice: NetworkChoice,
  inner: Device,
  batch: number,
  wire: 2 | 4,
): Promise<Schedule> {
  const device = new CapturingDevice(inner);
  const { model, input } = await buildNetwork(choice);
  checkBatch(batch, input);
  await model.to(device);
  model.train();
  const optimizer = new SGD(model.parameters(), { lr: 1e-4, momentum: 0.9 });
  const images = new Float32Array(batch * input.reduce((a, b) => a * b, 1));
  for (let i = 0; i < images.length; i++) images[i] = ((i * 7919) % 1000) / 500 - 1;
  const labels = tensor(Int32Array.from({ length: batch }, (_, i) => i % CLASSES));
  const lossOf = new CrossEntropyLoss();
  const parameters = [...model.parameters()];
  for (let i = 0; i < WARM_UP; i++) {
    optimizer.zeroGrad();
    const loss = lossOf.forward(model.forward(tensor(images, { shape: [batch, ...input] })), labels);
    loss.backward();
    averageGradients(parameters, 1, { share: 1, even: true, images: 1, wire: 'float32' });
    optimizer.step({ compute: [loss] });
    await loss.item();
  }
  const groups = exchangeGroups(parameters);
  return scheduleOf(await device.profileLast(), groups, wire);
}

/**
 * A profiled plan as a schedule.
 * @param groups the tensors of each exchange of gradients: number of elements; further exchanges are running statistics
 * @throws DeviceError if the plan has other exchanges
 */
export function scheduleOf(
  rows: readonly Pick<ProfileRow, 'op' | 'milliseconds'>[],
  groups: readonly (readonly number[])[],
  wire: 2 | 4,
): Schedule {
  const started = rows.filter(({ op }) => op === 'sumStart').length;
  const awaited = rows.filter(({ op }) => op === 'sumEnd').length;
  const known = groups.reduce((sum, group) => sum + group.length, 0);
  if (started < groups.length || awaited < known)
    throw new DeviceError({
      what: 'The plan has other exchanges than its gradients need',
      expected: `${groups.length} exchanges of ${known} tensors`,
      got: `${started} of ${awaited}`,
      next: 'measure with --device onednn',
    });
  const owners = groups.flatMap((group, k) => group.map(() => k));
  let [start, end] = [0, 0];
  const steps = rows.map(({ op, milliseconds }): PlanStep => {
    const seconds = milliseconds / 1000;
    if (op === 'sumStart') {
      const starts = start++;
      return starts < groups.length ? { seconds, starts } : { seconds };
    }
    const waits = op === 'sumEnd' ? owners[end++] : undefined;
    return waits === undefined ? { seconds } : { seconds, waits };
  });
  return { steps, bytes: groups.map((group) => wire * group.reduce((a, b) => a + b, 0)) };
}
