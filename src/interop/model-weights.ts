import { UsageError } from '../errors/errors.js';
import type { Module } from '../nn/module.js';
import type { Parameter } from '../tensor/tensor.js';
import { toBfloat16, toFloat16 } from './half.js';
import { bytesOf } from './numbers.js';
import type { ArraySource } from './safetensors/index.js';

/** Number formats that weights can be written in. */
export const WEIGHT_DTYPES = ['float32', 'float16', 'bfloat16'] as const;
export type WeightDtype = (typeof WEIGHT_DTYPES)[number];

const FORMATS = {
  float32: { dtype: 'F32', convert: (values: Float32Array) => values },
  float16: { dtype: 'F16', convert: toFloat16 },
  bfloat16: { dtype: 'BF16', convert: toBfloat16 },
} as const;

/** A parameter's values as a file takes them: a few megabytes at a time, from wherever they are. */
export function sourceOf(parameter: Parameter, format: WeightDtype = 'float32'): ArraySource {
  const { dtype, convert } = FORMATS[format];
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of parameter.pieces()) yield bytesOf(convert(piece as Float32Array));
  }
  return { dtype, shape: [...parameter.shape], pieces };
}

/**
 * Everything that a model has to save, as sources for a writer.
 *
 * @param names what a parameter is called in the file, where that is not its own name
 * @param format float16 and bfloat16 round to the nearest value, ties to even
 * @throws UsageError when two parameters would get one name
 */
export function modelWeights(
  model: Module,
  { format = 'float32', names }: { format?: WeightDtype; names?: ReadonlyMap<string, string> } = {},
): Map<string, ArraySource> {
  const sources = new Map<Parameter, ArraySource>();
  const named = new Map<string, ArraySource>();
  for (const [own, parameter] of model.stateDict()) {
    // One source for a parameter with two names: it is written once where the format can say so.
    const source = sources.get(parameter) ?? sourceOf(parameter, format);
    sources.set(parameter, source);
    const name = names?.get(own) ?? own;
    if (named.has(name))
      throw new UsageError({ what: `Two parameters would be called ${name}`, got: `${own} and another` });
    named.set(name, source);
  }
  return named;
}
