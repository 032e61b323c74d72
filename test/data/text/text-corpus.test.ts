import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { DataLoader } from '../../../src/data/loader.js';
import { TextCorpus } from '../../../src/data/text/text-corpus.js';
import { Vocabulary } from '../../../src/data/text/vocabulary.js';
import { DataError, UsageError } from '../../../src/errors/errors.js';
import { temporaryFolder } from '../support.js';

describe('TextCorpus', () => {
  it('gives windows of ids and the same windows one character later', async (t) => {
    const file = path.join(await temporaryFolder(t), 'text.txt');
    await writeFile(file, 'abcé😀ab');
    const text = await TextCorpus.open(file, { context: 3 });
    assert.deepEqual(text.vocabulary.characters, ['a', 'b', 'c', 'é', '😀']);
    assert.deepEqual([...text.ids], [0, 1, 2, 3, 4, 0, 1]);
    assert.equal(text.length, 4);
    assert.deepEqual(text.get(3), [Int32Array.of(3, 4, 0), Int32Array.of(4, 0, 1)]);
    assert.equal(text.vocabulary.decode(text.get(1)[0]), 'bcé');
    assert.throws(() => text.get(4), /no window 4/);
    for (const workers of [0, 1])
      for await (const [inputs, targets] of new DataLoader(text, { batchSize: 4, workers })) {
        assert.deepEqual([inputs.dtype, inputs.shape, targets.shape], ['int32', [4, 3], [4, 3]]);
        assert.deepEqual([...(await targets.data())].slice(0, 3), [1, 2, 3]);
      }
  });

  it('moves by a stride, and splits with one vocabulary', () => {
    const text = new TextCorpus('0123456789', { context: 2, stride: 3 });
    assert.equal(text.length, 3);
    assert.deepEqual(text.get(2), [Int32Array.of(6, 7), Int32Array.of(7, 8)]);
    const [train, rest] = new TextCorpus('aaabbbccc', { context: 1 }).split(2 / 3);
    assert.deepEqual([train.ids.length, rest.ids.length, rest.vocabulary.size], [6, 3, 3]);
    assert.deepEqual([...rest.ids], [2, 2, 2]);
  });

  it('refuses text without a window, unknown characters and bytes that are not text', async (t) => {
    assert.throws(() => new TextCorpus('abc', { context: 3 }), /at least 4 characters/);
    assert.throws(
      () => new TextCorpus('abd', { context: 1, vocabulary: Vocabulary.of('abc') }),
      /"d".*U\+0064 at position 2/s,
    );
    assert.throws(() => new TextCorpus('abc', { context: 0 }), UsageError);
    assert.throws(() => new TextCorpus('', { context: 1 }), DataError);
    assert.throws(() => new Vocabulary(['a', 'a']), /"a" at position 1/);
    assert.throws(() => new Vocabulary(['ab']), UsageError);
    assert.throws(() => Vocabulary.of('ab').decode([2]), /2 at position 0/);
    const file = path.join(await temporaryFolder(t), 'image.png');
    await writeFile(file, Buffer.from([0xff, 0xfe, 0x80]));
    await assert.rejects(TextCorpus.open(file, { context: 1 }), /UTF-8/);
    await assert.rejects(TextCorpus.open(`${file}.none`, { context: 1 }), DataError);
  });
});
