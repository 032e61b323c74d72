import type { Graph, GraphNode } from '../../graph/graph.js';
import { bytesOf, type Shape, sizeOf, stridesOf, type TypedArray } from '../../graph/types.js';
import { copyPartsOf } from '../plan/copies.js';
import { labelOf } from '../reference/kernels/loss.js';
import { checked } from '../reference/kernels/select.js';
import { copyStrided, fillWithZeros, MOST_DIMENSIONS, type Offset } from './copy/copy.js';
import { addRows, copyRows, type Selection } from './copy/rows.js';
import { type Classes, crossEntropy, crossEntropyGrad } from './norm/cross-entropy.js';
import { VectorOperation } from './operation.js';
import type { KernelPool } from './pool.js';

/*
 * Operations on row-major values whose vector code both engines use. Operands of `run`: a node's inputs, then its result,
 * which must not overlap them.
 */

/** Makes the operation of a node; undefined if the vector code does not apply. */
type Make = (
  pool: KernelPool,
  graph: Graph,
  i: number,
  numbers: ReadonlyMap<number, TypedArray>,
) => VectorOperation | undefined;

const shapeOf = ({ nodes }: Graph, i: number): Shape => nodes[i]!.shape;
const countFrom = (shape: Shape, axis: number): number => sizeOf(shape.slice(axis));

/** Runs operations one after another, each on some of the operands. */
function inTurn(
  pool: KernelPool,
  parts: readonly { of: VectorOperation; operands: (all: readonly number[]) => readonly number[] }[],
): VectorOperation {
  const jobs = parts.flatMap(({ of, operands }) =>
    of.jobs.map((job) => ({
      ...job,
      args: (all: readonly number[], ...places: [scratch: number, prepared: number]) =>
        job.args(operands(all), ...places),
    })),
  );
  return new VectorOperation(pool, 0, jobs);
}

const permute: Make = (pool, graph, i) => {
  const { inputs, attrs, shape } = graph.nodes[i]!;
  if (shape.length > MOST_DIMENSIONS) return undefined;
  const [from, to] = [stridesOf(shapeOf(graph, inputs[0]!)), stridesOf(shape)];
  const axes = attrs.axes as readonly number[];
  return copyStrided(
    pool,
    shape.map((size, axis) => ({ size, from: from[axes[axis]!]!, to: to[axis]! })),
  );
};

const broadcastTo: Make = (pool, graph, i) => {
  const { inputs, shape } = graph.nodes[i]!;
  if (shape.length > MOST_DIMENSIONS) return undefined;
  const own = shapeOf(graph, inputs[0]!);
  const [from, to] = [stridesOf(own), stridesOf(shape)];
  const added = shape.length - own.length;
  return copyStrided(
    pool,
    shape.map((size, axis) => {
      const repeated = axis < added || own[axis - added] === 1;
      return { size, from: repeated ? 0 : from[axis - added]!, to: to[axis]! };
    }),
  );
};

/** Joins rows of these lengths. Operands of `run`: [outer, length] each, then [outer, Σ length]. */
export function joinRows(pool: KernelPool, outer: number, lengths: readonly number[]): VectorOperation {
  const row = lengths.reduce((sum, length) => sum + length, 0);
  let start = 0;
  const parts = lengths.map((length, k) => {
    const dimensions = [
      { size: outer, from: length, to: row },
      { size: length, from: 1, to: 1 },
    ];
    const of = copyStrided(pool, dimensions, [0, start]);
    start += length;
    return { of, operands: (all: readonly number[]) => [all[k]!, all.at(-1)!] };
  });
  return inTurn(pool, parts);
}

/**
 * Copies `count` numbers from `start` of each row. Operands of `run`: [outer, length], then [outer, count].
 *
 * @param start a function if it changes from run to run
 */
export function cutRows(
  pool: KernelPool,
  {
    outer,
    length,
    start,
    count,
  }: Readonly<Record<'outer' | 'length' | 'count', number>> & { readonly start: Offset },
): VectorOperation {
  const dimensions = [
    { size: outer, from: length, to: count },
    { size: count, from: 1, to: 1 },
  ];
  return copyStrided(pool, dimensions, [start, 0]);
}

const concat: Make = (pool, graph, i) => {
  const { inputs, attrs, shape } = graph.nodes[i]!;
  const axis = attrs.axis as number;
  const lengths = inputs.map((input) => countFrom(shapeOf(graph, input), axis));
  return joinRows(pool, sizeOf(shape.slice(0, axis)), lengths);
};

/** Where a slice begins in a row, given the elements of one position; a number of each run if it is an input of the plan. */
export function startOf(
  { inputs, attrs }: GraphNode,
  inner: number,
  numbers: ReadonlyMap<number, TypedArray>,
): Offset {
  const number = numbers.get(inputs.at(-1)!);
  return number ? () => number[0]! * inner : (attrs.start as number) * inner;
}

/** The input and the result, without a number in between. */
const ends = (all: readonly number[]): readonly number[] => [all[0]!, all.at(-1)!];

