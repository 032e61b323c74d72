import { sizeOf } from '../../../graph/types.js';
import { V } from '../../../webassembly/instructions.js';
import {
  add,
  div,
  type Int,
  less,
  min,
  mul,
  type Routine,
  rem,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { perIndex } from '../chain.js';
import { exp } from '../functions/exponential.js';
import { log } from '../functions/logarithm.js';
import { HIGH_HALF } from '../functions/power.js';
import { KernelModule, ordered } from '../kernel-module.js';
import { VectorOperation } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { WideMath } from './wide.js';

/** A value [outer, length, inner], normalised along its middle dimension. */
export interface Along {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

export const alongOf = (shape: readonly number[], axis: number): Along => ({
  outer: sizeOf(shape.slice(0, axis)),
  length: shape[axis]!,
  inner: sizeOf(shape.slice(axis + 1)),
});

const ARGS = ['x', 'y', 'length', 'inner', 'blocks'] as const;
type Values = Readonly<Record<(typeof ARGS)[number] | 'from' | 'to' | 'thread', Variable>>;

/** Inner positions of a piece. */
const BLOCK = 64;
const SECOND = [4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7];

/** Emits the result for one element, from x − max and the sum of all e^(x − max). */
type Result = (routine: Routine, shifted: number, sum: number) => number;

const quotient: Result = ({ code }, shifted, sum) => {
  const power = exp(code, shifted);
  code.get(power).get(sum).v(V.f32Div).set(power);
  return power;
};
const difference: Result = ({ code }, shifted, sum) => {
  const result = code.vector();
  code.get(shifted).get(sum).v(V.f32Sub).set(result);
  return result;
};

/** Code that takes the exponentials of rows of adjacent numbers, less the row's maximum. */
export interface RowCode {
  readonly math: WideMath;
  /** The vector variable that `shift` sets. */
  readonly shifted: number;
  /** Visits a row, four numbers at a time and then one by one. */
  readonly each: (row: Variable, visit: (at: Variable, load: number) => void) => void;
  /** The numbers at an address, less the maximum. */
  readonly shift: (at: Int, load: number) => void;
  /**
   * Finds a row's maximum. Returns Σ e^(x − max), in all lanes.
   * @param visit called where `shift` has set x − max
   * @param keep called with the address of x and the variable that contains e^(x − max)
   */
  readonly sum: (
    row: Variable,
    visit?: (load: number) => void,
    keep?: (at: Variable, power: number, load: number) => void,
  ) => number;
  /** Stores one number, or four. */
  readonly store: (at: Int, value: number, load: number) => void;
}

export function rowCode(routine: Routine, length: Variable): RowCode {
  const { code } = routine;
  const [largest, shifted] = [code.vector(), code.vector()];
  const math = new WideMath(routine);
  const each: RowCode['each'] = (row, visit) => {
    const at = routine.let(row);
    const left = routine.let(length);
    routine.while(less(3, left), () => {
      visit(at, V.load);
      routine.step(at, 16);
      routine.step(left, -4);
    });
    routine.while(less(0, left), () => {
      visit(at, V.load32Splat);
      routine.step(at, 4);
      routine.step(left, -1);
    });
  };
  const shift: RowCode['shift'] = (at, load) => {
    code
      .get(routine.load(at, 0, load))
      .get(largest)
      .v(V.f32Sub)
      .set(shifted);
  };
  const sum: RowCode['sum'] = (row, visit, keep) => {
    // A NaN is left out of the maximum, which is faster; it reaches all results through the sum.
    code.f32(Number.NEGATIVE_INFINITY).set(largest);
    each(row, (at, load) => {
      const value = routine.load(at, 0, load);
      code.get(largest).get(value).v(V.f32PMax).set(largest);
    });
    code.get(largest).get(largest).get(largest).shuffle(HIGH_HALF).v(V.f32PMax).set(largest);
    code.get(largest).get(largest).get(largest).shuffle(SECOND).v(V.f32PMax).set(largest);
    // The first lane now has the maximum of all lanes.
    code.get(largest).get(largest).shuffle([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]).set(largest);
    const total = math.sum();
    total.reset();
    // Constants of code that stands only once stay in registers.
    const at = routine.let(row);
    const left = routine.let(length);
    const whole = routine.let(0);
    const either = (body: (load: number) => void): void =>
      routine.if(
        whole,
        () => body(V.load),
        () => body(V.load32Splat),
      );
    const next = (): void => {
      routine.set(whole, less(3, left));
      either((load) => {
        shift(at, load);
        visit?.(load);
      });
      const power = exp(code, shifted);
      const wide = math.widen(power);
      either((load) => {
        keep?.(at, power, load);
        total.add(wide, load !== V.load);
        const count = load === V.load ? 4 : 1;
        routine.step(at, 4 * count);
        routine.step(left, -count);
      });
    };
    routine.if(less(0, left), () => routine.repeat(next, less(0, left)));
    const all = total.total();
    return math.narrow({ low: all, high: all });
  };
  const store: RowCode['store'] = (at, value, load) =>
    load === V.load ? routine.save(at, value) : routine.saveLane(at, value);
  return { math, shifted, each, shift, sum, store };
}

/** Rows of adjacent numbers: a piece is a row. The powers of softmax are kept in the result until their sum is known. */
function rows(routine: Routine, p: Values, logarithm: boolean): void {
  const { code } = routine;
  const { each, shift, shifted, sum, store } = rowCode(routine, p.length);
  const bytes = routine.let(mul(p.length, 4));
  const toY = routine.let(sub(p.y, p.x));
  const result = code.vector();
  routine.for(p.from, p.to, 1, (piece) => {
    const row = routine.let(add(p.x, mul(piece, bytes)));
    if (logarithm) {
      const divisor = log(code, sum(row));
      each(row, (at, load) => {
        shift(at, load);
        store(add(at, toY), difference(routine, shifted, divisor), load);
      });
      return;
    }
    const total = sum(row, undefined, (at, power, load) => store(add(at, toY), power, load));
    each(routine.let(add(row, toY)), (at, load) => {
      code
        .get(routine.load(at, 0, load))
        .get(total)
        .v(V.f32Div)
        .set(result);
      store(at, result, load);
    });
  });
}

/** Rows whose elements are `inner` apart: a piece is a block of inner positions, and each lane computes one of them. */
function columns(routine: Routine, p: Values, logarithm: boolean): void {
  const { code } = routine;
  const [largest, shifted] = [code.vector(), code.vector()];
  const bytes = routine.let(mul(p.inner, 4));
  const toY = routine.let(sub(p.y, p.x));
  const math = new WideMath(routine);
  const body = (first: Variable, load: number): void => {
    const each = (visit: (at: Variable) => void): void => {
      const at = routine.let(first);
      routine.for(0, p.length, 1, () => {
        visit(at);
        routine.step(at, bytes);
      });
    };
    const shift = (at: Variable): void => {
      code
        .get(routine.load(at, 0, load))
        .get(largest)
        .v(V.f32Sub)
        .set(shifted);
    };
    code.f32(Number.NEGATIVE_INFINITY).set(largest);
    each((at) => {
      const value = routine.load(at, 0, load);
      code.get(largest).get(value).v(V.f32PMax).set(largest);
    });
    const [low, high] = [code.vector(), code.vector()];
    code.f64(0).set(low).f64(0).set(high);
    each((at) => {
      shift(at);
      const wide = math.widen(exp(code, shifted));
      code.get(low).get(wide.low).v(V.f64Add).set(low);
      code.get(high).get(wide.high).v(V.f64Add).set(high);
    });
    let narrow = math.narrow({ low, high });
    if (logarithm) narrow = log(code, narrow);
    each((at) => {
      shift(at);
      const result = (logarithm ? difference : quotient)(routine, shifted, narrow);
      if (load === V.load) routine.save(add(at, toY), result);
      else routine.saveLane(add(at, toY), result);
    });
  };
  routine.for(p.from, p.to, 1, (piece) => {
    const position = routine.let(mul(rem(piece, p.blocks), BLOCK));
    const outer = div(piece, p.blocks);
    const first = routine.let(add(p.x, mul(mul(outer, p.length), bytes), mul(position, 4)));
    const left = routine.let(min(BLOCK, sub(p.inner, position)));
    routine.while(less(3, left), () => {
      body(first, V.load);
      routine.step(first, 16);
      routine.step(left, -4);
    });
    routine.while(less(0, left), () => {
      body(first, V.load32Splat);
      routine.step(first, 4);
      routine.step(left, -1);
    });
  });
}

/** Cost of one number, in elements of an elementwise operation. */
export const ELEMENTS = 4;
export const PIECE = 2 ** 14;

function normalise(pool: KernelPool, { outer, length, inner }: Along, logarithm: boolean): VectorOperation {
  const along = inner === 1;
  const blocks = along ? 1 : Math.ceil(inner / BLOCK);
  const work = ELEMENTS * length * (along ? 1 : Math.min(inner, BLOCK));
  return new VectorOperation(pool, 0, [
    {
      kernel: pool.compile({ softmax: logarithm, along }, (pages) => {
        const module = new KernelModule();
        module.run(ARGS, (routine, p) => (along ? rows : columns)(routine, p, logarithm));
        return module.encodeFor(pages);
      }),
      total: length === 0 ? 0 : outer * blocks,
      piece: Math.max(1, Math.floor(PIECE / Math.max(1, work))),
      elements: outer * length * inner * ELEMENTS,
      ...(along && { along: { spans: [perIndex(length), perIndex(length)], writes: 1 } }),
      args: ([x, y]) => ordered(ARGS, { x: x!, y: y!, length, inner, blocks }),
    },
  ]);
}

/** y = e^x / Σ e^x. Operands of `run`: x, y, which may be the same memory. */
export const softmax = (pool: KernelPool, shape: Along): VectorOperation => normalise(pool, shape, false);

/** y = x − log Σ e^x. Operands of `run`: x, y, which may be the same memory. */
export const logSoftmax = (pool: KernelPool, shape: Along): VectorOperation => normalise(pool, shape, true);
