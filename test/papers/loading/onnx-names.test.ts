import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { CheckpointError } from '../../../src/errors/errors.js';
import { writeFileAtomic } from '../../../src/files/atomic.js';
import { manualSeed } from '../../../src/index.js';
import { exportOnnx } from '../../../src/interop/onnx/index.js';
import { AdaptiveAvgPool2d, Conv2d, Flatten, Sequential } from '../../../src/nn/index.js';
import { openModel } from '../../../src/papers/loading/load.js';
import { namesInFile } from '../../../src/papers/loading/onnx-names.js';
import { runCli } from '../../support/cli.js';
import { scratch } from '../../support/toy.js';

const NAMES = ['cat', "dog's", 'a "big" ship'];
const TEXTS: Readonly<Record<string, string>> = {
  'a JSON list': JSON.stringify(NAMES),
  'a JSON dictionary': JSON.stringify({ 0: NAMES[0], 1: NAMES[1], 2: NAMES[2] }),
  'a JSON dictionary from 1, in another order': `{"3": ${JSON.stringify(NAMES[2])}, "1": "cat", "2": "dog's"}`,
  'a Python dictionary': `{0: 'cat', 1: "dog's", 2: 'a "big" ship'}`,
  'a Python dictionary with a comma at its end': `{ 0 : 'cat', 1:'dog\\'s', 2: 'a "big" ship', }`,
  'a Python list': `['cat', "dog's", 'a "big" ship']`,
  'a Python tuple': `('cat', "dog's", 'a \\x22big\\x22 ship')`,
  'a JSON dictionary from names to numbers': JSON.stringify({ "dog's": 1, cat: 0, 'a "big" ship': 2 }),
  'a JSON dictionary from names to numbers from 1': JSON.stringify({ "dog's": 2, cat: 1, 'a "big" ship': 3 }),
  'a Python dictionary from names to numbers': `{'cat': 0, 'a "big" ship': 2, "dog's": 1}`,
  'a name on each line': 'cat\r\ndog\'s\na "big" ship\n',
  'a numbered name on each line': '2: a "big" ship\n0: cat\n1: dog\'s',
  'names between commas': `cat, dog's,a "big" ship`,
  'quoted names between semicolons': `"cat"; "dog's"; 'a "big" ship'`,
};
for (const [title, text] of Object.entries(TEXTS))
  test(`class names in the metadata: ${title}`, () => {
    for (const key of ['classes', 'class_names', 'ClassNames', 'names', 'labels', 'id2label', 'class_to_idx'])
      assert.deepEqual(namesInFile('m.onnx', new Map([[key, text]]), 3), { names: NAMES, notes: [] });
  });

test('metadata that is not a list of names is not used, and is reported', () => {
  for (const text of [
    'ImageNet',
    '{"a": 1}',
    '[1, 2, 3]',
    '[]',
    '{0: [1]}',
    `['a' 'b']`,
    '{5: "a", 6: "b"}',
    '[',
    '{"a": 0, "b": 0, "c": 1}',
    '{"a": 0.5, "b": 1.5, "c": 2.5}',
    "{0: 'a': 1}",
    'a, b',
    'three classes of animals, and of ships, seen from above, by day',
  ]) {
    const { names, notes } = namesInFile('m.onnx', new Map([['names', text]]), 3);
    assert.equal(names, undefined, text);
    assert.match(notes.join(), /metadata "names" of m\.onnx is not a list/, text);
  }
  assert.deepEqual(namesInFile('m.onnx', new Map([['stride', '32']]), 3), { notes: [] });
});

test('a list that does not name each class once is refused', () => {
  for (const [text, got] of [
    ['["a", "b"]', /2 names/],
    ['["a", "b", "a"]', /a twice/],
    ['["a", " ", "b"]', /no name at position 2/],
    ['["a", "b\\u001b[2J", "c"]', /control character in the name at position 2/],
    ["['\\x1b', 'b', 'c']", /control character/],
  ] as const)
    assert.throws(
      () => namesInFile('m.onnx', new Map([['classes', text]]), 3),
      (error) =>
        error instanceof CheckpointError && got.test(error.message) && /--class-names/.test(error.message),
      text,
    );
});

test('names survive export, import and export; flags replace them', async (t) => {
  const folder = await scratch(t);
  manualSeed(3);
  const model = new Sequential(new Conv2d(3, 3, 3), new AdaptiveAvgPool2d(1), new Flatten()).eval();
  const file = join(folder, 'm.onnx');
  const metadata = { names: "{0: 'cat', 1: 'dog', 2: 'ship'}" };
  await writeFileAtomic(file, (await exportOnnx(model, [3, 8, 8], { metadata })).pieces);
  const opened = await openModel(file, referenceDevice());
  assert.deepEqual(opened.classes, ['cat', 'dog', 'ship']);
  const given = await openModel(file, referenceDevice(), { classes: ['x', 'y', 'z'] });
  assert.deepEqual(given.classes, ['x', 'y', 'z']);
  const again = join(folder, 'again.onnx');
  const { code, stderr } = await runCli(['export', file, '--out', again]);
  assert.equal(code, 0, stderr);
  const second = await openModel(again, referenceDevice());
  assert.deepEqual(second.classes, ['cat', 'dog', 'ship']);
  assert.ok(second.assumed, 'the preparation of images is still assumed');
});
