import assert from 'node:assert/strict';
import fs from 'node:fs';
import { readFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { LineFile } from '../../src/files/line-file.js';
import { scratch } from '../support/toy.js';

test('a partly written line is removed, and written completely later', async (t) => {
  const file = new LineFile(join(await scratch(t), 'a.jsonl'));
  const messages: string[] = [];
  file.onMessage = (text) => messages.push(text);
  file.append({ n: 1 });
  const { writeSync } = fs;
  let room = 5;
  fs.writeSync = ((fd: number, bytes: Buffer, from: number) => {
    if (room === 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    const written = writeSync(fd, bytes, from, Math.min(room, bytes.length - from));
    room -= written;
    return written;
  }) as typeof writeSync;
  syncBuiltinESMExports();
  t.after(() => {
    fs.writeSync = writeSync;
    syncBuiltinESMExports();
  });
  file.append({ n: 2 });
  assert.equal(await readFile(file.path, 'utf8'), '{"n":1}\n');
  file.append({ n: 3 });
  assert.equal(await readFile(file.path, 'utf8'), '{"n":1}\n');
  assert.equal(messages.length, 1, messages.join('\n'));
  room = 1000;
  file.append({ n: 4 });
  assert.equal(file.text(), '{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}\n');
  assert.match(messages[1]!, /is complete: 2 delayed lines were written/);
});
