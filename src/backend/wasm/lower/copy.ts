import { bytesOf, type Shape, sizeOf } from '../../../graph/types.js';
import { copyStrided, fillWithZeros } from '../../simd/copy/copy.js';
import type { Builder } from '../builder.js';
import { emitApart, emitOperation } from './operation.js';

/** Maximum number of dimensions of a copy. */
const MOST = 6;
/** Whether vector kernels can copy a node's values: they must have 32 bits. */
const movable = (b: Builder, i: number): boolean => bytesOf(b.node(i).dtype) === 4;

const stridesOf = (shape: Shape): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

export function lowerPermute(b: Builder, i: number): boolean {
  const { inputs, attrs, shape } = b.node(i);
  if (shape.length > MOST || !movable(b, i)) return false;
  const from = stridesOf(b.node(inputs[0]!).shape);
  const to = stridesOf(shape);
  const axes = attrs.axes as readonly number[];
  return emitApart(
    b,
    i,
    copyStrided(
      b.pool,
      shape.map((size, axis) => ({ size, from: from[axes[axis]!]!, to: to[axis]! })),
    ),
  );
}

/** Copies each input to its place. */
export function lowerConcat(b: Builder, i: number): boolean {
  const { inputs, attrs, shape } = b.node(i);
  if (!movable(b, i)) return false;
  const axis = attrs.axis as number;
  const outer = sizeOf(shape.slice(0, axis));
  const row = sizeOf(shape.slice(axis));
  const result = b.placeApart(i);
  let start = 0;
  for (const input of inputs) {
    const length = sizeOf(b.node(input).shape.slice(axis));
    const dimensions = [
      { size: outer, from: length, to: row },
      { size: length, from: 1, to: 1 },
    ];
    if (outer * length > 0)
      emitOperation(b, [i], copyStrided(b.pool, dimensions, [0, start]), [b.regionOf(input), result], result);
    start += length;
  }
  return true;
}

/** Copies a range of positions along an axis. */
export function lowerSlice(b: Builder, i: number): boolean {
  const { inputs, attrs, shape } = b.node(i);
  if (!movable(b, i)) return false;
  const { axis, start } = attrs as unknown as { axis: number; start: number };
  const count = sizeOf(shape.slice(axis));
  const dimensions = [
    { size: sizeOf(shape.slice(0, axis)), from: sizeOf(b.node(inputs[0]!).shape.slice(axis)), to: count },
    { size: count, from: 1, to: 1 },
  ];
  return emitApart(b, i, copyStrided(b.pool, dimensions, [start * sizeOf(shape.slice(axis + 1)), 0]));
}

/** Writes a value to a range of positions along an axis, and zeros elsewhere. */
export function lowerPlace(b: Builder, i: number): boolean {
  const { inputs, attrs, shape } = b.node(i);
  if (!movable(b, i)) return false;
  const { axis, start } = attrs as unknown as { axis: number; start: number };
  const count = sizeOf(b.node(inputs[0]!).shape.slice(axis));
  const dimensions = [
    { size: sizeOf(shape.slice(0, axis)), from: count, to: sizeOf(shape.slice(axis)) },
    { size: count, from: 1, to: 1 },
  ];
  const result = b.placeApart(i);
  emitOperation(b, [i], fillWithZeros(b.pool, sizeOf(shape)), [result], result);
  const copy = copyStrided(b.pool, dimensions, [0, start * sizeOf(shape.slice(axis + 1))]);
  emitOperation(b, [i], copy, [b.regionOf(inputs[0]!), result], result);
  return true;
}
