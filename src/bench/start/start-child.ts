import { openDevice } from '../../backend/open.js';
import { sizeOf } from '../../graph/types.js';
import { SGD } from '../../optim/index.js';
import { tensor } from '../../tensor/tensor.js';
import { buildNetwork, usualNetwork } from '../network.js';
import { secondsOf, trainingStep } from '../step.js';

/*
 * Opens a device and runs two training steps: `node start-child.js BATCH THREADS DEVICE`. Prints when each was done,
 * in milliseconds since 1970, so that the parent can measure from before the process started.
 */
const [batch, threads] = process.argv.slice(2, 4).map(Number) as [number, number];
const { device } = await openDevice(process.argv[4] as 'auto', { threads });
const opened = Date.now();
const network = await buildNetwork(await usualNetwork());
const model = await network.model.to(device);
const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const images = tensor(new Float32Array(batch * sizeOf(network.input)).fill(0.5), {
  shape: [batch, ...network.input],
});
const step = trainingStep(model, optimizer, images);

/** Detects compilations: a new plan raises the count, a rebuilt plan adds compile time. */
const plans = async () => {
  const stats = await device.stats();
  return { count: stats.length, seconds: stats.reduce((sum, plan) => sum + plan.compileSeconds, 0) };
};
const firstStep = await secondsOf(step);
const firstStepDone = Date.now();
const first = await plans();
const secondStep = await secondsOf(step);
const second = await plans();
const line = {
  opened,
  firstStepDone,
  firstStep,
  secondStep,
  compileSeconds: first.seconds,
  plansAfterFirst: first.count,
  plansAfterSecond: second.seconds === first.seconds ? second.count : second.count + 1,
};
process.stdout.write(`${JSON.stringify(line)}\n`);
await device.close();
