import { UsageError } from '../errors/errors.js';
import type { Module } from '../nn/module.js';
import type { Parameter } from '../tensor/parameter.js';
import { toBfloat16, toFloat16 } from './half.js';
import { viewBytes } from './numbers.js';
import type { ArraySource } from './safetensors/index.js';

/** Dtypes in which weights can be written. */
export const WEIGHT_DTYPES = ['float32', 'float16', 'bfloat16'] as const;
export type WeightDtype = (typeof WEIGHT_DTYPES)[number];

const FORMATS = {
  float32: { dtype: 'F32', convert: (values: Float32Array) => values },
  float16: { dtype: 'F16', convert: toFloat16 },
  bfloat16: { dtype: 'BF16', convert: toBfloat16 },
} as const;

/** A parameter as a source of chunks of a few megabytes for a writer, read from its device. */
export function sourceOf(parameter: Parameter, format: WeightDtype = 'float32'): ArraySource {
  const { dtype, convert } = FORMATS[format];
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of parameter.pieces()) yield viewBytes(convert(piece as Float32Array));
  }
  return { dtype, shape: [...parameter.shape], pieces };
}

/**
 * All parameters and buffers of a model, as sources for a writer.
 *
 * @param names names in the file, keyed by the parameter's own name; default: its own name
 * @param format dtype in the file; float16 and bfloat16 round to nearest, ties to even
 * @throws UsageError if two parameters would have the same name
 */
export function modelWeights(
  model: Module<unknown>,
  { format = 'float32', names }: { format?: WeightDtype; names?: ReadonlyMap<string, string> } = {},
): Map<string, ArraySource> {
  const sources = new Map<Parameter, ArraySource>();
  const named = new Map<string, ArraySource>();
  for (const [own, parameter] of model.stateDict()) {
    // A shared parameter has one source, so that formats with shared storage write it once.
    const source = sources.get(parameter) ?? sourceOf(parameter, format);
    sources.set(parameter, source);
    const name = names?.get(own) ?? own;
    if (named.has(name))
      throw new UsageError({ what: `Two parameters would have the name ${name}`, got: `${own} and another` });
    named.set(name, source);
  }
  return named;
}
