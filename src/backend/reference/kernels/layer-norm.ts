import type { TypedArray } from '../../../graph/types.js';
import type { Kernel } from './kernel.js';

/** Mean and 1 / √(var + eps) of a row. */
function moments(x: TypedArray, from: number, length: number, eps: number): [number, number] {
  let sum = 0;
  for (let i = from; i < from + length; i++) sum += x[i]!;
  const mean = sum / length;
  let squares = 0;
  for (let i = from; i < from + length; i++) squares += (x[i]! - mean) ** 2;
  return [mean, 1 / Math.sqrt(squares / length + eps)];
}

const normalizeRows: Kernel = ({ inputs: [x], specs: [spec], output, attrs }) => {
  const [rows, length] = spec!.shape as [number, number];
  for (let row = 0; row < rows; row++) {
    const from = row * length;
    const [mean, inverse] = moments(x!, from, length, attrs.eps as number);
    for (let i = from; i < from + length; i++) output[i] = (x![i]! - mean) * inverse;
  }
};

/** s · (g − ⟨g⟩ − x̂ · ⟨g · x̂⟩) for each row. */
const normalizeRowsGrad: Kernel = ({ inputs: [grad, x], specs: [, spec], output, attrs }) => {
  const [rows, length] = spec!.shape as [number, number];
  for (let row = 0; row < rows; row++) {
    const from = row * length;
    const [mean, inverse] = moments(x!, from, length, attrs.eps as number);
    let [plain, along] = [0, 0];
    for (let i = from; i < from + length; i++) {
      plain += grad![i]!;
      along += grad![i]! * (x![i]! - mean) * inverse;
    }
    plain /= length;
    along /= length;
    for (let i = from; i < from + length; i++)
      output[i] = inverse * (grad![i]! - plain - (x![i]! - mean) * inverse * along);
  }
};

export const layerNorm: Readonly<Record<string, Kernel>> = { normalizeRows, normalizeRowsGrad };
