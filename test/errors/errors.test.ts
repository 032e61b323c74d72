import assert from 'node:assert/strict';
import test from 'node:test';
import {
  CheckpointError,
  DataError,
  DeviceError,
  errorFromPlain,
  errorToPlain,
  PaperweightError,
  ShapeError,
  UsageError,
} from '../../src/errors/errors.js';
import { diskError } from '../../src/files/disk-error.js';

test('the message is one paragraph of the given parts', () => {
  const full = new DataError({ what: 'a is broken', expected: '3 bytes', got: '2 bytes', next: 'fetch it' });
  assert.equal(full.message, 'a is broken. Expected 3 bytes; got 2 bytes. Next: fetch it.');
  assert.equal(new DataError({ what: 'a is broken.' }).message, 'a is broken.');
  assert.equal(new DataError({ what: 'a', expected: 'b' }).message, 'a. Expected b.');
  assert.equal(new DataError({ what: 'a', got: 'b' }).message, 'a. Got b.');
  assert.equal(full.next, 'fetch it');
});

test('every class has its name, its stack and its base', () => {
  for (const Kind of [PaperweightError, DataError, UsageError, CheckpointError, ShapeError, DeviceError]) {
    const cause = new Error('below');
    const error = new Kind({ what: 'x', cause });
    assert.ok(error instanceof PaperweightError);
    assert.equal(error.name, Kind.name);
    assert.ok(error.stack?.startsWith(`${Kind.name}: x.`), error.stack);
    assert.equal(error.cause, cause);
    assert.ok(!('cause' in new Kind({ what: 'x' })));
  }
});

test('an error keeps its class and message across threads', () => {
  const error = new UsageError({ what: 'a', expected: 'b', got: 'c', next: 'd' });
  const copy = errorFromPlain(structuredClone(errorToPlain(error)));
  assert.ok(copy instanceof UsageError);
  assert.equal(copy.message, error.message);
  const other = errorFromPlain(errorToPlain(new RangeError('too far')));
  assert.equal(`${other}`, 'RangeError: too far');
  assert.equal(errorFromPlain(errorToPlain('text')).message, 'text');
});

test('disk errors say what to do', () => {
  for (const [code, words] of [
    ['ENOSPC', /full disk.*free some space/],
    ['EACCES', /no permission.*choose a folder/],
    ['EROFS', /read-only/],
    ['ENOENT', /no such file or folder/],
  ] as const) {
    const cause = Object.assign(new Error('raw'), { code });
    const error = diskError(cause, 'cannot write a', CheckpointError, 'linux');
    assert.ok(error instanceof CheckpointError);
    assert.match(error.message, /^cannot write a\. Expected [^;]+; got [^;]+\. Next: [^;]+\.$/);
    assert.match(error.message, words);
    assert.equal(error.cause, cause);
  }
  // Windows has one code for no permission and for a file that is open elsewhere.
  for (const code of ['EPERM', 'EACCES', 'EBUSY']) {
    const cause = Object.assign(new Error('raw'), { code });
    const { message } = diskError(cause, 'cannot write a', CheckpointError, 'win32');
    assert.match(
      message,
      /another program has open \(E[A-Z]+\)\. Next: close the other program, make the file writable, or/,
    );
  }
  assert.match(diskError(new Error('odd'), 'cannot read a', DataError).message, /cannot read a\. Got odd\./);
  const ours = new UsageError({ what: 'x' });
  assert.equal(diskError(ours, 'y', DataError), ours);
});

test('a very long part is truncated, and the rest of the message is kept', () => {
  const error = new DataError({ what: 'a file', got: 'x'.repeat(1_000_000), next: 'fetch it again' });
  assert.ok(error.message.length < 2100, `${error.message.length}`);
  assert.match(error.message, /^a file\. Got x+… Next: fetch it again\.$/);
  assert.equal(error.got, `${'x'.repeat(2000)}…`);
});
