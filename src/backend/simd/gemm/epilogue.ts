import type { Formula } from '../../../ops/formula.js';
import { V } from '../../../webassembly/instructions.js';
import { add, type Int, less, mul, type Routine, sub, type Variable } from '../../../webassembly/terms.js';
import type { KernelModule } from '../kernel-module.js';
import { render } from '../render.js';

/** What is read beside a result: one number for each row, one for each column, or one for each result. */
export type Extra = 'row' | 'column' | 'whole';

/** Bias and activation, applied once all products are summed. */
export interface Epilogue {
  /** Adds one number for each row, or one for each column. */
  readonly bias?: 'row' | 'column';
  /** A formula of the result, after the bias, and of `others`. */
  readonly activation?: Formula;
  /** The formula's further inputs, at most `MOST_OTHERS`. */
  readonly others?: readonly Extra[];
}

export const MOST_OTHERS = 4;

export const isEmpty = ({ bias, activation }: Epilogue): boolean => !bias && !activation;

/** What an epilogue reads, in the order of an operation's operands after its result. */
const extrasOf = ({ bias, others = [] }: Epilogue): Extra[] => [...(bias ? [bias] : []), ...others];

export const extraCount = (epilogue: Epilogue): number => extrasOf(epilogue).length;

/** Arguments of a kernel with an epilogue: addresses; for 'whole' the distance from the results. */
export const EXTRA_ARGS = ['extra0', 'extra1', 'extra2', 'extra3', 'extra4'] as const;
type ExtraArgument = (typeof EXTRA_ARGS)[number];

/** @param operands of an operation: the third one is its result, and what the epilogue reads follows */
export function extraArguments(
  epilogue: Epilogue,
  operands: readonly number[],
): Record<ExtraArgument, number> {
  const extras = extrasOf(epilogue);
  const result = operands[2]!;
  const entries = EXTRA_ARGS.map((name, k) => {
    const address = extras[k] === undefined ? 0 : operands[3 + k]!;
    return [name, extras[k] === 'whole' ? address - result : address];
  });
  return Object.fromEntries(entries) as Record<ExtraArgument, number>;
}

/** Where the numbers of a block begin that an epilogue reads. */
export const extrasAt = (
  epilogue: Epilogue,
  p: Readonly<Record<ExtraArgument, Variable>>,
  first: { readonly row: Int; readonly column: Int },
): Int[] =>
  extrasOf(epilogue).map((extra, k) => {
    const argument = p[EXTRA_ARGS[k]!];
    return extra === 'whole' ? argument : add(argument, mul(first[extra], 4));
  });

/** Code that applies an epilogue to vectors of results. */
export interface Completion {
  /** Loads what belongs to a row. */
  readonly startRow: (row: Int) => void;
  /**
   * @param value variable with four results of the row
   * @param place address of the first of them
   * @param column distance of their columns from the first column, in bytes
   * @param read loads four numbers
   */
  readonly apply: (value: number, place: Int, column: Int, read: (address: Int) => number) => number;
}

/** @param at from `extrasAt` */
export function completion(routine: Routine, epilogue: Epilogue, at: readonly Int[]): Completion {
  const { code } = routine;
  const extras = extrasOf(epilogue);
  const ofRow = extras.map((extra) => (extra === 'row' ? code.vector() : undefined));
  return {
    startRow: (row) => {
      for (const [k, local] of ofRow.entries())
        if (local !== undefined)
          code.get(routine.load(add(at[k]!, mul(row, 4)), 0, V.load32Splat)).set(local);
    },
    apply: (value, place, column, read) => {
      const values = extras.map(
        (extra, k) => ofRow[k] ?? read(extra === 'whole' ? add(place, at[k]!) : add(at[k]!, column)),
      );
      let result = value;
      if (epilogue.bias) {
        result = code.vector();
        code.get(value).get(values.shift()!).v(V.f32Add).set(result);
      }
      return epilogue.activation ? render(code, epilogue.activation, [result, ...values]) : result;
    },
  };
}

/** `(c, stepC, rows, columns, …)`: applies an epilogue to a block of results; the numbers of `extrasAt` follow. */
export function finish(module: KernelModule, epilogue: Epilogue): Routine {
  return module.define(
    4 + extraCount(epilogue),
    (routine, c, stepC, rows, columns, ...at: readonly Variable[]) => {
      const { startRow, apply } = completion(routine, epilogue, at);
      routine.for(0, rows, 1, (row) => {
        startRow(row);
        const place = routine.let(c);
        const j = routine.let(0);
        const body = (load: number, width: number): void => {
          const value = apply(routine.load(place, 0, load), place, mul(j, 4), (address) =>
            routine.load(address, 0, load),
          );
          if (width === 4) routine.save(place, value);
          else routine.saveLane(place, value);
          routine.step(place, 4 * width);
          routine.step(j, width);
        };
        routine.while(less(3, sub(columns, j)), () => body(V.load, 4));
        routine.while(less(j, columns), () => body(V.load32Splat, 1));
        routine.step(c, stepC);
      });
    },
  );
}
