import { V } from '../../webassembly/instructions.js';
import { add, less, min, mul, sub } from '../../webassembly/terms.js';
import { KernelModule, ordered } from './kernel-module.js';
import { VectorOperation } from './operation.js';
import type { KernelPool } from './pool.js';

const ARGS = ['values', 'results', 'bytes'] as const;
/** Bytes that a piece reads, and bytes of its result. */
const PIECE = 2 ** 16;
const RESULT = 16;

/** Float32, or bfloat16 in pairs. */
export type Width = 32 | 16;

/** Without their signs, floats are ordered as integers are, and NaN is above all others. */
function encode(width: Width, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  module.run(ARGS, (routine, p) => {
    const { code } = routine;
    const magnitude = code.vector();
    code
      .i32(width === 32 ? 0x7fffffff : 0x7fff0000)
      .v(V.splatI32)
      .set(magnitude);
    const largest = code.vector();
    const take = (value: number): void => {
      code.get(largest).get(value).get(magnitude).v(V.and).v(V.i32Max).set(largest);
      if (width === 32) return;
      code.get(largest).get(value).i32(16).v(V.i32Shl).get(magnitude).v(V.and).v(V.i32Max).set(largest);
    };
    routine.for(p.from, p.to, 1, (piece) => {
      code.f32(0).set(largest);
      const at = routine.let(add(p.values, mul(piece, PIECE)));
      const rest = routine.let(min(PIECE, sub(p.bytes, mul(piece, PIECE))));
      routine.while(less(RESULT - 1, rest), () => {
        take(routine.load(at));
        routine.step(at, 16);
        routine.step(rest, -16);
      });
      routine.while(less(0, rest), () => {
        take(routine.load(at, 0, V.load32Splat));
        routine.step(at, 4);
        routine.step(rest, -4);
      });
      routine.save(add(p.results, mul(piece, RESULT)), largest);
    });
  });
  return module.encodeFor(pages);
}

/** The largest magnitude of values in memory; NaN if one of them is NaN. */
export class Largest {
  readonly #operation: VectorOperation;
  readonly #pieces: number;

  /** @param bytes size of the values, a multiple of 4 */
  constructor(pool: KernelPool, bytes: number, width: Width) {
    this.#pieces = Math.ceil(bytes / PIECE);
    this.#operation = new VectorOperation(pool, this.#pieces * RESULT, [
      {
        kernel: pool.compile({ largest: width }, (pages) => encode(width, pages)),
        total: this.#pieces,
        piece: 1,
        elements: bytes / 4,
        args: ([values], results) => ordered(ARGS, { values: values!, results, bytes }),
      },
    ]);
  }

  /** Memory that `of` needs. */
  get scratchBytes(): number {
    return this.#operation.scratchBytes;
  }

  /** @param values offset of the values in the pool's memory. @param scratch offset of `scratchBytes` bytes */
  of(values: number, scratch: number): number {
    this.#operation.run([values], scratch);
    const { memory } = this.#operation.pool;
    const found = new Int32Array(memory.buffer, scratch, (this.#pieces * RESULT) / 4);
    return largestOf(found);
  }
}

const bits = new Int32Array(1);
const value = new Float32Array(bits.buffer);

/** The largest magnitude of float32 values, given their bits; NaN if one of them is NaN. */
export function largestOf(values: Int32Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = values[i]! & 0x7fffffff;
    if (magnitude > largest) largest = magnitude;
  }
  bits[0] = largest;
  return value[0]!;
}
