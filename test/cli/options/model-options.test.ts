import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configFrom, resumedConfig } from '../../../src/cli/train/config.js';
import type { TrainFlags } from '../../../src/cli/train/flags.js';
import { UsageError } from '../../../src/errors/errors.js';
import alexnet from '../../../src/papers/alexnet/index.js';
import resnet from '../../../src/papers/resnet/index.js';
import { trainConfigSchema } from '../../../src/run/config.js';
import { runCli } from '../../support/cli.js';
import { onShapes } from '../../support/settings.js';

const flags = (own: Partial<TrainFlags>): TrainFlags => ({ device: 'auto', ...own });
const config = (own: Partial<TrainFlags>, paper = alexnet) =>
  onShapes(configFrom(flags(own), paper), ['a', 'b']);

describe('flags that change a network', () => {
  it('are stored in the run’s configuration, which is valid for every recipe', () => {
    const { model } = config({ preset: 'paper', option: { activation: 'tanh', towers: 1, hidden: 64 } });
    assert.equal(model.preset, 'paper');
    assert.deepEqual(model.options, { activation: 'tanh', towers: 1, hidden: 64 });
    assert.equal(config({}).model.options, undefined);
    const changed = config({ preset: 'four-layer', dropout: 0.2, imageSize: 64, init: 'pytorch' }).model;
    assert.deepEqual([changed.dropout, changed.imageSize, changed.init], [0.2, 64, 'pytorch']);
    for (const paper of [alexnet, resnet])
      for (const preset of Object.keys(paper.recipes)) {
        const made = config({ preset }, paper);
        assert.equal(made.model.paper, paper.id);
        assert.deepEqual(trainConfigSchema.parse(JSON.parse(JSON.stringify(made))), made);
      }
  });

  it('are read from a config.json of version 0.1, which calls two choices paper', () => {
    const before = JSON.parse(JSON.stringify({ ...config({}), sgd: 'paper', augment: 'paper' }));
    const { sgd, augment } = trainConfigSchema.parse(before);
    assert.deepEqual([sgd, augment], ['rate-in-velocity', 'crop-mirror-colour']);
    const now = config({ preset: 'imagenet' });
    assert.deepEqual([now.sgd, now.augment], [sgd, augment]);
    assert.equal(trainConfigSchema.parse(JSON.parse(JSON.stringify(config({})))).sgd, undefined);
  });

  it('list the known recipes', () => {
    assert.throws(
      () => config({ preset: 'notes' }, resnet),
      (e) => e instanceof UsageError && /one of resnet-20, plain-20, short/.test(e.message),
    );
  });

  it('cannot change when a run is resumed', () => {
    const before = config({ preset: 'paper', option: { activation: 'tanh' } });
    assert.deepEqual(
      resumedConfig(before, flags({ option: { activation: 'tanh' }, paper: 'alexnet' })),
      before,
    );
    for (const [changed, says] of [
      [{ option: { activation: 'relu' } }, /--activation cannot change.*tanh/],
      [{ option: { towers: 1 } }, /--towers cannot change.*none/],
      [{ paper: 'resnet' }, /--paper cannot change/],
      [{ init: 'kaiming' }, /--init cannot change/],
    ] as const)
      assert.throws(
        () => resumedConfig(before, flags(changed)),
        (e) => e instanceof UsageError && says.test(e.message),
      );
  });
});

describe('inspect', () => {
  const total = async (...args: string[]): Promise<number> => {
    const { code, stdout, stderr } = await runCli(['inspect', ...args, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout).parameters;
  };

  it('shows each preset at its own size', async () => {
    const thousand = ['--classes', '1000', '--preset'];
    assert.equal(await total('alexnet', ...thousand, 'paper'), 60_965_224);
    assert.equal(await total('alexnet', ...thousand, 'torchvision'), 61_100_840);
    assert.equal(await total('alexnet', ...thousand, 'notes'), 62_378_344);
    assert.equal(await total('alexnet', '--preset', 'four-layer'), 89_578);
    assert.equal(await total('resnet'), 269_722);
    assert.equal(await total('--paper', 'resnet', '--preset', 'plain-56'), 853_018);
  });

  it('shows the changes made by flags', async () => {
    const base = ['alexnet', '--preset', 'paper'];
    assert.equal(await total(...base, '--towers', '1'), 58_322_314);
    assert.equal(await total(...base, '--option', 'towers=1'), 58_322_314);
    // Without conv 3 and its 885,120 parameters, the two halves of conv 4 see 128 channels each instead of 192.
    const less = 885_120 + 384 * 64 * 9;
    assert.equal(await total(...base, '--without', 'conv3', '--norm', 'none'), 56_909_194 - less);
  });

  it('refuses options unknown to the paper', async () => {
    for (const [args, says] of [
      [['resnet', '--activation', 'tanh'], /ResNet has no option activation\. Expected no options/],
      [
        ['resnet', '--towers', '2'],
        /got --towers\. Next: leave it out; it belongs to AlexNet \(--paper alexnet\)/,
      ],
      [['--paper', 'resnet', '--tower', '2'], /paperweight inspect has no option --tower\. /],
      [['alexnet', '--towers', '3'], /--towers 3 cannot be used\. Expected 1 or 2; got "3"/],
      [['alexnet', '--norm', 'lnr'], /Expected one of lrn, batch, none; got "lnr"\. Next: did you mean lrn/],
      [['alexnet', '--hidden', '0'], /--hidden 0 cannot be used\. Expected a whole number of at least 1/],
      [['alexnet', '--option', 'towers'], /--option towers cannot be used\. Expected name=value/],
      [['alexnet', '--preset', 'four-layer', '--towers', '2'], /no option towers/],
    ] as const) {
      const { code, stderr } = await runCli(['inspect', ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, says);
    }
  });
});

describe('train --help', () => {
  const help = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(args);
    assert.equal(code, 0, stderr);
    return stdout.replace(/\n +/g, ' ');
  };

  it('shows the presets, options and defaults of the named paper', async () => {
    for (const args of [
      ['train', '--paper', 'resnet', '--help'],
      ['train', '--help', '--paper=resnet'],
      ['help', 'train', '--paper', 'resnet'],
    ]) {
      const text = await help(...args);
      assert.match(text, /Presets of ResNet:/);
      for (const preset of Object.keys(resnet.recipes)) assert.match(text, new RegExp(` ${preset} `));
      assert.match(text, /--lr <rate> +learning rate \(default: 0\.1\)/);
      assert.match(text, /--preset <name> +the recipe \(default: resnet-20\)/);
      assert.match(text, /\$ paperweight train --paper resnet --preset plain-20\n?/);
      assert.doesNotMatch(text, /--towers|AlexNet|four-layer/);
    }
    const usual = await help('train', '--help');
    assert.match(usual, /Presets of AlexNet:/);
    assert.match(usual, /--towers <n> +1 or 2 \(default: set by the preset\)/);
    assert.match(usual, /--batch-size <n> +images per step \(default: 128; quick: 16\)/);
  });

  it('refuses an unknown paper', async () => {
    const { code, stderr } = await runCli(['train', '--paper', 'resnt', '--help']);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /There is no paper "resnt".*did you mean resnet/);
  });
});
