import type { Formula } from '../../ops/formula.js';
import type { Dimension } from '../plan/broadcast.js';
import { Code, encodeModule, V } from './encoder.js';
import { HIGH_HALF, LOW_HALVES } from './functions.js';
import { render } from './render.js';

/** Sums are added up in float64; the largest value is NaN if any value is. */
export type Fold = 'sum' | 'max';

/**
 * The work of a reduction: a formula of the inputs, folded over some dimensions. `steps` of a dimension has one more
 * entry than there are inputs, that of the output, which is 0 where the dimension is reduced.
 */
export interface ReductionShape {
  readonly fold: Fold;
  readonly formula: Formula;
  readonly inputs: number;
  /** The innermost is last. */
  readonly dimensions: readonly Dimension[];
}

/** Vectors of results that are computed at a time where neighbours in memory belong to different results. */
const WIDE = 4;

/** The dimension that threads share: the outermost that is not reduced; undefined if there is one result only. */
export const sharedDimension = ({
  inputs,
  dimensions,
}: Omit<ReductionShape, 'fold' | 'formula'>): Dimension | undefined =>
  dimensions.find(({ steps }) => steps[inputs] !== 0);

/**
 * A module whose `run(a, b, …, y, from, to)` computes the results `from` to `to` of the shared dimension (0 to 1 if
 * there is one result only). Each result is computed by one thread in one order, so that it does not depend on the
 * number of threads.
 */
export function encodeReduction(shape: ReductionShape, pages: number): Uint8Array<ArrayBuffer> {
  const { inputs, dimensions } = shape;
  const code = new Code(inputs + 3);
  const [from, to] = [inputs + 1, inputs + 2];
  const kept = dimensions.filter(({ steps }) => steps[inputs] !== 0);
  const reduced = dimensions.filter(({ steps }) => steps[inputs] === 0);
  /** Whether neighbours in memory belong to different results. */
  const across = dimensions.at(-1)!.steps[inputs] !== 0;
  const outer = across ? kept.slice(0, -1) : kept;
  const parameters = Array.from({ length: inputs + 1 }, (_, k) => k);

  const copies = (locals: readonly number[]): number[] =>
    locals.map((local) => {
      const copy = code.integer();
      code.get(local).set(copy);
      return copy;
    });
  const move = (locals: readonly number[], steps: readonly number[], by = 1): void =>
    locals.forEach((local, k) => {
      if (steps[k] !== 0)
        code
          .get(local)
          .i32(4 * steps[k]! * by)
          .add()
          .set(local);
    });
  const integer = (value: number): number => {
    const local = code.integer();
    code.i32(value).set(local);
    return local;
  };
  const repeat = (i: number, end: number, step: number, body: () => void): void =>
    code.while(
      () => code.get(i).get(end).less(),
      () => {
        body();
        code.get(i).i32(step).add().set(i);
      },
    );

  /** Loops over dimensions, the first one from `i` to `end`; addresses are copies that `body` may change. */
  const loops = (
    over: readonly Dimension[],
    addresses: readonly number[],
    body: (addresses: readonly number[]) => void,
    i?: number,
    end?: number,
  ): void => {
    const [first, ...rest] = over;
    if (!first) {
      body(addresses);
      return;
    }
    const own = copies(addresses);
    repeat(i ?? integer(0), end ?? integer(first.size), 1, () => {
      loops(rest, own, (below) => body(below));
      move(own, first.steps);
    });
  };

  /** Loads the inputs and computes the formula. */
  const value = (
    addresses: readonly number[],
    steps: readonly number[],
    single: boolean,
    offset = 0,
  ): number =>
    render(
      code,
      shape.formula,
      Array.from({ length: inputs }, (_, k) => {
        const local = code.vector();
        const repeated = steps[k] === 0;
        code.get(addresses[k]!);
        code.memory(repeated || single ? V.load32Splat : V.load, repeated ? 0 : offset);
        code.set(local);
        return local;
      }),
    );

  /** Accumulators of four results each. */
  const start = (count: number): Accumulator[] =>
    Array.from({ length: count }, () => new Accumulator(code, shape.fold));

  /** Results whose values lie one behind the other. */
  const along = (addresses: readonly number[]): void => {
    const [total] = start(1);
    total!.reset();
    const innermost = dimensions.at(-1)!;
    loops(reduced.slice(0, -1), addresses.slice(0, inputs), (below) => {
      const own = copies(below);
      const i = integer(0);
      repeat(i, integer(innermost.size - 3), 4, () => {
        total!.add(value(own, innermost.steps, false));
        move(own, innermost.steps, 4);
      });
      repeat(i, integer(innermost.size), 1, () => {
        total!.addFirst(value(own, innermost.steps, true));
        move(own, innermost.steps);
      });
    });
    code.get(addresses[inputs]!).get(total!.folded()).memory(V.store32Lane, 0, 0);
  };

  /** Neighbouring results, from `i` to `end`; `vectors` of four at a time, or one result. */
  const beside = (addresses: readonly number[], i: number, end: number): void => {
    const innermost = dimensions.at(-1)!;
    const own = copies(addresses);
    const block = (vectors: number, single: boolean): void => {
      const totals = start(vectors);
      for (const total of totals) total.reset();
      loops(reduced, own.slice(0, inputs), (below) =>
        totals.forEach((total, v) => {
          total.add(value(below, innermost.steps, single, 16 * v));
        }),
      );
      totals.forEach((total, v) => {
        code.get(own[inputs]!).get(total.lanes());
        if (single) code.memory(V.store32Lane, 0, 0);
        else code.memory(V.store, 16 * v);
      });
      move(own, innermost.steps, single ? 1 : 4 * vectors);
    };
    const before = (count: number): number => {
      const local = code.integer();
      code
        .get(end)
        .i32(count - 1)
        .sub()
        .set(local);
      return local;
    };
    repeat(i, before(4 * WIDE), 4 * WIDE, () => block(WIDE, false));
    repeat(i, before(4), 4, () => block(1, false));
    repeat(i, end, 1, () => block(1, true));
  };

  const shared = kept[0];
  if (shared)
    for (const [k, local] of parameters.entries())
      code
        .get(local)
        .get(from)
        .i32(4 * shared.steps[k]!)
        .mul()
        .add()
        .set(local);
  if (!across) loops(outer, parameters, along, from, to);
  else if (outer.length === 0) beside(parameters, from, to);
  else
    loops(
      outer,
      parameters,
      (below) => beside(below, integer(0), integer(dimensions.at(-1)!.size)),
      from,
      to,
    );
  return encodeModule(code, pages);
}

