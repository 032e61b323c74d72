import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeError } from '../../../src/cli/print-error.js';
import { OwnCodeError } from '../../../src/errors/own-code.js';
import { Adam, StepLR } from '../../../src/optim/index.js';
import { sampleSteps } from '../../../src/run/sample-files.js';
import { type Tensor, tensor } from '../../../src/tensor/tensor.js';
import type { StepContext } from '../../../src/train/method/method.js';
import type { Training, TrainingSetup } from '../../../src/train/method/training.js';
import { bytesIn, measuredIn } from '../../support/runs/killed-runs.js';
import { type OwnRun, ownRun, squares } from '../../support/runs/own-runs.js';

type Setup = Parameters<OwnRun['training']>[0];
const bug = (): never => {
  throw new RangeError('my bug');
};
const wrong = (value: unknown) => value as never;
const adam = ({ model }: Setup) => new Adam(model.namedParameters(), { lr: 0.01 });
const sum = (x: unknown) => (x as Tensor).mean();

describe('a mistake in a function of a paper is told with its name', () => {
  for (const [name, training, message] of [
    ['training', bug, /^training\(\) of Rows threw a RangeError\. Got my bug/],
    ['loss', squares(() => ({ loss: bug })), /^loss\(\) of Rows threw a RangeError\. Got my bug/],
    ['step', squares(() => ({ loss: undefined, step: bug })), /^step\(\) of Rows threw a RangeError/],
    [
      'a waiting step',
      squares(() => ({ loss: undefined, step: async () => bug() })),
      /^step\(\) of Rows threw a RangeError/,
    ],
    ['measure', squares(() => ({ measure: bug })), /^measure\(\) of Rows threw a RangeError/],
    ['samples', squares(() => ({ samples: async () => bug() })), /^samples\(\) of Rows threw a RangeError/],
    [
      'no Error',
      squares(() => ({
        loss: () => {
          throw 'text';
        },
      })),
      /^loss\(\) of Rows threw something that is not an Error\. Got "text"/,
    ],
  ] as const)
    test(`an error in ${name}, with its message and stack`, async (t) => {
      const error = await failure(t, training);
      assert.ok(error instanceof OwnCodeError);
      assert.match(error.message, message);
      const { text, code } = describeError(error);
      assert.equal(code, 1);
      assert.match(text, name === 'no Error' ? /\ntext$/ : /\nRangeError: my bug\n\s+at .*bug/);
    });

  for (const [name, training, message] of [
    ['nothing from training', () => wrong(undefined), /training\(\) of Rows returned undefined/],
    ['a promise from training', () => wrong(Promise.resolve({})), /a Promise.*without async/s],
    [
      'nothing from loss',
      squares(() => ({ loss: () => undefined })),
      /^loss\(\) of Rows: it returned no loss.*undefined/,
    ],
    [
      'a number from loss',
      squares(() => ({ loss: () => 0.5 })),
      /^loss\(\) of Rows: it returned no loss.*got 0\.5/,
    ],
    ['a promise from loss', squares(() => ({ loss: async () => sum })), /^loss\(\) of Rows.*without async/],
    [
      'a vector from loss',
      squares(() => ({ loss: (x: Tensor) => x })),
      /^loss\(\) of Rows: it returned a bad loss/,
    ],
    [
      'a wrong shape in loss',
      squares(() => ({ loss: (x: Tensor) => x.add(tensor([1, 2, 3])).mean() })),
      /^loss\(\) of Rows: .*\[8, 4\]/,
    ],
    [
      'nothing from measure',
      squares(() => ({ measure: () => undefined })),
      /^measure\(\) of Rows returned no meas/,
    ],
    [
      'a number from measure',
      squares(() => ({ measure: () => ({ loss: 4 }) })),
      /measure\(\) of Rows.*bad loss/,
    ],
    ['nothing from samples', squares(() => ({ samples: () => undefined })), /samples\(\).*undefined/],
    ['no samples', squares(() => ({ samples: () => ({}) })), /samples\(\).*at least one/],
    ['a measure that is no function', squares(() => ({ measure: {} })), /bad measure.*a function/],
    [
      'an optimizer without a name',
      squares((setup) => ({ optimizers: adam(setup) })),
      /bad optimizers.*give it a name/,
    ],
    ['a list of optimizers', squares((setup) => ({ optimizers: [adam(setup)] })), /bad optimizers.*by name/],
    [
      'something else as an optimizer',
      squares(() => ({ optimizers: { main: {} } })),
      /bad optimizers.*for main/,
    ],
    ['no optimizer', squares(() => ({ optimizers: {} })), /bad optimizers.*none/],
    [
      'a schedule without its times',
      squares((setup) => ({ schedules: [new StepLR(adam(setup), { stepSize: 2 })] })),
      /bad schedules.*\{ schedule, every: 'epoch' \}/,
    ],
    ['schedules that are no list', squares(() => ({ schedules: {} })), /bad schedules.*a list/],
  ] as const)
    test(`${name}`, async (t) => {
      assert.match((await failure(t, training)).message, message);
    });
});

