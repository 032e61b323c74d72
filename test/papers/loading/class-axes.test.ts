import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nn, Parameter, type Tensor } from '../../../src/core.js';
import { withoutInit } from '../../../src/nn/init.js';
import { classAxes } from '../../../src/papers/loading/class-axes.js';
import { buildModel, type Paper } from '../../../src/papers/paper.js';
import { openPaper, paperIds } from '../../../src/papers/registry.js';
import type { ModelConfig } from '../../../src/run/config.js';
import { toyConfig } from '../../support/toy.js';

const CLASSES = ['cat', 'dog', 'ship'];

/** A convolution per class, an auxiliary head, and a matrix whose columns are classes. */
class Heads extends nn.Module {
  readonly last: nn.Conv2d;
  readonly side: nn.Linear;
  readonly columns: Parameter;

  constructor(classes: number) {
    super();
    this.last = new nn.Conv2d(3, classes, 1, { bias: false });
    this.side = new nn.Linear(4, classes);
    this.columns = new Parameter(new Float32Array(2 * classes), [2, classes]);
  }

  forward(x: Tensor): Tensor {
    return this.last.forward(x);
  }
}

const config: ModelConfig = { ...toyConfig().model, classes: CLASSES };
const paperOf = async (build: (classes: number) => nn.Module, lastBias = 'none.bias'): Promise<Paper> => ({
  ...(await openPaper('resnet')),
  presets: { toy: 'toy' },
  inits: ['pytorch'],
  lastBias,
  build: ({ classes }) => build(classes.length),
});

test('the last layer of every preset of every classifier has an axis of classes', async () => {
  for (const id of paperIds()) {
    const paper = await openPaper(id);
    if (paper.lastBias === undefined) continue;
    for (const preset of Object.keys(paper.presets)) {
      const of = { ...config, preset, init: paper.inits[0]!, imageSize: paper.imageSize(preset) };
      const model = withoutInit(() => buildModel(paper, of));
      const last = [...model.stateDict().keys()].at(-1)!.replace(/\.\w+$/, '');
      const found = [...classAxes(paper, of, model)];
      assert.deepEqual(
        found,
        ['weight', 'bias'].map((name) => [`${last}.${name}`, 0]),
        `${id}, ${preset}`,
      );
    }
  }
});

test('convolutions, several heads and classes in columns are found', async () => {
  const model = new Heads(3);
  const axes = classAxes(await paperOf((classes) => new Heads(classes)), config, model);
  assert.deepEqual(Object.fromEntries(axes), {
    'last.weight': 0,
    'side.weight': 0,
    'side.bias': 0,
    columns: 1,
  });
});

test('a fixed number of classes is found by the name of the last bias', async () => {
  const fixed = () => new nn.Sequential(new nn.Linear(3, 3));
  for (const build of [
    fixed,
    (classes: number) => {
      if (classes > 3) throw new Error('three classes only');
      return fixed();
    },
  ]) {
    const axes = classAxes(await paperOf(build, '0.bias'), config, fixed());
    assert.deepEqual(Object.fromEntries(axes), { '0.bias': 0, '0.weight': 0 });
  }
});

test('two values per class cannot be told apart and are refused', async () => {
  const build = (classes: number) => new nn.Sequential(new nn.Linear(3, 2 * classes));
  const paper = await paperOf(build);
  assert.throws(
    () => classAxes(paper, config, build(3)),
    /classes cannot be found in 0\.weight.*\[6, 3\] for 3 classes, \[8, 3\] for 4/,
  );
});