/** Folds vectors of four numbers, lane by lane: sums in two vectors of float64. */
class Accumulator {
  readonly #low: number;
  readonly #high: number;

  constructor(
    readonly code: Code,
    readonly fold: Fold,
  ) {
    this.#low = code.vector();
    this.#high = code.vector();
  }

  reset(): void {
    const { code } = this;
    if (this.fold === 'max') code.f32(Number.NEGATIVE_INFINITY).set(this.#low);
    else code.f64(0).set(this.#low).f64(0).set(this.#high);
  }

  add(value: number): void {
    const { code } = this;
    if (this.fold === 'max') {
      code.get(this.#low).get(value).v(V.f32Max).set(this.#low);
      return;
    }
    code.get(this.#low).get(value).v(V.promoteLow).v(V.f64Add).set(this.#low);
    code.get(this.#high).get(value).get(value).shuffle(HIGH_HALF).v(V.promoteLow).v(V.f64Add).set(this.#high);
  }

  /** Adds a vector's first number alone. */
  addFirst(value: number): void {
    const { code } = this;
    if (this.fold === 'max') {
      this.add(value);
      return;
    }
    code.get(value).bits(0).shuffle(FIRST_ALONE).set(value);
    this.add(value);
  }

  /** Four results, in a new variable. */
  lanes(): number {
    const { code } = this;
    if (this.fold === 'max') return this.#low;
    const result = code.vector();
    code.get(this.#low).v(V.demote).get(this.#high).v(V.demote).shuffle(LOW_HALVES).set(result);
    return result;
  }

  /** All four lanes as one, which is the first number of a new variable. */
  folded(): number {
    const { code } = this;
    const result = code.vector();
    if (this.fold === 'max') {
      code.get(this.#low).get(this.#low).get(this.#low).shuffle(HIGH_HALF).v(V.f32Max).set(result);
      code.get(result).get(result).get(result).shuffle(SECOND).v(V.f32Max).set(result);
      return result;
    }
    code.get(this.#low).get(this.#high).v(V.f64Add).set(result);
    code.get(result).get(result).get(result).shuffle(HIGH_HALF).v(V.f64Add).v(V.demote).set(result);
    return result;
  }
}

/** The first number, and zeros of the other vector. */
const FIRST_ALONE = [0, 1, 2, 3, 16, 17, 18, 19, 16, 17, 18, 19, 16, 17, 18, 19];
/** The second number, four times. */
const SECOND = [4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7];
