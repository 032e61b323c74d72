import { DataError } from '../../../errors/errors.js';
import type { TypedArray } from '../../../graph/types.js';
import { around, type Kernel } from './kernel.js';

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

function checked(indices: TypedArray, size: number): TypedArray {
  for (const index of indices)
    if (!(index >= 0 && index < size))
      throw new DataError({
        what: 'indexSelect reads outside of its axis',
        expected: `indices from 0 to ${size - 1}`,
        got: String(index),
      });
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

export const select: Readonly<Record<string, Kernel>> = { where, concat, indexSelect, indexSelectGrad };
