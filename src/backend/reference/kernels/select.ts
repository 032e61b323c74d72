import { DataError } from '../../../errors/errors.js';
import { around, type Shape, stridesOf, type TypedArray } from '../../../graph/types.js';
import type { Kernel } from './kernel.js';

const where: Kernel = ({ inputs: [condition, a, b], output: y }) => {
  for (let i = 0; i < y.length; i++) y[i] = condition![i] === 0 ? b![i]! : a![i]!;
};

const concat: Kernel = ({ inputs, specs, output, attrs }) => {
  const axis = attrs.axis as number;
  const outputs = inputs.map((_, i) => around(specs[i]!.shape, axis));
  const rows = outputs.map(({ length, inner }) => length * inner);
  const { outer } = outputs[0]!;
  for (let block = 0, at = 0; block < outer; block++)
    for (const [i, row] of rows.entries()) {
      output.set(inputs[i]!.subarray(block * row, (block + 1) * row), at);
      at += row;
    }
};

/** The error for an index that is not a position of an axis. */
export const indexError = (index: number, size: number, op: string): DataError =>
  new DataError({
    what: `${op} reads outside of its axis`,
    expected: `indices from 0 to ${size - 1}`,
    got: String(index),
  });

/** Checks that each index is in [0, size). */
export function checked(indices: TypedArray, size: number, op = 'indexSelect'): TypedArray {
  for (const index of indices) if (!(index >= 0 && index < size)) throw indexError(index, size, op);
  return indices;
}

const indexSelect: Kernel = ({ inputs: [x, indices], specs: [spec], output, attrs }) => {
  const { outer, length, inner } = around(spec!.shape, attrs.axis as number);
  let at = 0;
  checked(indices!, length);
  for (let block = 0; block < outer; block++)
    for (const index of indices!) {
      const from = (block * length + index) * inner;
      output.set(x!.subarray(from, from + inner), at);
      at += inner;
    }
};

const indexSelectGrad: Kernel = ({ inputs: [grad, indices], specs: [spec], output, attrs }) => {
  const { outer, inner } = around(spec!.shape, attrs.axis as number);
  const size = attrs.size as number;
  checked(indices!, size);
  output.fill(0);
  let from = 0;
  for (let block = 0; block < outer; block++)
    for (const index of indices!) {
      const at = (block * size + index) * inner;
      for (let i = 0; i < inner; i++) output[at + i]! += grad![from++]!;
    }
};

/** An operation of plans (`plan/lookup.ts`): a table whose rows are 0 unless an index names them. */
export const usedRows: Kernel = ({ inputs: [table, indices], specs: [spec], output }) => {
  const [rows, width] = spec!.shape as [number, number];
  const used = new Uint8Array(rows);
  for (const index of checked(indices!, rows)) used[index] = 1;
  output.fill(0);
  used.forEach((isUsed, row) => {
    if (isUsed) output.set(table!.subarray(row * width, (row + 1) * width), row * width);
  });
};

const slice: Kernel = ({ inputs: [x], specs: [spec], output, attrs }) => {
  const { outer, length, inner } = around(spec!.shape, attrs.axis as number);
  const count = (attrs.length as number) * inner;
  for (let block = 0; block < outer; block++) {
    const from = (block * length + (attrs.start as number)) * inner;
    output.set(x!.subarray(from, from + count), block * count);
  }
};

const place: Kernel = ({ inputs: [x], specs: [spec], output, attrs }) => {
  const { outer, length, inner } = around(spec!.shape, attrs.axis as number);
  const count = length * inner;
  output.fill(0);
  for (let block = 0; block < outer; block++) {
    const to = (block * (attrs.size as number) + (attrs.start as number)) * inner;
    output.set(x!.subarray(block * count, (block + 1) * count), to);
  }
};

/**
 * Calls `visit` with the position of each element of an index, with that of the element of `shape` that it names, and
 * with that of the element of `source` at the same place.
 */
function indexed(
  { data, shape: places }: { data: TypedArray; shape: Shape },
  axis: number,
  shape: Shape,
  source: Shape,
  visit: (at: number, named: number, beside: number) => void,
): void {
  const [strides, steps] = [stridesOf(shape), stridesOf(source)];
  const counter = places.map(() => 0);
  let [named, beside] = [0, 0];
  for (let at = 0; at < data.length; at++) {
    visit(at, named + data[at]! * strides[axis]!, beside);
    for (let d = places.length - 1; d >= 0; d--) {
      if (d !== axis) named += strides[d]!;
      beside += steps[d]!;
      if (++counter[d]! < places[d]!) break;
      counter[d] = 0;
      if (d !== axis) named -= strides[d]! * places[d]!;
      beside -= steps[d]! * places[d]!;
    }
  }
}

const gather: Kernel = ({ inputs: [x, index], specs: [spec, indexSpec], output, attrs }) => {
  const axis = attrs.axis as number;
  checked(index!, spec!.shape[axis]!, 'gather');
  const places = { data: index!, shape: indexSpec!.shape };
  indexed(places, axis, spec!.shape, spec!.shape, (at, named) => {
    output[at] = x![named]!;
  });
};

const scatterSum: Kernel = ({ inputs: [source, index], specs, output, attrs }) => {
  const axis = attrs.axis as number;
  const shape = attrs.shape as Shape;
  checked(index!, shape[axis]!, 'scatterAdd');
  const total = new Float64Array(output.length);
  const places = { data: index!, shape: specs[1]!.shape };
  indexed(places, axis, shape, specs[0]!.shape, (_at, named, beside) => {
    total[named]! += source![beside]!;
  });
  output.set(total);
};

const oneHot: Kernel = ({ inputs: [index], output, attrs }) => {
  const classes = attrs.classes as number;
  checked(index!, classes, 'oneHot');
  output.fill(0);
  index!.forEach((value: number, i: number) => {
    output[i * classes + value] = 1;
  });
};

export const select: Readonly<Record<string, Kernel>> = {
  where,
  concat,
  indexSelect,
  indexSelectGrad,
  slice,
  place,
  gather,
  scatterSum,
  oneHot,
};
