import assert from 'node:assert/strict';
import test from 'node:test';
import { CheckpointError } from '../../src/errors/errors.js';
import { unwrap } from '../../src/interop/prefixes.js';
import { findStateDict } from '../../src/interop/pytorch/state-dict.js';
import { TensorView } from '../../src/interop/pytorch/view.js';

const names = (...given: string[]) => {
  const { tensors, notes } = unwrap('w.pth', new Map(given.map((name) => [name, name])));
  return [[...tensors.keys()], notes];
};

test('prefixes of wrappers are removed and reported', () => {
  assert.deepEqual(names('a.weight', 'module'), [['a.weight', 'module'], []]);
  assert.deepEqual(names('module.a', 'b'), [['module.a', 'b'], []]);
  assert.deepEqual(names('module._orig_mod.a', 'module._orig_mod.b'), [
    ['a', 'b'],
    ['names without their prefix "module._orig_mod."'],
  ]);
  assert.deepEqual(names('n_averaged', 'module.a', 'module.b'), [
    ['a', 'b'],
    ['names without their prefix "module."', 'ignored: n_averaged'],
  ]);
  // Submodules that were compiled or sharded.
  assert.deepEqual(names('features._orig_mod.0', '_fsdp_wrapped_module.head.weight'), [
    ['features.0', 'head.weight'],
    ['names without their prefix "_orig_mod."', 'names without their prefix "_fsdp_wrapped_module."'],
  ]);
  assert.deepEqual(names('a._orig_mod', 'module.'), [['a._orig_mod', 'module.'], []]);
});

test('names that would become equal are refused', () => {
  assert.throws(
    () => names('features.0.weight', 'features._orig_mod.0.weight'),
    (error) =>
      error instanceof CheckpointError &&
      /w\.pth has two tensors of the same name.*_orig_mod.*"features\.0\.weight" twice/.test(error.message),
  );
});

const storage = { key: '0', dtype: 'F32', first: 0, count: 4, bytes: async () => {} } as const;
const view = (...shape: number[]) =>
  new TensorView(
    storage,
    'F32',
    0,
    shape,
    shape.map(() => 0),
  );
type Tree = { [name: string]: Tree | TensorView | number };
const tree = (value: Tree): Map<unknown, unknown> =>
  new Map(
    Object.entries(value).map(([key, item]) => [
      key,
      typeof item === 'number' || item instanceof TensorView ? item : tree(item),
    ]),
  );
const set = (): Tree => ({ 'a.weight': view(2, 2), 'a.bias': view(2) });
const found = (value: Tree) => findStateDict('w.pth', tree(value)).notes.join('; ');

test('the weights of a checkpoint are found under any common key', () => {
  for (const key of ['state_dict', 'model_state_dict', 'model', 'net', 'ema', 'state_dict_ema', 'anything'])
    assert.equal(found({ [key]: set(), epoch: 3, loss: view() }), `the weights are its entry "${key}"`);
  assert.equal(
    found({ model: { state_dict: set() }, epoch: 1 }),
    'the weights are its entry "model.state_dict"',
  );
  // Averaged weights, optimizer state and other entries are ignored, and reported.
  assert.match(found({ ema: set(), model: set() }), /entry "model"; ignored: ema/);
  assert.match(
    found({ state_dict_ema: set(), state_dict: set() }),
    /entry "state_dict"; ignored: state_dict_ema/,
  );
  assert.match(
    found({ model_ema: { module: set() }, model: set() }),
    /entry "model"; ignored: model_ema\.module/,
  );
  assert.equal(
    found({ weights_of_mine: set(), optimizer: { momentum: view(2), square: view(2) } }),
    'the weights are its entry "weights_of_mine"',
  );
  assert.equal(found({ ...set(), optimizer: set() }), 'ignored: optimizer');
});

test('two equally likely sets are refused, by name', () => {
  const pairs: Tree[] = [
    { model: set(), net: set() },
    { state_dict: set(), model_state_dict: set() },
    { generator: set(), discriminator: set() },
    { generator: set(), discriminator: set(), loss: view(), accuracy: view() },
    { left: { state_dict: set() }, right: { state_dict: set() } },
  ];
  for (const two of pairs) assert.throws(() => found(two), /holds several sets of tensors: \w+/);
});