const slice: Make = (pool, graph, i, numbers) => {
  const node = graph.nodes[i]!;
  const { inputs, shape } = node;
  const axis = node.attrs.axis as number;
  const of = cutRows(pool, {
    outer: sizeOf(shape.slice(0, axis)),
    length: countFrom(shapeOf(graph, inputs[0]!), axis),
    start: startOf(node, countFrom(shape, axis + 1), numbers),
    count: countFrom(shape, axis),
  });
  return inTurn(pool, [{ of, operands: ends }]);
};

const copyParts: Make = (pool, graph, i) =>
  inTurn(
    pool,
    copyPartsOf(graph.nodes[i]!).map(({ dimensions, fromOffset, toOffset }, k) => ({
      of: copyStrided(pool, dimensions, [fromOffset, toOffset]),
      operands: (all) => [all[k]!, all.at(-1)!],
    })),
  );

/** Writes a value to a range of positions along an axis, and zeros elsewhere. */
const place: Make = (pool, graph, i, numbers) => {
  const node = graph.nodes[i]!;
  const { inputs, shape } = node;
  const axis = node.attrs.axis as number;
  const count = countFrom(shapeOf(graph, inputs[0]!), axis);
  const dimensions = [
    { size: sizeOf(shape.slice(0, axis)), from: count, to: countFrom(shape, axis) },
    { size: count, from: 1, to: 1 },
  ];
  const copy = copyStrided(pool, dimensions, [0, startOf(node, countFrom(shape, axis + 1), numbers)]);
  return inTurn(pool, [
    { of: fillWithZeros(pool, sizeOf(shape)), operands: (all) => [all.at(-1)!] },
    { of: copy, operands: ends },
  ]);
};

/** Integers of a value at an offset of the pool's memory. */
const integers = ({ memory }: KernelPool, offset: number, count: number): Int32Array =>
  new Int32Array(memory.buffer, offset, count);

/** An operation on rows that int32 indices, the second input, name. */
const selecting =
  (make: (pool: KernelPool, shape: Selection) => VectorOperation, sizeOfAxis: 'input' | 'output'): Make =>
  (pool, graph, i) => {
    const { inputs, attrs, shape } = graph.nodes[i]!;
    const axis = attrs.axis as number;
    const own = sizeOfAxis === 'input' ? shapeOf(graph, inputs[0]!) : shape;
    const [count] = shapeOf(graph, inputs[1]!) as [number];
    const size = own[axis]!;
    const [outer, inner] = [sizeOf(own.slice(0, axis)), sizeOf(own.slice(axis + 1))];
    const made = make(pool, { outer, size, inner, count });
    return new VectorOperation(pool, made.scratchBytes, made.jobs, made.tables, ([, indices]) => {
      checked(integers(pool, indices!, count), size);
    });
  };

/** An operation of cross-entropy. @param logits index of the input that holds them; the labels follow */
const classifying =
  (make: (pool: KernelPool, shape: Classes) => VectorOperation, logits: number): Make =>
  (pool, graph, i, numbers) => {
    const { inputs, attrs } = graph.nodes[i]!;
    const [rows, classes] = shapeOf(graph, inputs[logits]!) as [number, number];
    const number = numbers.get(inputs.at(-1)!);
    const labelSmoothing = number ? () => number[0]! : (attrs.labelSmoothing as number);
    const made = make(pool, { rows, classes, labelSmoothing });
    const all = inTurn(pool, [
      // Without the number, whose value is an argument.
      { of: made, operands: (given) => [...given.slice(0, logits + 2), given.at(-1)!] },
    ]);
    return new VectorOperation(pool, 0, all.jobs, [], (operands) => {
      const labels = integers(pool, operands[logits + 1]!, rows);
      for (let row = 0; row < rows; row++) labelOf(labels, row, classes);
    });
  };

const OPERATIONS: Readonly<Record<string, Make>> = {
  permute,
  broadcastTo,
  concat,
  slice,
  copyParts,
  place,
  'slice*': slice,
  'place*': place,
  indexSelect: selecting(copyRows, 'input'),
  indexSelectGrad: selecting(addRows, 'output'),
  crossEntropy: classifying(crossEntropy, 0),
  crossEntropyGrad: classifying(crossEntropyGrad, 1),
  'crossEntropy*': classifying(crossEntropy, 0),
  'crossEntropyGrad*': classifying(crossEntropyGrad, 1),
};

/** Names of the operations that have one. */
export const VECTOR_OPERATIONS: readonly string[] = Object.keys(OPERATIONS);

/**
 * The vector code of a node; undefined if it has none. Values must have 32 bits.
 *
 * @param numbers the graph's numbers in each run, by their leaves
 */
export function vectorOperation(
  pool: KernelPool,
  graph: Graph,
  i: number,
  numbers: ReadonlyMap<number, TypedArray>,
): VectorOperation | undefined {
  const { op, inputs } = graph.nodes[i]!;
  const narrow = [...inputs, i].every((n) => bytesOf(graph.nodes[n]!.dtype) === 4);
  return narrow ? OPERATIONS[op]?.(pool, graph, i, numbers) : undefined;
}