describe('names and options that do not exist are refused', () => {
  for (const [name, training, message] of [
    [
      'a part of training',
      squares(() => ({ mesure: () => ({}) })),
      /no option mesure.*did you mean measure\?/,
    ],
    [
      'a part of the loss',
      squares(() => ({ loss: (x: Tensor) => ({ loss: sum(x), metric: {} }) })),
      /mean metrics\?/,
    ],
    [
      'an option of update',
      squares(({ model }) =>
        stepping((x, { update }) => update(sum(model.forward(x)), wrong({ metric: {} }))),
      ),
      /update\(\) has no option metric.*did you mean metrics\?/,
    ],
    [
      'a mode',
      squares(() => ({ measure, best: { metric: 'loss', mode: 'smallest' } })),
      /mode: 'min' or 'max'.*smallest/,
    ],
    ['a part of best', squares(() => ({ measure, best: { metrics: 'loss' } })), /did you mean metric\?/],
    [
      'best without measure',
      squares(() => ({ best: { metric: 'loss', mode: 'min' } })),
      /a measure beside it/,
    ],
    [
      'when a schedule steps',
      squares((setup) => scheduled(setup, 'batch')),
      /every: 'step' or 'epoch'; got "batch"/,
    ],
    [
      'the optimizer of a schedule',
      squares((setup) => ({ ...scheduled(setup, 'step'), optimizers: { main: adam(setup) } })),
      /one of its optimizers: main/,
    ],
    [
      'a metric that the trainer logs',
      squares(({ model }) => ({
        loss: (x: Tensor) => ({ loss: sum(model.forward(x)), metrics: { lr: sum(x) } }),
      })),
      /^loss\(\) of Rows: update\(\) got a metric with a reserved name.*got lr/,
    ],
    [
      'a metric twice in a step',
      squares((setup) => ({
        optimizers: { a: adam(setup), b: adam(setup) },
        ...stepping((x, { update }) => {
          for (const optimizer of ['a', 'b'])
            update(sum(setup.model.forward(x)), { optimizer, metrics: { score: sum(x) } });
        }),
      })),
      /^step\(\) of Rows: update\(\) got the metric score twice/,
    ],
    [
      'the name of a measurement',
      squares(() => ({ measure: (x: Tensor) => ({ '<b>': sum(x) }) })),
      /measure\(\) of Rows got a bad name/,
    ],
  ] as const)
    test(name, async (t) => {
      assert.match((await failure(t, training)).message, message);
    });
});

test('measurements of later batches must have the same names', async (t) => {
  const training = squares(() => ({
    measure: (x: Tensor, { index }: StepContext) =>
      index === 0 ? { loss: sum(x), k: sum(x) } : { loss: sum(x) },
  }));
  assert.match(
    (await failure(t, training)).message,
    /other names than for the batch before\. Expected loss, k; got loss/,
  );
});

test('a measurement that decides the best weights and is not there shows before the first step', async (t) => {
  for (const best of [{ metric: 'error', mode: 'min' }, undefined] as const) {
    let steps = 0;
    const training = squares(({ model }) => ({
      ...stepping((x, { update }) => {
        steps++;
        update(sum(model.forward(x)));
      }),
      measure: (x: Tensor) => ({ err: sum(x) }),
      ...(best ? { best } : {}),
    }));
    assert.match((await failure(t, training)).message, /measure\(\) does not return/);
    assert.equal(steps, 0);
  }
});

