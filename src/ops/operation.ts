import { ShapeError } from '../errors/errors.js';
import { mark } from '../graph/grad-mode.js';
import { Node } from '../graph/node.js';
import { declareNumbers } from '../graph/numbers.js';
import {
  type Attrs,
  type DType,
  isFloat,
  MOST_ELEMENTS,
  type Shape,
  type Spec,
  sameShape,
  showShape,
  sizeOf,
} from '../graph/types.js';
import type { Formula } from './formula.js';
import { currentScope } from './scope.js';

/**
 * Everything about one operation except its kernels, which are in the backends: its shape rule, its gradient in terms
 * of other operations, and its cost.
 */
export interface Operation<A extends Attrs = Attrs> {
  readonly name: string;
  /** Shape and type of the result; calls `refuse` if the inputs do not fit. */
  infer(inputs: readonly Spec[], attrs: A): Spec;
  /** Gradients with respect to each input (null: no gradient), given the gradient with respect to the result. */
  gradient?(node: Node, grad: Node): (Node | null)[];
  /**
   * Formula for one element of the result, if the operation is elementwise; inputs broadcast to the result's shape.
   * Engines generate kernels from it.
   */
  formula?(inputs: readonly Formula[], attrs: A): Formula;
  /**
   * Attributes that are numbers and affect neither shapes nor types. Where one changes from run to run, a plan takes it as
   * an input. A formula may only pass them on to `f`, since they are formulas then.
   */
  readonly numbers?: readonly (keyof A & string)[];
  /** Attributes that are positions along an axis, which become inputs in the same way. */
  readonly positions?: readonly (keyof A & string)[];
  /** Multiply-adds of one evaluation; left out for operations whose cost is not dominated by them. */
  macs?(inputs: readonly Spec[], output: Spec, attrs: A): number;
}

const registry = new Map<string, Operation>();

/** Adds an operation's node to a graph after checking shapes. */
export type NodeMaker<A extends Attrs = Attrs> = (inputs: readonly Node[], attrs: A) => Node;

/** Registers an operation and returns the function that adds it to a graph. */
export function define<A extends Attrs = Attrs>(operation: Operation<A>): NodeMaker<A> {
  if (registry.has(operation.name)) throw new Error(`operation ${operation.name} is defined twice`);
  registry.set(operation.name, operation as unknown as Operation);
  declareNumbers(operation.name, [...(operation.numbers ?? []), ...(operation.positions ?? [])]);
  return (inputs, attrs) => {
    let result: Spec;
    try {
      result = operation.infer(inputs, attrs);
      if (sizeOf(result.shape) > MOST_ELEMENTS) refuseSize(result);
    } catch (error) {
      throw named(operation.name, inputs, error);
    }
    return mark(new Node(operation.name, inputs, attrs, result.shape, result.dtype, currentScope()));
  };
}

const refuseSize = ({ shape }: Spec): never =>
  refuse(
    `a result of at most ${MOST_ELEMENTS} elements`,
    `${sizeOf(shape)} elements ${showShape(shape)}`,
    'compute it in parts',
  );

/** Runs argument checks; turns a refusal into a ShapeError that names the operation and its inputs. */
export function naming<T>(op: string, inputs: readonly Node[], body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw named(op, inputs, error);
  }
}

export function operationOf(name: string): Operation {
  const operation = registry.get(name);
  if (!operation) throw new Error(`there is no operation named ${name}`);
  return operation;
}

/** Whether there is an operation of this name. */
export const isOperation = (name: string): boolean => registry.has(name);

/** Names of all operations, for conformance suites. */
export const operationNames = (): string[] => [...registry.keys()];

class Refusal {
  constructor(
    readonly expected: string,
    readonly got: string,
    readonly next: string | undefined,
  ) {}
}

/** Rejects an operation's inputs: what was expected, the actual value, and advice. */
export function refuse(expected: string, got: string, next?: string): never {
  throw new Refusal(expected, got, next);
}

/** A text of an error; a function if it has to be made, since most checks pass. */
type Text = string | (() => string);
const textOf = (text: Text): string => (typeof text === 'string' ? text : text());

/** Rejects inputs unless a condition holds. @param got the actual value */
export function need(
  condition: boolean,
  expected: Text,
  got: Text | Shape,
  next?: string,
): asserts condition {
  if (condition) return;
  refuse(textOf(expected), typeof got === 'object' ? showShape(got) : textOf(got), next);
}

export function needRank(spec: Spec, rank: number, what: string): void {
  need(spec.shape.length === rank, () => `${what} of ${rank} dimensions`, spec.shape);
}

/** Checks that all inputs have the same floating-point type, and returns it. */
export function floatOf(...inputs: readonly (Spec | undefined)[]): DType {
  const dtype = inputs[0]!.dtype;
  for (const input of inputs) {
    if (!input) continue;
    if (!isFloat(input.dtype)) refuse('floating-point inputs', input.dtype, 'convert with toFloat()');
    if (input.dtype !== dtype)
      refuse(`inputs of one type (${dtype})`, input.dtype, `convert one of them with toFloat('${dtype}')`);
  }
  return dtype;
}

/** The error that names an operation and its inputs, for a refusal; any other error as it is. */
function named(op: string, inputs: readonly Node[], refusal: unknown): unknown {
  if (!(refusal instanceof Refusal)) return refusal;
  const scope = currentScope();
  const shapes = inputs.map((input) => showShape(input.shape)).join(', ');
  return new ShapeError({
    what: `${op}(${shapes})${scope ? ` in ${scope}` : ''} does not fit`,
    expected: refusal.expected,
    got: refusal.got,
    ...(refusal.next ? { next: refusal.next } : {}),
  });
}

/** The shape to which two shapes broadcast, by NumPy's rules. */
export function broadcast(a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      refuse('shapes that broadcast together', `${showShape(a)} and ${showShape(b)}`);
    return x === 1 ? y : x;
  });
}

/** Checks that an axis is in range, and converts a negative one to its positive equivalent. */
export function normalizeAxis(op: string, x: Node, axis: number, rank: number = x.shape.length): number {
  const a = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(a) && a >= 0 && a < rank) return a;
  return naming(op, [x], () => refuse(`an axis in [${-rank}, ${rank - 1}]`, String(axis)));
}

/**
 * Normalizes the axes of a list, in which each may occur once; -1 and the last axis are the same. A scalar has no axes,
 * but 0 and -1 may be given, as in PyTorch.
 */
export function normalizeAxes(op: string, x: Node, axes: readonly number[]): number[] {
  if (x.shape.length === 0) {
    for (const axis of axes) normalizeAxis(op, x, axis, 1);
    return [];
  }
  const all = axes.map((axis) => normalizeAxis(op, x, axis));
  if (new Set(all).size < all.length)
    naming(op, [x], () => refuse('each axis at most once', showShape(axes)));
  return all;
}

/** Replaces the one size that may be -1 by what remains of `total` elements. */
export function inferSize(op: string, x: Node, sizes: readonly number[], total: number): number[] {
  if (!sizes.includes(-1)) return [...sizes];
  const open = sizes.filter((size) => size === -1).length;
  const known = sizeOf(sizes.filter((size) => size !== -1));
  naming(op, [x], () => {
    need(open === 1, 'at most one size of -1', sizes);
    need(known > 0 && total % known === 0, () => `sizes that make ${total} elements together`, sizes);
  });
  return sizes.map((size) => (size === -1 ? total / known : size));
}
