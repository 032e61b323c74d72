import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as nn from '../../../src/nn/index.js';
import { buildModel, definePaper } from '../../../src/papers/paper.js';
import resnet from '../../../src/papers/resnet/index.js';
import { readSamples, sampleSteps } from '../../../src/run/sample-files.js';
import type { Tensor } from '../../../src/tensor/tensor.js';
import { jsonLines, runCli } from '../../support/cli.js';
import { scratch } from '../../support/toy.js';

const WATCHED = fileURLToPath(new URL('../../support/papers/watched', import.meta.url));
const HERE = ['--device', 'reference'];

describe('a classifier with measurements of its own', () => {
  test('has them beside its accuracy, on the data set of its recipe', async (t) => {
    const run = join(await scratch(t), 'run');
    const flags = ['--paper', WATCHED, '--max-steps', '3', '--run', run, ...HERE];
    const { code, stdout, stderr } = await runCli(['train', ...flags]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /largest logit [-\d.]+/);
    const config = JSON.parse(await readFile(join(run, 'config.json'), 'utf8')) as { dataset: string };
    assert.equal(config.dataset, 'shapes10');
    const lines = jsonLines(await readFile(join(run, 'metrics.jsonl'), 'utf8'));
    const epoch = lines.find(({ event }) => event === 'epoch')!;
    assert.equal(typeof epoch.testAccuracy, 'number');
    assert.deepEqual(Object.keys(epoch.testMetrics as object), ['largest logit']);
    const state = JSON.parse(await readFile(join(run, 'state.json'), 'utf8')) as { best: object };
    assert.deepEqual(Object.keys(state.best), ['file', 'accuracy'], 'the best weights are the most accurate');
    assert.deepEqual(await sampleSteps(run), [3]);
    const { sets } = await readSamples(run, 3);
    assert.deepEqual(sets.get('weights')!.shape, [10, 3, 8, 8]);
    const env = { PAPERWEIGHT_PAPERS: join(WATCHED, '..') };
    const evaluated = await runCli(['eval', run, '--eval-limit', '20', ...HERE], { env });
    assert.equal(evaluated.code, 0, evaluated.stderr);
  });

  test('shows its data set in the help', async () => {
    const { stdout } = await runCli(['train', '--paper', WATCHED, '--help']);
    assert.match(stdout.replaceAll(/\s+/g, ' '), /one of the paper's own \(default: shapes10\)/);
  });

  test('cannot also have a training of its own, or an unknown data set', () => {
    const training = () => ({ loss: () => undefined as never });
    assert.throws(
      () => definePaper({ ...resnet, observe: () => ({}), training }),
      /measure and samples in its training/,
    );
    const recipes = { short: { ...resnet.recipes.short!, dataset: 'mnits' } };
    assert.throws(() => definePaper({ ...resnet, recipes }), /data set of recipe short.*mnist.*mnits/s);
  });

  test('has no parts with other names, and those that a paper needs', () => {
    const bad =
      (parts: object): (() => unknown) =>
      () =>
        definePaper({ ...resnet, ...parts });
    assert.throws(bad({ clams: [] }), /no option clams.*did you mean claims\?/s);
    const [name, recipe] = Object.entries(resnet.recipes)[0]!;
    const recipes = (changes: object) => ({ recipes: { [name]: { ...recipe, ...changes } } });
    assert.throws(bad(recipes({ epoch: 3 })), /recipe .*no option epoch.*did you mean epochs\?/s);
    assert.throws(bad(recipes({ model: { ...recipe.model, dropot: 0 } })), /did you mean dropout\?/);
    assert.throws(
      bad({ datasets: { mine: { about: 'mine', opn: () => undefined } } }),
      /did you mean open\?/,
    );
    assert.throws(bad({ datasets: { mine: { about: 'mine' } } }), /open of data set mine/);
    assert.throws(bad({ inits: [] }), /inits.*at least one name/s);
    for (const empty of ['presets', 'recipes']) assert.throws(bad({ [empty]: {} }), /at least one by name/);
    assert.throws(bad({ build: undefined }), /build.*a function/s);
  });

  test('may have a network that gives several results', () => {
    class Two extends nn.Module<{ readonly code: Tensor; readonly rest: Tensor }> {
      readonly code = new nn.Linear(4, 2);
      readonly rest = new nn.Linear(4, 3);
      forward(x: Tensor) {
        return { code: this.code.forward(x), rest: this.rest.forward(x) };
      }
    }
    const { observe: _, ...parts } = resnet;
    const { training } = definePaper<Two>({
      ...parts,
      build: () => new Two(),
      training: ({ model }) => ({ loss: (x) => model.forward(x as Tensor).code.mean() }),
    });
    assert.equal(typeof training, 'function');
  });

  test('says which of its functions is wrong', () => {
    const config = { ...resnet.recipes.short!.model, paper: 'resnet', classes: ['a', 'b'] };
    const built = (build: () => unknown) => () =>
      buildModel(definePaper({ ...resnet, build: build as typeof resnet.build }), config);
    assert.throws(
      built(() => undefined),
      /build\(\) of .* returned no network/,
    );
    assert.throws(
      built(() => (undefined as unknown as { x: number }).x),
      /build\(\) of .* threw a TypeError/,
    );
  });
});