test('an epoch whose evaluation fails is kept', async (t) => {
  let broken = true;
  const training = squares(() => ({
    measure: (x: Tensor, { index }: StepContext) => (broken && index === 1 ? bug() : { loss: sum(x) }),
  }));
  const { trainer, path } = await ownRun(t, { training });
  await assert.rejects(trainer.run(), /measure\(\) of Rows/);
  broken = false;
  const again = await ownRun(t, { training, path });
  assert.equal(again.trainer.step, 3);
  await again.trainer.run();
  const whole = await ownRun(t, { training });
  await whole.trainer.run();
  assert.deepEqual(await measuredIn(path), await measuredIn(whole.path));
});

test('steps of a training without metrics show that it is a paper’s own', async (t) => {
  const { trainer, path } = await ownRun(t, { training: squares(() => ({})), config: { maxSteps: 1 } });
  await trainer.run();
  const [step] = (await measuredIn(path)) as Record<string, unknown>[];
  assert.deepEqual([step!.event, step!.metrics], ['step', {}]);
});

test('an accumulated step averages a metric over the batches that have it', async (t) => {
  const training = squares(({ model }) => ({
    loss: (x: Tensor, { index }: StepContext) => ({
      loss: model.forward(x).square().mean(),
      metrics: index % 2 === 0 ? { seven: tensor(7) } : {},
    }),
  }));
  const { trainer, path } = await ownRun(t, { training, config: { accumulate: 2, epochs: 1 } });
  await trainer.run();
  const steps = ((await measuredIn(path)) as Record<string, unknown>[]).filter(
    ({ event }) => event === 'step',
  );
  assert.deepEqual(
    steps.map(({ metrics }) => metrics),
    [{ seven: 7 }, { seven: 7 }],
  );
});

for (const [name, config] of [
  ['', {}],
  [', of averaged weights', { ema: 0.5 }],
  [', of an epoch that the number of steps cuts short', { maxSteps: 4 }],
] as const)
  test(`samples that a killed run was making are made when it goes on${name}`, async (t) => {
    let broken = -1;
    const training = squares(({ model }) => ({
      measure: (x: Tensor) => ({ loss: model.forward(x).square().mean() }),
      samples: ({ normal, step }: { normal: StepContext['normal']; step: number }) =>
        step === broken
          ? bug()
          : model
              .forward(normal([2, 4]))
              .sigmoid()
              .reshape(2, 1, 2, 2),
    }));
    const whole = await ownRun(t, { training, config });
    await whole.trainer.run();
    const steps = await sampleSteps(whole.path);
    assert.equal(steps.length, 2);
    let path: string | undefined;
    for (broken of [...steps, -1]) {
      const run = await ownRun(t, { training, config, ...(path === undefined ? {} : { path }) });
      path = run.path;
      if (broken === -1) await run.trainer.run();
      else await assert.rejects(run.trainer.run(), /samples\(\) of Rows/);
    }
    assert.deepEqual(await bytesIn(path!, 'samples'), await bytesIn(whole.path, 'samples'));
    assert.deepEqual(await measuredIn(path!), await measuredIn(whole.path));
  });

const measure = (x: Tensor) => ({ loss: sum(x) });
const stepping = (step: (x: Tensor, context: StepContext) => void) => ({ loss: undefined, step });

function scheduled(setup: Setup, every: string) {
  const main = adam(setup);
  return { optimizers: { main }, schedules: [{ schedule: new StepLR(main, { stepSize: 2 }), every }] };
}

/** The error of a run with this training. */
async function failure(
  t: Parameters<typeof ownRun>[0],
  training: (setup: Setup & TrainingSetup) => unknown,
): Promise<Error> {
  try {
    const { trainer } = await ownRun(t, { training: training as (setup: Setup) => Training });
    await trainer.run();
  } catch (error) {
    return error as Error;
  }
  return assert.fail('the run ended without an error');
}

test('samples of a wrong shape show before the first step', async (t) => {
  const training = squares(() => ({ samples: () => tensor([1, 2, 3]) }));
  const { trainer, path } = await ownRun(t, { training });
  await assert.rejects(trainer.run(), /samples\(\) gave bad images samples.*\[3\]/s);
  assert.equal(trainer.step, 0);
  assert.deepEqual(await sampleSteps(path), []);
});
