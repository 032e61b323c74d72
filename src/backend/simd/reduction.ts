import type { Formula } from '../../ops/formula.js';
import { Code } from '../../webassembly/encoder.js';
import { V } from '../../webassembly/instructions.js';
import type { Dimension } from '../plan/broadcast.js';
import { HIGH_HALF, LOW_HALVES } from './functions/power.js';
import { moduleOf } from './kernel-module.js';
import { render } from './render.js';

/** Kind of reduction. Sums are accumulated in float64; the maximum is NaN if any value is NaN. */
export type Fold = 'sum' | 'max';

/**
 * What a reduction kernel computes: a formula of the inputs, reduced over some dimensions. `steps` of a dimension has the
 * strides of the inputs and then the stride of the output, which is 0 if the dimension is reduced.
 */
export interface ReductionShape {
  readonly fold: Fold;
  readonly formula: Formula;
  readonly inputs: number;
  /** Innermost last. */
  readonly dimensions: readonly Dimension[];
}

/** Number of result vectors computed at a time if the innermost dimension is not reduced. */
const WIDE = 4;

/** The dimension that is split between threads: the outermost one that is not reduced; undefined for a single result. */
export const sharedDimension = ({
  inputs,
  dimensions,
}: Omit<ReductionShape, 'fold' | 'formula'>): Dimension | undefined =>
  dimensions.find(({ steps }) => steps[inputs] !== 0);

/**
 * A module whose `run(a, b, …, y, from, to)` computes the range [from, to) of the shared dimension ([0, 1) for a single
 * result). Each result is computed by one thread in a fixed order, so it does not depend on the number of threads.
 */
export function encodeReduction(shape: ReductionShape, pages: number): Uint8Array<ArrayBuffer> {
  const { inputs, dimensions } = shape;
  const code = new Code(inputs + 3);
  const [from, to] = [inputs + 1, inputs + 2];
  const kept = dimensions.filter(({ steps }) => steps[inputs] !== 0);
  const reduced = dimensions.filter(({ steps }) => steps[inputs] === 0);
  /** Whether the innermost dimension is not reduced: adjacent elements then belong to different results. */
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

  /** Nested loops over dimensions, the first one from `i` to `end`; `body` gets copies of the addresses. */
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

  /** Accumulators, each for four results. */
  const start = (count: number): Accumulator[] =>
    Array.from({ length: count }, () => new Accumulator(code, shape.fold));

  /** Computes one result by reducing along the innermost dimension. */
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

  /** Computes adjacent results from `i` to `end`: several vectors at a time, then one vector, then single results. */
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
  return moduleOf(code, pages);
}

/** Accumulates vectors of four numbers, lane by lane. Sums use two vectors of float64. */
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

  /** Accumulates only the first lane of a vector. */
  addFirst(value: number): void {
    const { code } = this;
    if (this.fold === 'max') {
      this.add(value);
      return;
    }
    code.get(value).bits(0).shuffle(FIRST_ALONE).set(value);
    this.add(value);
  }

  /** The results of the four lanes, as a vector variable. */
  lanes(): number {
    const { code } = this;
    if (this.fold === 'max') return this.#low;
    const result = code.vector();
    code.get(this.#low).v(V.demote).get(this.#high).v(V.demote).shuffle(LOW_HALVES).set(result);
    return result;
  }

  /** Combines all four lanes; the result is in the first lane of a new variable. */
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

/** Shuffle: the first lane, and the other lanes from the second vector, which is zero. */
const FIRST_ALONE = [0, 1, 2, 3, 16, 17, 18, 19, 16, 17, 18, 19, 16, 17, 18, 19];
/** Shuffle: the second lane in all four lanes. */
const SECOND = [4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7];
