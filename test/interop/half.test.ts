import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../../src/interop/half.js';
import { floats } from '../../src/interop/numbers.js';
import { numberOf, numbersOf } from '../support/weight-files.js';

const ALL = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

/** All finite values of a format, sorted, to find neighbours. */
const finite = (decode: (bits: Uint16Array) => Float32Array): number[] =>
  [...decode(ALL)].filter(Number.isFinite).sort((a, b) => a - b);

for (const [name, decode, encode, largest] of [
  ['float16', fromFloat16, toFloat16, 65_504],
  ['bfloat16', fromBfloat16, toBfloat16, 2 ** 127 * (2 - 2 ** -7)],
] as const) {
  test(`each ${name} converts to float32 and back to the same bits`, () => {
    const values = decode(ALL);
    const bits = encode(values);
    for (const i of ALL) {
      if (Number.isNaN(values[i])) assert.ok(Number.isNaN(decode(bits.subarray(i, i + 1))[0]), `${i}`);
      else assert.equal(bits[i], i, `${values[i]}`);
    }
    assert.equal(Math.max(...finite(decode)), largest);
  });

  test(`${name} rounds to nearest, ties to even`, () => {
    const values = finite(decode);
    const even = (value: number) => encode(Float32Array.of(value))[0]! % 2 === 0;
    // For a few hundred pairs of neighbours, including subnormals: the midpoint, and values just beside it.
    for (let i = 1; i < values.length; i += 173) {
      const [low, high] = [values[i - 1]!, values[i]!];
      const middle = (low + high) / 2;
      const beside = (sign: number) => Math.fround(middle + (sign * (high - low)) / 8);
      const round = (value: number) => decode(encode(Float32Array.of(value)))[0]! + 0;
      assert.equal(round(middle), (even(low) ? low : high) + 0, `middle of ${low} and ${high}`);
      assert.equal(round(beside(-1)), low + 0, `below the middle of ${low} and ${high}`);
      assert.equal(round(beside(1)), high + 0, `above the middle of ${low} and ${high}`);
    }
  });
}

test('too large becomes infinity, too small becomes zero, and NaN stays NaN', () => {
  const half = (value: number) => fromFloat16(toFloat16(Float32Array.of(value)))[0];
  assert.deepEqual([65_519, 65_520, -1e9, Infinity].map(half), [65_504, Infinity, -Infinity, Infinity]);
  assert.deepEqual([2 ** -24, 2 ** -25, -(2 ** -25), 2 ** -25 * 1.001].map(half), [
    2 ** -24,
    0,
    -0,
    2 ** -24,
  ]);
  const brain = (value: number) => fromBfloat16(toBfloat16(Float32Array.of(value)))[0];
  assert.deepEqual([3.4e38, -3.4e38].map(brain), [Infinity, -Infinity]);
  // A NaN whose mantissa bits are all in the part that is cut off.
  const signalling = new Float32Array(Uint32Array.of(0x7f800001).buffer);
  assert.ok(Number.isNaN(fromBfloat16(toBfloat16(signalling))[0]));
  assert.ok(Number.isNaN(fromFloat16(toFloat16(signalling))[0]));
});

test('bfloat16 is written into given arrays', () => {
  const given = Float32Array.of(
    1,
    1 + 2 ** -8,
    1 + 3 * 2 ** -8,
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    3.4e38,
  );
  const packed = new Uint16Array(given.length);
  toBfloat16(given, packed);
  const back = new Float32Array(given.length);
  fromBfloat16(packed, back);
  assert.deepEqual([...back], [1, 1, 1 + 2 ** -6, -0, Number.NaN, Infinity, Infinity]);
});

test('rounding equals PyTorch’s', () => {
  const { float, half, bfloat16 } = numbersOf('torch-2.15').kinds!;
  const source = Float32Array.from(float!.data, numberOf);
  assert.deepEqual([...fromFloat16(toFloat16(source))], half!.data.map(numberOf));
  const wide = Float32Array.of(...source, 1e38, 1e-40, -3.3e38);
  assert.deepEqual([...fromBfloat16(toBfloat16(wide))], bfloat16!.data.map(numberOf));
});

test('integers of any width become floats', () => {
  const data = BigInt64Array.of(-1n, 2n ** 53n);
  assert.deepEqual([...floats({ dtype: 'I64', shape: [2], data })], [-1, 2 ** 53]);
  assert.deepEqual([...floats({ dtype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) })], [1, 0]);
});
