import { add, at, less, type Routine } from '../../../webassembly/terms.js';
import type { KernelModule } from '../kernel-module.js';

const LINE = 64;
/** Lines that are read at once. */
const AT_ONCE = 8;

/**
 * A routine `(from, bytes, sink)` that reads a word of each cache line of a range, so that the lines come from memory
 * together: a kernel that goes from row to row waits for each few lines of each part of a row. The sum is stored at `sink`,
 * which the caller overwrites.
 */
export const touchLines = (module: KernelModule): Routine =>
  module.define(3, (routine, from, bytes, sink) => {
    const sum = routine.let(0);
    const read = (lines: number): void => {
      const words = Array.from({ length: lines }, (_, k) => at(from, k * LINE));
      routine.set(sum, add(sum, ...words));
      routine.step(from, lines * LINE);
      routine.step(bytes, -lines * LINE);
    };
    routine.while(less(AT_ONCE * LINE - 1, bytes), () => read(AT_ONCE));
    routine.while(less(0, bytes), () => read(1));
    routine.store(sink, sum);
  });
