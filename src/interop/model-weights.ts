import { UsageError } from '../errors/errors.js';
import { isFloat, type TypedArray } from '../graph/types.js';
import type { Module } from '../nn/module.js';
import type { Parameter } from '../tensor/parameter.js';
import { toBfloat16, toFloat16 } from './half.js';
import { FORMAT_OF, viewBytes } from './numbers.js';
import type { ArraySource } from './safetensors/index.js';

/** Types to which weights can be rounded when they are written. */
export const WEIGHT_DTYPES = ['float32', 'float16', 'bfloat16'] as const;
export type WeightDtype = (typeof WEIGHT_DTYPES)[number];

const FORMATS = {
  float32: { dtype: 'F32', convert: (values: Float32Array) => values },
  float16: { dtype: 'F16', convert: toFloat16 },
  bfloat16: { dtype: 'BF16', convert: toBfloat16 },
} as const;

const inFloat32 = (values: TypedArray): Float32Array =>
  values instanceof Float32Array ? values : Float32Array.from(values);

/**
 * A parameter as a source of chunks of a few megabytes for a writer, read from its device.
 * @param rounded type to which floats are rounded; left out, they are written exactly, as integers always are
 */
export function sourceOf(parameter: Parameter, rounded?: WeightDtype): ArraySource {
  const format = rounded !== undefined && isFloat(parameter.dtype) ? FORMATS[rounded] : undefined;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    // As PyTorch, float64 is rounded to float32 first.
    for await (const piece of parameter.pieces())
      yield viewBytes(format ? format.convert(inFloat32(piece)) : piece);
  }
  return { dtype: format?.dtype ?? FORMAT_OF[parameter.dtype], shape: [...parameter.shape], pieces };
}

/**
 * All parameters and buffers of a model, as sources for a writer.
 *
 * @param names names in the file, keyed by the parameter's own name; default: its own name
 * @param rounded type in the file to which floats are rounded to nearest, ties to even; default: the model's own types
 * @throws UsageError if two parameters would have the same name
 */
export function modelWeights(
  model: Module<unknown>,
  { rounded, names }: { rounded?: WeightDtype | undefined; names?: ReadonlyMap<string, string> } = {},
): Map<string, ArraySource> {
  const sources = new Map<Parameter, ArraySource>();
  const named = new Map<string, ArraySource>();
  for (const [own, parameter] of model.stateDict()) {
    // A shared parameter has one source, so that formats with shared storage write it once.
    const source = sources.get(parameter) ?? sourceOf(parameter, rounded);
    sources.set(parameter, source);
    const name = names?.get(own) ?? own;
    if (named.has(name))
      throw new UsageError({ what: `Two parameters would have the name ${name}`, got: `${own} and another` });
    named.set(name, source);
  }
  return named;
}
