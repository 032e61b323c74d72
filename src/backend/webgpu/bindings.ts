import { DeviceError } from '../../errors/errors.js';
import type { DType } from '../../graph/types.js';
import type { GpuBuffer } from './api.js';
import { ALIGNMENT, roomFor } from './builder.js';
import { type Access, assembleCode, type Program, type Slot } from './kernels/program.js';

/** A value in a buffer. */
export interface Operand {
  readonly buffer: GpuBuffer;
  /** In bytes, a multiple of 4. */
  readonly offset: number;
  readonly dtype: DType;
  readonly count: number;
  /** Whether its float32 elements are stored in float16. */
  readonly half?: boolean;
}

interface Range {
  readonly buffer: GpuBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** The range that is bound for a value: from an aligned place on. */
function rangeOf({ buffer, offset, dtype, count, half }: Operand): Range {
  const start = Math.floor(offset / ALIGNMENT) * ALIGNMENT;
  return { buffer, offset: start, bytes: offset - start + roomFor(dtype, count, half) };
}

/** Bytes of each binding of a range that is larger than a binding may be. */
export const pieceOf = (limit: number): number => Math.floor(limit / ALIGNMENT) * ALIGNMENT;

const endOf = ({ offset, bytes }: Range): number => offset + bytes;

/** Which inputs a program reads; others need no binding. */
export const readsOf = ({ inputs, code }: Program): boolean[] =>
  inputs.map((_, k) => code.includes(`in${k}(`) || code.includes(`word${k}(`));

/**
 * The code of a program for operands in given buffers. An input that lies in the buffer of an output is read through the
 * output's binding, since a kernel cannot bind a buffer for reading and for writing; a value larger than a binding gets
 * several.
 *
 * @param limit bytes of the largest binding
 * @returns `distances` are passed behind the program's own numbers
 */
export function bindingsOf(
  program: Program,
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  limit: number,
): {
  readonly code: string;
  readonly slots: readonly Slot[];
  readonly ranges: readonly Range[];
  readonly distances: readonly number[];
} {
  const distances: number[] = [];
  const piece = pieceOf(limit);
  const reads = readsOf(program);
  const through = inputs.map(({ buffer }) => outputs.findIndex((output) => output.buffer === buffer));
  const spans = outputs.map((output, k) => {
    const all = [output, ...inputs.filter((_, n) => reads[n] && through[n] === k)].map(rangeOf);
    const offset = Math.min(...all.map((range) => range.offset));
    return { buffer: output.buffer, offset, bytes: Math.max(...all.map(endOf)) - offset };
  });
  /** How an operand is reached in a binding, of which an output's may be shared. */
  const access = ({ dtype, offset, half = false }: Operand, own: Range, through?: number): Access => {
    const pieces = Math.ceil(own.bytes / piece);
    const each = half ? 2 : 4;
    const made = { dtype, half, piece: piece / each, pieces, ...(through === undefined ? {} : { through }) };
    if (offset === own.offset) return made;
    distances.push((offset - own.offset) / each);
    return { ...made, distance: program.params + distances.length - 1 };
  };
  const puts = outputs.map((output, k) => access(output, spans[k]!));
  const gets = inputs.map((input, n) => {
    if (!reads[n]) return undefined;
    const k = through[n]!;
    return k < 0 ? access(input, rangeOf(input)) : access(input, spans[k]!, k);
  });
  inputs.forEach(({ dtype, half = false }, n) => {
    const output = outputs[through[n]!];
    if (
      reads[n] &&
      output &&
      ((output.half ?? false) !== half || (output.dtype === 'float32') !== (dtype === 'float32'))
    )
      throw new DeviceError({ what: `A kernel (${program.kernel}) reads its own result as another type` });
  });
  const { code, slots } = assembleCode(program, gets, puts);
  const split = (range: Range): Range[] =>
    Array.from({ length: Math.ceil(range.bytes / piece) }, (_, p) => ({
      buffer: range.buffer,
      offset: range.offset + p * piece,
      bytes: Math.min(piece, range.bytes - p * piece),
    }));
  const ranges = [
    ...spans.flatMap(split),
    ...inputs.flatMap((input, n) => (reads[n] && through[n]! < 0 ? split(rangeOf(input)) : [])),
  ];
  return { code, slots, ranges, distances };
}
