/*
 * The two inner loops of `shrink.ts` in WebAssembly with 128-bit SIMD, several times as fast as in JavaScript.
 * Bytes of two neighbouring pixels are interleaved and widened to 16 bits, so that one instruction
 * multiplies them by two weights and adds the products in 32 bits.
 */
import { I, V } from '../../../webassembly/instructions.js';
import { RoutineModule } from '../../../webassembly/module.js';
import { accepts, exportsOf, type OwnMemory } from '../../../webassembly/runtime.js';
import { add, at, type Int, less, type Routine, type Variable } from '../../../webassembly/terms.js';

/** Functions of the module; all addresses are byte offsets in `memory`. Weights are 16-bit numbers, see `taps.ts`. */
export interface SimdShrink {
  readonly memory: OwnMemory;
  /**
   * Weighted sum of rows of bytes: `to[i] = (sum over k of from[i + k stride] weight[k] + half) >> bits` for `bytes`
   * bytes, 16 at a time. The weights lie from `weights` to `end`; their number is even.
   */
  down(
    from: number,
    stride: number,
    to: number,
    bytes: number,
    weights: number,
    end: number,
    bits: number,
  ): void;
  /** {@link down} of four rows, which is enough to shrink by up to 2. */
  readonly downFour: SimdShrink['down'];
  /**
   * Scales a row of 4-byte pixels to `count` pixels (a multiple of 4) in three planes, `plane` bytes apart. For each
   * output pixel, `starts` has the 32-bit address of its first input pixel and `weights` has `size` bytes of weights,
   * whose number is a multiple of 4.
   */
  across(
    starts: number,
    weights: number,
    to: number,
    plane: number,
    count: number,
    size: number,
    bits: number,
  ): void;
  /** {@link across} with four weights for each output pixel. */
  readonly acrossFour: SimdShrink['across'];
}

/** A vector variable. */
type Vector = number;

/** A new variable with one half in units of 2^-bits, in all four lanes. */
function half(routine: Routine, bits: Variable): Vector {
  const local = routine.code.vector();
  routine.push(1).get(bits.local).i32(1).sub().i(I.shiftLeft).v(V.splatI32).set(local);
  return local;
}

/** Shifts the words of four vectors right and narrows them to the 16 bytes of one. */
function narrow(routine: Routine, sums: readonly Vector[], bits: Variable, to: Vector): void {
  const [a, b, c, d] = sums as [Vector, Vector, Vector, Vector];
  const { code } = routine;
  const shifted = (sum: Vector) => code.get(sum).get(bits.local).v(V.i32ShrS);
  for (const [first, second] of [
    [a, b],
    [c, d],
  ] as const) {
    shifted(first);
    shifted(second);
    code.v(V.narrowI32);
  }
  code.v(V.narrowI16).set(to);
}

/** Adds to a sum the products of eight bytes, the first or the last of `bytes`, with weights of 16 bits. */
const addProducts = ({ code }: Routine, sum: Vector, bytes: Vector, half: 'low' | 'high', weights: Vector) =>
  code
    .get(sum)
    .get(bytes)
    .v(half === 'low' ? V.extendLowU8 : V.extendHighU8)
    .get(weights)
    .v(V.dotI16)
    .v(V.i32Add)
    .set(sum);

/** Runs `body` until a variable reaches an end, at least once. */
const until = (routine: Routine, variable: Variable, end: Int, body: () => void): void =>
  routine.repeat(body, less(variable, end));

/** Shuffle indices: the first eight bytes of two vectors alternately, and the second eight. */
const LOWER = [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23];
const UPPER = LOWER.map((place) => place + 8);

/** @param four for four rows, without an inner loop */
const down = (module: RoutineModule, four: boolean): Routine =>
  module.define(7, (routine, from, stride, to, bytes, weights, last, bits) => {
    const { code } = routine;
    const rounding = half(routine, bits);
    const sums = [0, 1, 2, 3].map(() => code.vector());
    const [p, q, pair, result] = [code.vector(), code.vector(), code.vector(), code.vector()];
    const row = routine.let(0);
    const loadRow = (into: Vector): void => {
      routine.push(row).memory(V.load).set(into);
      routine.step(row, stride);
    };
    const addRows = (factors: Vector): void => {
      loadRow(p);
      loadRow(q);
      for (const [k, places] of [LOWER, UPPER].entries()) {
        code.get(p).get(q).shuffle(places).set(pair);
        addProducts(routine, sums[2 * k]!, pair, 'low', factors);
        addProducts(routine, sums[2 * k + 1]!, pair, 'high', factors);
      }
    };
    const fixed = four ? [0, 4].map((offset) => routine.load(weights, offset, V.load32Splat)) : [];
    until(routine, to, routine.let(add(to, bytes)), () => {
      routine.set(row, from);
      for (const sum of sums) code.get(rounding).set(sum);
      if (four) for (const factors of fixed) addRows(factors);
      else {
        const weight = routine.let(weights);
        until(routine, weight, last, () => {
          const factors = routine.load(weight, 0, V.load32Splat);
          routine.step(weight, 4);
          addRows(factors);
        });
      }
      narrow(routine, sums, bits, result);
      routine.save(to, result);
      routine.step(from, 16);
      routine.step(to, 16);
    });
  });

/** Shuffle indices: four RGBX pixels as two pairs, each with the two reds first, then greens, blues and the rest. */
const PAIRS = [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15];
/** Shuffle indices: from four RGBX pixels to four reds, four greens and four blues. */
const BY_COLOUR = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

/** @param four for four weights per output pixel, without an inner loop */
const across = (module: RoutineModule, four: boolean): Routine =>
  module.define(7, (routine, starts, weights, to, plane, count, size, bits) => {
    const { code } = routine;
    const rounding = half(routine, bits);
    const sums = [0, 1, 2, 3].map(() => code.vector());
    const pixels = code.vector();
    const from = routine.let(0);
    /** Adds four input pixels to the colours of an output pixel. */
    const addPixels = (sum: Vector): void => {
      routine.push(from).memory(V.load).set(pixels);
      code.get(pixels).get(pixels).shuffle(PAIRS).set(pixels);
      addProducts(routine, sum, pixels, 'low', routine.load(weights, 0, V.load32Splat));
      addProducts(routine, sum, pixels, 'high', routine.load(weights, 4, V.load32Splat));
      routine.step(weights, 8);
    };
    until(routine, to, routine.let(add(to, count)), () => {
      // The colours of four output pixels; `weights` moves on to the next one.
      for (const [i, sum] of sums.entries()) {
        routine.set(from, at(starts, 4 * i));
        code.get(rounding).set(sum);
        if (four) addPixels(sum);
        else {
          until(routine, weights, routine.let(add(weights, size)), () => {
            addPixels(sum);
            routine.step(from, 16);
          });
        }
      }
      narrow(routine, sums, bits, pixels);
      code.get(pixels).get(pixels).shuffle(BY_COLOUR).set(pixels);
      routine.saveLane(to, pixels, 0);
      routine.saveLane(add(to, plane), pixels, 1);
      routine.saveLane(add(to, plane, plane), pixels, 2);
      routine.step(starts, 16);
      routine.step(to, 4);
    });
  });

/** Instantiates the module; undefined if WebAssembly has no SIMD here. */
export function simdShrink(): SimdShrink | undefined {
  const module = new RoutineModule();
  const bytes = module.encode(
    {
      down: down(module, false),
      across: across(module, false),
      downFour: down(module, true),
      acrossFour: across(module, true),
    },
    'own',
  );
  return accepts(bytes) ? (exportsOf(bytes) as unknown as SimdShrink) : undefined;
}
