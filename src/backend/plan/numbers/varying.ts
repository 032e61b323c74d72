import type { GraphNode } from '../../../graph/graph.js';
import type { Attrs } from '../../../graph/types.js';
import { type Formula, f, substitute } from '../../../ops/formula.js';
import { isOperation, type Operation, operationOf } from '../../../ops/operation.js';

/*
 * Numbers that change from run to run, such as an annealed weight of a loss, are inputs of a plan. An operation whose
 * attributes have become inputs exists only in plans, under the operation's name and a mark: `affine*` with
 * `numbers: 'scale'` is x · s + shift, where s is its last input, a scalar feed.
 */

/** Ends the name of an operation that takes numbers as inputs. */
export const MARK = '*';

/** The name of the operation that a node computes, without the mark. */
export const operationNameOf = (op: string): string => (op.endsWith(MARK) ? op.slice(0, -MARK.length) : op);

const isVarying = (op: string): boolean => op.endsWith(MARK);

/** Whether a leaf is a number: a float64 is passed for it, of whatever type it is. */
export const isNumber = ({ attrs }: GraphNode): boolean => attrs.number === true;

/** The attributes of a node that are its last inputs. */
const namesOf = ({ numbers }: Attrs): readonly string[] => (numbers as string).split(',');

/** Attributes but for some. */
export const without = (attrs: Attrs, names: readonly string[]): Attrs =>
  Object.fromEntries(Object.entries(attrs).filter(([name]) => !names.includes(name)));

/** The inputs of a node whose last inputs are numbers, and its attributes with these. */
export function splitNumbers<T>(
  inputs: readonly T[],
  attrs: Attrs,
): { readonly inputs: readonly T[]; readonly numbers: Readonly<Record<string, T>>; readonly rest: Attrs } {
  const names = namesOf(attrs);
  const count = inputs.length - names.length;
  return {
    inputs: inputs.slice(0, count),
    numbers: Object.fromEntries(names.map((name, k) => [name, inputs[count + k]!])),
    rest: without(attrs, ['numbers']),
  };
}

/** The formula of an operation, also of one with numbers as inputs; undefined if it is not elementwise. */
export function operationFormula(op: string): NonNullable<Operation['formula']> | undefined {
  const name = operationNameOf(op);
  const formula = isOperation(name) ? operationOf(name).formula : undefined;
  if (!formula || !isVarying(op)) return formula;
  return (operands, attrs) => {
    const { inputs, numbers, rest } = splitNumbers<Formula>(
      operands.map((_, k) => f.input(k)),
      attrs,
    );
    // A formula only passes numbers on to `f`, which takes formulas as well.
    return substitute(formula(inputs, { ...rest, ...numbers } as unknown as Attrs), operands);
  };
}
