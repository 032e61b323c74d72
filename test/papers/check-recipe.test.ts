import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definePaper, type Recipe } from '../../src/papers/paper.js';
import resnet from '../../src/papers/resnet/index.js';

const recipe = resnet.recipes.short!;

test('a recipe is checked by the schema that later reads it from config.json', () => {
  for (const [change, message] of [
    [{ schedule: { kind: 'cosine', warmup: 5 } }, /schedule\.kind cannot be "cosine".*one of constant, /s],
    [{ schedule: { kind: 'constant', warmup: 5 } }, /schedule constant has no option warmup/],
    [{ schedule: undefined }, /schedule is missing/],
    [{ onNan: 'foo' }, /onNan cannot be "foo".*one of stop, skip, rollback/s],
    [{ checkpointEvery: 0 }, /checkpointEvery cannot be 0.*number to be >0/s],
    [{ augment: true }, /augment cannot be true.*one of none, crop-mirror/s],
    [{ epochs: -1 }, /epochs cannot be -1/],
    [{ epochs: undefined }, /epochs is missing.*expected number/is],
    [{ optimizer: { name: 'foo' } }, /optimizer cannot be an object with name.*one of sgd, adam/s],
    [{ model: { ...recipe.model, dropout: 1 } }, /model\.dropout cannot be 1/],
  ] as const) {
    const recipes = { short: { ...recipe, ...change } as Recipe };
    assert.throws(
      () => definePaper({ ...resnet, recipes }),
      ({ name, message: text }: Error) =>
        name === 'UsageError' && text.startsWith('The paper resnet: recipe short: ') && message.test(text),
      JSON.stringify(change),
    );
  }
});
