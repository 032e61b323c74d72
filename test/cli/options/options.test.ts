import assert from 'node:assert/strict';
import test from 'node:test';
import {
  filled,
  fraction,
  integer,
  nonNegativeNumber,
  oneOf,
  type Parser,
  pathName,
  positiveInteger,
  positiveNumber,
} from '../../../src/cli/options/options.js';
import { UsageError } from '../../../src/errors/errors.js';

function refuses<T>(parse: Parser<T>, texts: readonly string[], expected: RegExp) {
  for (const text of texts)
    assert.throws(
      () => parse(text),
      (error: Error) => {
        assert.ok(error instanceof UsageError, `${text}: ${error.stack}`);
        assert.match(error.message, /^--flag /);
        assert.match(error.message, expected);
        assert.ok(error.got?.includes(text));
        return true;
      },
      text,
    );
}

test('whole numbers', () => {
  const parse = positiveInteger('--flag', 100);
  assert.deepEqual(['1', '100', '+7', '007'].map(parse), [1, 100, 7, 7]);
  refuses(
    parse,
    ['0', '-1', '101', '1.5', '1e2', '0x10', '', ' 1', 'abc', 'NaN', 'Infinity', '9007199254740993'],
    /Expected a whole number of at least 1 and at most 100;/,
  );
  refuses(positiveInteger('--flag'), ['0'], /whole number of at least 1;/);
  assert.equal(integer('--flag')('-3'), -3);
  refuses(integer('--flag'), ['9007199254740993', '3.0'], /Expected a whole number;/);
});

test('numbers', () => {
  assert.deepEqual(
    ['0.01', '1e-3', '.5', '2.', '+1E2'].map(positiveNumber('--flag')),
    [0.01, 1e-3, 0.5, 2, 100],
  );
  refuses(positiveNumber('--flag'), ['0', '-1', 'NaN', 'Infinity', '1e999', '0,1', '', '1 2'], /above 0/);
  assert.equal(nonNegativeNumber('--flag')('0'), 0);
  refuses(nonNegativeNumber('--flag'), ['-0.1', 'x'], /at least 0/);
  assert.deepEqual(['0', '0.9'].map(fraction('--flag')), [0, 0.9]);
  refuses(fraction('--flag'), ['1', '-0.1'], /of at least 0 and below 1/);
});

test('words and paths', () => {
  const parse = oneOf('--flag', ['auto', 'onednn']);
  assert.equal(parse('auto'), 'auto');
  refuses(parse, ['Auto', 'gpu', ''], /Expected one of auto, onednn;/);
  assert.equal(pathName('--flag')('a b'), 'a b');
  assert.equal(pathName('--flag', '/')('a/b'), 'a/b');
  assert.equal(pathName('--flag', '\\')('a/b'), 'a\\b', 'one way of writing on Windows');
  refuses(pathName('--flag'), [''], /name of a file or folder/);
  refuses(
    pathName('--flag', '\\'),
    ['runs/nul', 'run:1', 'runs/a.'],
    /that of a device, such as con, nul or aux/,
  );
  assert.equal(pathName('--flag', '/')('runs/nul'), 'runs/nul', 'other systems have such names');
  for (const text of ['features.*', 'cat/kitten,dog', '::1', '-']) assert.equal(filled('--flag')(text), text);
  refuses(filled('--flag'), [''], /a value that is not empty/);
});
