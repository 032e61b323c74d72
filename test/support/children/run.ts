import { openDevice } from '../../../src/backend/open.js';
import { Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from '../../../src/nn/index.js';
import { toyConfig, toyRun } from '../toy.js';

/*
 * A program of its own that trains a small net in a run folder, for tests of what happens to its process:
 *
 *   node child-run.js <run folder> <options as JSON>
 *
 * It begins a run or continues one, prints `at N` when N steps are done and it begins, `step N` after each step, and
 * `done` at the end; an error goes to standard error and ends it with 1.
 */
export interface ChildRunOptions {
  readonly resume?: boolean;
  readonly maxSteps: number;
  readonly checkpointEvery?: number;
  readonly precision?: 'float32' | 'bfloat16';
  readonly threads?: number;
  /** Neurons of the hidden layer: 4096 make a checkpoint of 9 MB. */
  readonly hidden?: number;
  /** Channels of both convolutions: 64 at a batch of 32 are worth a trial of kernels. */
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
