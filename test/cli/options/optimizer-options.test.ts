import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fractions } from '../../../src/cli/options/options.js';
import { configFrom, resumedConfig } from '../../../src/cli/train/config.js';
import type { TrainFlags } from '../../../src/cli/train/flags.js';
import { UsageError } from '../../../src/errors/errors.js';
import { OPTIMIZER_NAMES } from '../../../src/optim/by-name.js';
import { buildModel } from '../../../src/papers/paper.js';
import { openPaper } from '../../../src/papers/registry.js';
import { trainConfigSchema } from '../../../src/run/config.js';
import { makeOptimizer } from '../../../src/train/optimizer.js';
import { onShapes } from '../../support/settings.js';

const config = async (flags: Partial<TrainFlags>) =>
  onShapes(configFrom({ device: 'auto', ...flags }, await openPaper('resnet')), ['a', 'b']);

/** The options of the optimizer that a configuration makes. */
async function optionsOf(flags: Partial<TrainFlags>): Promise<Record<string, unknown>> {
  const made = await config(flags);
  const model = buildModel(await openPaper('resnet'), made.model);
  const optimizer = makeOptimizer(model, made);
  return { kind: optimizer.constructor.name, ...optimizer.paramGroups[0] };
}

test('--optimizer starts from the defaults of that optimizer, and flags change them', async () => {
  assert.deepEqual(await optionsOf({}).then(({ kind, lr, momentum }) => [kind, lr, momentum]), [
    'SGD',
    0.1,
    0.9,
  ]);
  const { kind, lr, weightDecay, betas } = await optionsOf({ optimizer: 'adamw' });
  assert.deepEqual([kind, lr, weightDecay, betas], ['AdamW', 1e-3, 0.01, [0.9, 0.999]]);
  const flags: Partial<TrainFlags> = {
    optimizer: 'adam',
    lr: 0.02,
    weightDecay: 0.1,
    betas: [0.5, 0.9],
    eps: 1e-3,
    amsgrad: true,
  };
  const adam = await optionsOf(flags);
  assert.deepEqual(
    [adam.kind, adam.lr, adam.weightDecay, adam.betas, adam.eps, adam.amsgrad],
    ['Adam', 0.02, 0.1, [0.5, 0.9], 1e-3, true],
  );
  const nesterov = await optionsOf({ nesterov: true });
  assert.deepEqual([nesterov.kind, nesterov.nesterov, nesterov.momentum], ['SGD', true, 0.9]);
  assert.equal((await optionsOf({ optimizer: 'rmsprop' })).momentum, 0);
  assert.equal((await optionsOf({ optimizer: 'rmsprop', momentum: 0.5, centered: true })).momentum, 0.5);
  for (const optimizer of OPTIMIZER_NAMES) await optionsOf({ optimizer });
});

test('a configuration with an optimizer can be read back and resumed, and the optimizer stays', async () => {
  const flags: Partial<TrainFlags> = { optimizer: 'adam', betas: [0.5, 0.9] };
  const made = await config(flags);
  assert.deepEqual(trainConfigSchema.parse(JSON.parse(JSON.stringify(made))), made);
  assert.deepEqual(resumedConfig(made, { device: 'auto', ...flags }), made);
  const changes: [Partial<TrainFlags>, RegExp][] = [
    [{ optimizer: 'adamw' }, /--optimizer cannot change.*adam.*adamw/],
    [{ betas: [0.5, 0.99] }, /--betas cannot change/],
    [{ eps: 1 }, /--eps cannot change/],
  ];
  for (const [change, says] of changes)
    assert.throws(() => resumedConfig(made, { device: 'auto', ...change }), says);
});

test('an option of another optimizer is refused, and so are values that are not valid', async () => {
  const wrong: [Partial<TrainFlags>, RegExp][] = [
    [
      { optimizer: 'adam', momentum: 0.9 },
      /--momentum has no effect with --optimizer adam.*sgd or rmsprop or lars/,
    ],
    [{ betas: [0.9, 0.99] }, /--betas has no effect with --optimizer sgd.*adam or adamw/],
    [{ optimizer: 'adagrad', rho: 0.5 }, /--rho.*adadelta/],
  ];
  for (const [flags, says] of wrong)
    await assert.rejects(config(flags), (e) => e instanceof UsageError && says.test(e.message));
  await assert.rejects(optionsOf({ nesterov: true, momentum: 0 }), /nesterov/);
  const parse = fractions('--betas');
  assert.deepEqual(parse('0.9,0.999'), [0.9, 0.999]);
  for (const bad of ['0.9', '0.9,1', '0.9,', 'a,b', '0.9,0.9,0.9', '-0.1,0.9'])
    assert.throws(() => parse(bad), /two numbers.*such as 0.9,0.999/);
});
