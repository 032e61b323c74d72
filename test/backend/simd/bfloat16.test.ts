import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeKernel } from '../../../src/backend/simd/kernel.js';
import { type Formula, f } from '../../../src/ops/formula.js';
import { instantiate } from '../../../src/webassembly/runtime.js';
import { sharedMemory } from '../../support/kernel-memory.js';

const PAGES = 256;
const memory = sharedMemory(PAGES);
const buffer = memory.buffer as unknown as ArrayBuffer;

/** float32 rounded to bfloat16, halves to even, as bits; NaN has the quiet bit. */
function bitsOf(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

const widened = (halves: Uint16Array): Float32Array =>
  new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);

/** Float32 bits: all exponents, both signs, ties and their neighbours, NaN with any payload. */
function numbers(): Float32Array {
  const bits: number[] = [];
  for (const upper of [0, 1, 0x7f, 0x80, 0x3f80, 0x3f81, 0x7f7f, 0x7f80, 0x7f81, 0x7fbf, 0x7fc0, 0x7fff])
    for (const sign of [0, 0x8000])
      for (const lower of [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff])
        bits.push((((upper | sign) << 16) | lower) >>> 0);
  for (let i = 0; i < 4001; i++) bits.push(Math.floor(i * 1_073_479.77) >>> 0);
  return new Float32Array(Uint32Array.from(bits).buffer);
}

const SIZE = 1 << 18;
/** Runs a kernel of inputs of either type on [from, to), at addresses that are multiples of 2 or 4 only. */
function run(
  formula: Formula,
  inputs: readonly (Float32Array | Uint16Array)[],
  half: boolean,
  [from, to] = [0, inputs[0]!.length],
): Float32Array | Uint16Array {
  const halves = [...inputs.map((input) => input instanceof Uint16Array), half].flatMap((is, k) =>
    is ? [k] : [],
  );
  const dimensions = [{ size: 0, steps: inputs.map(() => 1) }];
  const kernel = encodeKernel({ formula, inputs: inputs.length, dimensions, halves }, PAGES);
  const addresses = inputs.map((input, k) => {
    const address = k * SIZE + input.BYTES_PER_ELEMENT;
    const kind = input instanceof Uint16Array ? Uint16Array : Float32Array;
    new kind(buffer, address, input.length).set(input);
    return address;
  });
  const output = inputs.length * SIZE + (half ? 2 : 4);
  const result = new (half ? Uint16Array : Float32Array)(buffer, output, inputs[0]!.length + 1);
  result.fill(7);
  instantiate(kernel, memory)(...addresses, output, from, to);
  return result.slice();
}

describe('bfloat16 in vector kernels', () => {
  const x = f.input(0);
  const all = numbers();

  it('is rounded to nearest, ties to even, and NaN stays NaN', () => {
    const got = run(x, [all], true);
    all.forEach((value, i) => {
      assert.equal(got[i], bitsOf(value), `${value} at ${i}`);
    });
    assert.equal(got[all.length], 7, 'nothing behind the last element is written');
  });

  it('is read exactly', () => {
    const every = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
    const got = run(x, [every], false).subarray(0, every.length);
    const bits = new Uint32Array((got as Float32Array).slice().buffer);
    bits.forEach((word, i) => {
      if (Number.isNaN(got[i])) assert.ok((i & 0x7f80) === 0x7f80 && (i & 0x7f) !== 0, `${i}`);
      else assert.equal(word, i * 2 ** 16, `${i}`);
    });
  });

  it('is mixed with float32 in any order and length', () => {
    const sum = f.add(f.mul(x, 2), f.input(1));
    for (const length of [1, 3, 4, 7, 8, 9, 15, 16, 17, 1001])
      for (const [first, second, half] of [
        [false, true, false],
        [true, false, true],
        [true, true, true],
        [false, false, true],
        [true, true, false],
      ] as const) {
        const values = [0.37, -1.9].map((step) => Float32Array.from({ length }, (_, i) => step * i - 3));
        const inputs = [first, second].map((is, k) =>
          is ? Uint16Array.from(values[k]!, bitsOf) : values[k]!,
        );
        const [a, b] = inputs.map((input) => (input instanceof Uint16Array ? widened(input) : input));
        const cut: [number, number] = [Math.floor(length / 3), length];
        const got = run(sum, inputs, half, cut);
        for (let i = 0; i < length; i++) {
          const exact = Math.fround(Math.fround(2 * a![i]!) + b![i]!);
          const expected = i < cut[0] ? 7 : half ? bitsOf(exact) : exact;
          assert.equal(got[i], expected, `${length} elements, ${first} ${second} ${half}, at ${i}`);
        }
        assert.equal(got[length], 7);
      }
  });
});
