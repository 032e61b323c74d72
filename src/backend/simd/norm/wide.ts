import { V } from '../../../webassembly/instructions.js';
import type { Routine } from '../../../webassembly/terms.js';
import { HIGH_HALF, LOW_HALVES } from '../functions/power.js';

/** Four numbers in float64: two vector variables. */
export interface Wide {
  readonly low: number;
  readonly high: number;
}

/** The first lane of the first vector, and the second lane of the second. */
const FIRST_ALONE = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

/** Arithmetic on vectors of float64. Each method returns new variables. */
export class WideMath {
  readonly #zero: number;

  constructor(readonly routine: Routine) {
    const { code } = routine;
    this.#zero = code.vector();
    code.f64(0).set(this.#zero);
  }

  #keep(): number {
    const local = this.routine.code.vector();
    this.routine.code.set(local);
    return local;
  }

  /** Four float32 numbers. */
  widen(x: number): Wide {
    const { code } = this.routine;
    code.get(x).v(V.promoteLow);
    const low = this.#keep();
    code.get(x).get(x).shuffle(HIGH_HALF).v(V.promoteLow);
    return { low, high: this.#keep() };
  }

  /** Four float32 numbers, rounded. */
  narrow({ low, high }: Wide): number {
    this.routine.code.get(low).v(V.demote).get(high).v(V.demote).shuffle(LOW_HALVES);
    return this.#keep();
  }

  /** Applies an instruction to both halves; a single vector variable is used for both. */
  apply(instruction: number, a: Wide | number, b: Wide | number): Wide {
    const { code } = this.routine;
    const half = (which: 'low' | 'high'): number => {
      for (const value of [a, b]) code.get(typeof value === 'number' ? value : value[which]);
      code.v(instruction);
      return this.#keep();
    };
    return { low: half('low'), high: half('high') };
  }

  /** Applies an instruction to one vector of float64. */
  one(instruction: number, ...values: readonly number[]): number {
    for (const value of values) this.routine.code.get(value);
    this.routine.code.v(instruction);
    return this.#keep();
  }

  /** The number at an address of a float32, in both lanes. */
  number(address: Parameters<Routine['load']>[0]): number {
    this.routine.code.get(this.routine.load(address, 0, V.load32Splat)).v(V.promoteLow);
    return this.#keep();
  }

  /** An accumulator: adds four numbers at a time, or one number if `alone`. */
  sum(): { reset: () => void; add: (x: Wide, alone: boolean) => void; total: () => number } {
    const { code } = this.routine;
    const [low, high] = [code.vector(), code.vector()];
    return {
      reset: () => void code.f64(0).set(low).f64(0).set(high),
      add: (x, alone) => {
        code.get(low).get(x.low);
        if (alone) code.get(this.#zero).shuffle(FIRST_ALONE);
        code.v(V.f64Add).set(low);
        if (!alone) code.get(high).get(x.high).v(V.f64Add).set(high);
      },
      total: () => {
        const both = this.one(V.f64Add, low, high);
        code.get(both).get(both).get(both).shuffle(HIGH_HALF).v(V.f64Add);
        const first = this.#keep();
        code.get(first).get(first).shuffle(LOW_HALVES);
        return this.#keep();
      },
    };
  }
}
