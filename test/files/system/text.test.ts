import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataError } from '../../../src/errors/errors.js';
import { textOf } from '../../../src/files/system/text.js';

const read = (bytes: Uint8Array): string => textOf('a.txt', bytes, DataError);

test('UTF-8 is read with and without a mark, and UTF-16 with one', () => {
  const text = 'Katze\r\n猫 🐈\r\n';
  assert.equal(read(Buffer.from(text)), text);
  assert.equal(read(Buffer.from(`\ufeff${text}`)), text);
  const wide = Buffer.from(`\ufeff${text}`, 'utf16le');
  assert.equal(read(wide), text, 'as PowerShell writes it');
  assert.equal(read(Buffer.from(wide).swap16()), text);
  assert.equal(read(new Uint8Array(0)), '');
});

test('other bytes are refused, not shown as question marks', () => {
  // "中文" in GBK, "ä" in Latin-1, half a character and half a pair in UTF-16.
  for (const bytes of [[0xd6, 0xd0, 0xce, 0xc4], [0xe4], [0xff, 0xfe, 0x41], [0xff, 0xfe, 0x00, 0xd8]])
    assert.throws(() => read(Uint8Array.from(bytes)), {
      name: 'DataError',
      message: /^a\.txt is not a text in UTF-8\. .*Next: save it as UTF-8/,
    });
});
