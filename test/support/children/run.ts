import { openDevice } from '../../../src/backend/open.js';
import { Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from '../../../src/nn/index.js';
import { toyConfig, toyRun } from '../toy.js';

/*
 * Trains a small network in a run folder, in a separate process that tests can kill:
 *
 *   node child-run.js <run folder> <options as JSON>
 *
 * Starts or resumes a run. Prints `at N` at the start after N earlier steps, `step N` after each step, and `done` at
 * the end; an error is printed on standard error and gives exit code 1.
 */
export interface ChildRunOptions {
  readonly resume?: boolean;
  readonly maxSteps: number;
  readonly checkpointEvery?: number;
  readonly precision?: 'float32' | 'bfloat16';
  readonly threads?: number;
  /** Neurons of the hidden layer: 4096 make a checkpoint of 9 MB. */
  readonly hidden?: number;
  /** Channels of both convolutions: 64 at batch 32 are large enough for timing kernels. */
  readonly channels?: number;
  readonly batchSize?: number;
}

const makeNet = (channels: number, hidden: number) =>
  new Sequential(
    new Conv2d(3, channels, 3, { padding: 1 }),
    new ReLU(),
    new Conv2d(channels, channels, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Dropout(0.3),
    new Linear(16 * channels, hidden),
    new ReLU(),
    new Linear(hidden, 10),
  );

const [path = '', text = '{}'] = process.argv.slice(2);
const {
  resume = false,
  maxSteps,
  checkpointEvery = 2,
  precision = 'float32',
  threads = 1,
  hidden = 64,
  channels = 16,
  batchSize = 8,
} = JSON.parse(text) as ChildRunOptions;
const { device } = await openDevice('onednn', { threads, precision });
try {
  const { trainer } = await toyRun(device, path, {
    resume,
    net: () => makeNet(channels, hidden),
    config: toyConfig({
      batchSize,
      epochs: 1000,
      maxSteps,
      checkpointEvery,
      schedule: { kind: 'constant' },
      lr: 0.01,
    }),
    hooks: {
      step: ({ step }) => void process.stdout.write(`step ${step}\n`),
      note: (line) => console.error(line),
    },
  });
  process.stdout.write(`at ${trainer.step}\n`);
  await trainer.run();
  process.stdout.write('done\n');
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
} finally {
  await device.close();
}
