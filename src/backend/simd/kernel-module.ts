import { type Code, encodeModule } from '../../webassembly/encoder.js';
import { RoutineModule } from '../../webassembly/module.js';
import type { Routine, Variable } from '../../webassembly/terms.js';

/*
 * The pool runs modules that export one function, `run`. It takes addresses and other arguments, then the range of
 * pieces and the number of the thread. `pages` is the maximum size of the shared memory; 0 if the memory is not shared.
 */

/** A module of one kernel without further functions. */
export const moduleOf = (code: Code, pages: number): Uint8Array<ArrayBuffer> =>
  encodeModule([code], { exports: { run: 0 }, memory: { sharedPages: pages } });

/** A module whose kernel calls other routines. */
export class KernelModule extends RoutineModule {
  #run: Routine | undefined;

  /** Defines the kernel: named arguments, then the range of pieces and the number of the thread. */
  run<Name extends string>(
    names: readonly Name[],
    write: (routine: Routine, values: Readonly<Record<Name | 'from' | 'to' | 'thread', Variable>>) => void,
  ): void {
    const all = [...names, 'from', 'to', 'thread'] as const;
    this.#run = this.define(all.length, (routine, ...variables) => {
      const values = Object.fromEntries(all.map((name, k) => [name, variables[k]!]));
      write(routine, values as Record<(typeof all)[number], Variable>);
    });
  }

  encodeFor(pages: number): Uint8Array<ArrayBuffer> {
    return this.encode({ run: this.#run! }, { sharedPages: pages });
  }
}

/** The values of named arguments, in the order of the names. */
export const ordered = <Name extends string>(
  names: readonly Name[],
  values: Readonly<Record<Name, number>>,
): number[] => names.map((name) => values[name]);
