import { encodeModule, type ModuleInterface } from './encoder.js';
import { Routine, type Variable } from './terms.js';

/** A module of several routines. */
export class RoutineModule {
  readonly #routines: Routine[] = [];

  /** Defines a routine whose parameters are integers. */
  define(parameters: number, write: (routine: Routine, ...parameters: Variable[]) => void): Routine {
    const routine = new Routine(this.#routines.length, parameters);
    this.#routines.push(routine);
    write(routine, ...routine.parameters);
    return routine;
  }

  /** @param exports the exported routines, by name */
  encode(
    exports: Readonly<Record<string, Routine>>,
    memory: ModuleInterface['memory'],
  ): Uint8Array<ArrayBuffer> {
    const positions = Object.entries(exports).map(([name, { index }]) => [name, index] as const);
    return encodeModule(
      this.#routines.map(({ code }) => code),
      { exports: Object.fromEntries(positions), memory },
    );
  }
}
