import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { excerpt } from '../../src/errors/excerpt.js';
import { sized } from '../../src/errors/sized.js';

test('strings and arrays of a valid length are accepted, others are rejected with both lengths', () => {
  const text = sized(z.string().trim(), 1, 3);
  assert.equal(text.parse(' abc '), 'abc');
  for (const wrong of ['', '  ', 'abcd']) assert.equal(text.safeParse(wrong).success, false, wrong);
  const { error } = sized(z.array(z.string()), 2).safeParse(['a']);
  assert.match(z.prettifyError(error!), /Expected a length of at least 2; got 1/);
});

test('an object whose length cannot be compared is rejected', () => {
  const trap = JSON.parse('{"length":{"toString":1}}');
  for (const schema of [sized(z.string(), 1, 3), sized(z.array(z.string()), 1)])
    assert.match(z.prettifyError(schema.safeParse(trap).error!), /expected (string|array), received object/);
});

test('a value in a message is truncated, and described if nested too deeply', () => {
  assert.equal(excerpt({ a: [1] }), '{"a":[1]}');
  assert.equal(excerpt(undefined), 'none');
  assert.equal(excerpt('x'.repeat(1000)).length, 201);
  const depth = 100_000;
  assert.equal(
    excerpt(JSON.parse('['.repeat(depth) + ']'.repeat(depth))),
    'a value that is nested too deeply',
  );
});
