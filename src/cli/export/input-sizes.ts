import type { InputType } from '../../interop/onnx/export.js';
import { type Parser, refuse } from '../options/options.js';

/** Sizes and types of the inputs of an ONNX file, by name. */
export interface InputSizes {
  readonly shapes: Readonly<Record<string, number[]>>;
  readonly types: Readonly<Record<string, InputType>>;
}

const INPUT = /^(?:(?<name>[a-z_]\w*)=)?(?<sizes>[1-9]\d*(?:x[1-9]\d*)*)(?::(?<type>float32|int32))?$/i;

/** `100`, `3x64x64`, or several by name: `images=784,noise=20`. A single input without a name is called `input`. */
export const inputSizes =
  (flag: string): Parser<InputSizes> =>
  (text) => {
    const parts = text.split(',').map((part) => INPUT.exec(part)?.groups);
    const names = parts.map((part) => part?.name ?? (parts.length === 1 ? 'input' : ''));
    const fit = parts.every((part, i) => part && names[i] !== '' && names.indexOf(names[i]!) === i);
    if (!fit)
      refuse(
        flag,
        text,
        'the sizes of one input without the batch, such as 100 or 3x64x64, or of several with different names, such as images=784,noise=20',
      );
    return {
      shapes: Object.fromEntries(parts.map((part, i) => [names[i], part!.sizes!.split('x').map(Number)])),
      types: Object.fromEntries(parts.map((part, i) => [names[i], (part!.type ?? 'float32') as InputType])),
    };
  };
