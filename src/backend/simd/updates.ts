import { evaluator, type Formula, f, listed } from '../../ops/formula.js';
import { V } from '../../webassembly/instructions.js';
import { add, at, less, mul } from '../../webassembly/terms.js';
import type { Region } from '../plan/region.js';
import type { NewStep } from '../plan/step.js';
import type { UpdateGroup } from '../plan/updates.js';
import type { VectorSteps } from './chain.js';
import { KernelModule } from './kernel-module.js';
import type { KernelPool } from './pool.js';
import { costOf, render } from './render.js';

/** Elements of a row of the table: few enough to stay in a cache, enough to share the work of large tensors. */
const PIECE = 2 ** 14;
/** Threads take at least this many times. */
const TURNS = 8;

/** A group of updates with its memory. */
export interface PlacedUpdates {
  readonly group: UpdateGroup;
  /** Memory of the inputs and then of the results. */
  readonly operands: readonly Region[];
  /** Which of the inputs are scalars. */
  readonly scalars: readonly boolean[];
  /** Elements to compute; more than the group's size if the layout has padding. */
  readonly count: number;
}

interface UpdateShape {
  readonly formulas: readonly Formula[];
  readonly scalars: readonly boolean[];
}

/** A kernel `(table, from, to)`. A row of the table has the addresses of inputs and results, and a number of elements. */
function encodeUpdates({ formulas, scalars }: UpdateShape, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const inputs = scalars.length;
  const width = inputs + formulas.length;
  module.run(['table'], (routine, p) => {
    routine.for(p.from, p.to, 1, (k) => {
      const row = routine.let(add(p.table, mul(k, 4 * (width + 1))));
      const addresses = Array.from({ length: width }, (_, n) => routine.let(at(row, 4 * n)));
      const left = routine.let(at(row, 4 * width));
      const fixed = scalars.map((isScalar, n) =>
        isScalar ? routine.load(addresses[n]!, 0, V.load32Splat) : undefined,
      );
      const compute = (count: 4 | 1): void => {
        const load = count === 4 ? V.load : V.load32Splat;
        const values = fixed.map((value, n) => value ?? routine.load(addresses[n]!, 0, load));
        for (const formula of formulas) values.push(render(routine.code, formula, values));
        formulas.forEach((_, n) => {
          const [address, value] = [addresses[inputs + n]!, values[inputs + n]!];
          if (count === 4) routine.save(address, value);
          else routine.saveLane(address, value);
        });
        for (const [n, address] of addresses.entries()) if (!scalars[n]) routine.step(address, 4 * count);
        routine.step(left, -count);
      };
      routine.while(less(3, left), () => compute(4));
      routine.while(less(0, left), () => compute(1));
    });
  });
  return module.encodeFor(pages);
}

/** Whether results are 0 where all inputs but the scalars are 0, as padding is, for these values of the scalars. */
function areZero(
  { group, scalars }: Pick<PlacedUpdates, 'group' | 'scalars'>,
  scalar: (n: number) => number,
): boolean {
  const values = scalars.map((isScalar, n) => (isScalar ? scalar(n) : 0));
  return group.results.every(({ formula }) => {
    values.push(evaluator(formula)(values));
    return values.at(-1) === 0;
  });
}

/** Whether padding stays 0, but for scalars such as an eps of 0, with which the kernel leaves it out. */
export const keepsZeros = (one: Pick<PlacedUpdates, 'group' | 'scalars'>): boolean =>
  areZero(one, (n) => 0.3 + 0.17 * n);

/** Formulas whose results are 0 wherever all inputs but the scalars are 0, such as in padding, whatever the scalars are. */
function withZeros(formulas: readonly Formula[], scalars: readonly boolean[]): Formula[] {
  const sizes = scalars.flatMap((isScalar, n) => (isScalar ? [] : [f.abs(f.input(n))]));
  const isZero = f.equal(
    sizes.reduce((a, b) => f.add(a, b)),
    0,
  );
  return formulas.map((formula) => f.select(isZero, 0, formula));
}

/** Adds steps that compute groups of updates: one for all that have the same formulas. */
export function emitUpdates<V, W extends object>(
  steps: VectorSteps<V, W>,
  placed: readonly PlacedUpdates[],
): void {
  const { builder, pool } = steps;
  const byKernel = new Map<number, PlacedUpdates[]>();
  for (const one of placed) {
    const kernel = kernelOf(pool, one);
    byKernel.set(kernel, [...(byKernel.get(kernel) ?? []), one]);
  }
  for (const [kernel, own] of byKernel) {
    const rows = own.flatMap(({ count, ...one }) =>
      Array.from({ length: Math.ceil(count / PIECE) }, (_, k) => ({
        ...one,
        start: k * PIECE,
        count: Math.min(PIECE, count - k * PIECE),
      })),
    );
    const width = own[0]!.operands.length;
    const table = builder.region(4 * rows.length * (width + 1));
    const cost = own[0]!.group.results.reduce((sum, { formula }) => sum + costOf(formula), 0);
    const work = cost * own.reduce((sum, { count }) => sum + count, 0);
    const piece = Math.max(1, Math.floor(rows.length / (TURNS * pool.threads)));
    const step: NewStep<W> = {
      op: builder.label(own[0]!.group.nodes).op,
      scope: '',
      kernel: 'wasm',
      macs: 0,
      touches: [...own.flatMap(({ operands }) => operands), table],
      writes: true,
      ...steps.work((address) => {
        const words = Int32Array.from(
          rows.flatMap(({ operands, scalars, start, count }) => [
            ...operands.map((region, n) => address(region) + (scalars[n] ? 0 : 4 * start)),
            count,
          ]),
        );
        const place = address(table);
        return () => {
          // Plans share their memory: another may have overwritten the table.
          new Int32Array(pool.memory.buffer, place, words.length).set(words);
          pool.share(kernel, [place], rows.length, piece, work);
        };
      }),
    };
    builder.emit(step);
  }
}

function kernelOf(pool: KernelPool, placed: PlacedUpdates): number {
  const { group, scalars, count } = placed;
  const own = group.results.map(({ formula }) => formula);
  const formulas = count > group.size && !areZero(placed, () => 0) ? withZeros(own, scalars) : own;
  const shape: UpdateShape = { formulas, scalars };
  return pool.compile({ updates: formulas.map(listed), scalars }, (pages) => encodeUpdates(shape, pages));
}
