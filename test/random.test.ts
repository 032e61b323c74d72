import assert from 'node:assert/strict';
import test from 'node:test';
import { UsageError } from '../src/errors/errors.js';
import { Generator, philox4x32 } from '../src/random.js';

function hex(counter: number[], key: number[]): string {
  const out = new Uint32Array(4);
  philox4x32(counter, key, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0')).join(' ');
}

function draw(generator: Generator, count: number): number[] {
  return Array.from({ length: count }, () => generator.nextUint32());
}

// From Random123 1.14, tests/kat_vectors, philox4x32 10.
test('philox4x32 gives the known results of Random123', () => {
  const ones = 0xffffffff;
  assert.equal(hex([0, 0, 0, 0], [0, 0]), '6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  assert.equal(hex([ones, ones, ones, ones], [ones, ones]), '408f276d 41c83b0e a20bc7c6 6d5451fd');
  assert.equal(
    hex([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  );
});

test('a generator uses the blocks of Philox in order', () => {
  const out = new Uint32Array(4);
  const expected: number[] = [];
  for (let block = 0; block < 3; block++) {
    philox4x32([block, 0, 7, 0], [5, 1], out);
    expected.push(...out);
  }
  assert.deepEqual(draw(new Generator(2 ** 32 + 5, 7), 12), expected);
});

test('seeds, streams and forks give different numbers, which are reproducible', () => {
  const make = [
    () => new Generator(1),
    () => new Generator(-1),
    () => new Generator(1 + 2 ** 32),
    () => new Generator(1, 1),
    () => new Generator(1, 2 ** 40),
    () => new Generator(1).fork(0),
    () => new Generator(1).fork(1),
    () => new Generator(1, 1).fork(0),
    () => new Generator(1).fork(0).fork(0),
  ];
  const seen = new Set(make.map((one) => draw(one(), 4).join()));
  assert.equal(seen.size, make.length);
  for (const one of make) assert.deepEqual(draw(one(), 9), draw(one(), 9));
});

test('a fork does not depend on the numbers that its parent has drawn', () => {
  const parent = new Generator(3);
  const before = draw(parent.fork(4), 5);
  draw(parent, 7);
  assert.deepEqual(draw(parent.fork(4), 5), before);
});

test('the key of a fork is not a block of its parent', () => {
  const parent = new Generator(3, 4);
  const words = draw(new Generator(3, 4), 40);
  for (let stream = 0; stream < 10; stream++) assert.ok(!words.includes(parent.fork(stream).state().key[0]));
});

test('integer has no bias (without rejection, a third of the results would be twice as likely)', () => {
  const generator = new Generator(2);
  let multiples = 0;
  for (let i = 0; i < 30_000; i++) if (generator.integer(3 * 2 ** 30) % 3 === 0) multiples++;
  assert.ok(Math.abs(multiples - 10_000) < 500, `${multiples} of 30000`);
});

test('a generator continues from a saved state at every position', () => {
  for (let position = 0; position < 10; position++) {
    const generator = new Generator(9, 3).fork(8);
    draw(generator, position);
    generator.normal();
    const copy = Generator.fromState(JSON.parse(JSON.stringify(generator.state())));
    assert.deepEqual(copy.state(), generator.state());
    for (let i = 0; i < 5; i++) assert.equal(copy.normal(), generator.normal());
    assert.deepEqual(draw(copy, 9), draw(generator, 9));
  }
});

test('uniform, normal and integer have the right moments', () => {
  const generator = new Generator(11);
  const count = 100_000;
  let [sum, squares, low, high] = [0, 0, Infinity, -Infinity];
  for (let i = 0; i < count; i++) {
    const value = generator.uniform(-1, 3);
    sum += value;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  assert.ok(low >= -1 && low < -0.99 && high < 3 && high > 2.99, `${low} ${high}`);
  assert.ok(Math.abs(sum / count - 1) < 0.02);
  [sum, squares] = [0, 0];
  for (let i = 0; i < count; i++) {
    const value = generator.normal(2, 3);
    sum += value;
    squares += (value - 2) ** 2;
  }
  assert.ok(Math.abs(sum / count - 2) < 0.05, `mean ${sum / count}`);
  assert.ok(Math.abs(squares / count - 9) < 0.2, `variance ${squares / count}`);
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[generator.integer(7)]!++;
  for (const one of counts) assert.ok(Math.abs(one - 10_000) < 500, `${counts}`);
  assert.equal(generator.integer(1), 0);
  assert.ok(generator.integer(2 ** 32) < 2 ** 32);
});

test('uniform has 24 bits, so float32 keeps it below 1', () => {
  const generator = new Generator(1);
  for (let i = 0; i < 1000; i++) {
    const value = generator.uniform();
    assert.equal(Math.fround(value), value);
    assert.ok(value < 1);
  }
});

test('a permutation contains every number once', () => {
  const order = new Generator(5).permutation(1000);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [...Array(1000).keys()],
  );
  assert.notDeepEqual([...order], [...Array(1000).keys()]);
  assert.deepEqual(new Generator(5).permutation(1000), order);
  assert.deepEqual([...new Generator(5).permutation(0)], []);
});

test('bad arguments are usage errors', () => {
  const generator = new Generator(0);
  assert.throws(() => new Generator(0.5), UsageError);
  assert.throws(() => new Generator(Number.NaN), UsageError);
  assert.throws(() => new Generator(0, -1), UsageError);
  assert.throws(() => generator.fork(-1), UsageError);
  assert.throws(() => generator.integer(0), UsageError);
  assert.throws(() => generator.integer(2 ** 32 + 1), UsageError);
  assert.throws(() => generator.permutation(-1), UsageError);
  const state = generator.state();
  assert.throws(() => Generator.fromState({ ...state, position: -1 }), UsageError);
  assert.throws(() => Generator.fromState({ ...state, key: [1, 2 ** 32] }), UsageError);
  assert.throws(() => Generator.fromState({ ...state, key: [1] as never }), UsageError);
  assert.throws(() => Generator.fromState({ ...state, spare: Number.NaN }), UsageError);
});
