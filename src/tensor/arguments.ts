import { shown } from '../errors/arguments.js';
import { ShapeError, UsageError } from '../errors/errors.js';
import {
  type DType,
  dtypeOf,
  isDType,
  isShape,
  isTypedArray,
  MOST_ELEMENTS,
  makeArray,
  type Shape,
  showShape,
  sizeOf,
  type TypedArray,
} from '../graph/types.js';

/** @throws UsageError unless `shape` is a list of sizes */
export function checkShape(owner: string, shape: unknown): asserts shape is Shape {
  if (isShape(shape)) {
    if (sizeOf(shape) <= MOST_ELEMENTS) return;
    throw new ShapeError({
      what: `${owner} got a shape of too many elements`,
      expected: `at most ${MOST_ELEMENTS}`,
      got: `${sizeOf(shape)} for ${showShape(shape)}`,
      next: 'compute it in parts',
    });
  }
  throw new UsageError({
    what: `${owner} got a bad shape`,
    expected: 'a list of sizes, such as [2, 3]',
    got: shown(shape),
    next: typeof shape === 'number' ? 'write the sizes as one array' : 'give integers of at least 0',
  });
}

/** @throws UsageError unless `dtype` is a valid element type */
export function checkDType(owner: string, dtype: unknown): asserts dtype is DType {
  if (isDType(dtype)) return;
  throw new UsageError({
    what: `${owner} got a bad dtype`,
    expected: "'float32', 'float64', 'int32' or 'uint8'",
    got: shown(dtype),
    ...(typeof dtype === 'object' && dtype ? { next: "pass the type itself, such as 'int32'" } : {}),
  });
}

/** @throws UsageError or ShapeError unless `data` is a typed array with as many values as `shape` has elements */
export function checkValues(owner: string, data: unknown, shape: unknown): void {
  asTypedArray(owner, data);
  checkShape(owner, shape);
  const count = (data as TypedArray).length;
  if (sizeOf(shape) === count) return;
  throw new ShapeError({
    what: 'A tensor’s values do not fill its shape',
    expected: `${sizeOf(shape)} values for ${showShape(shape)}`,
    got: String(count),
  });
}

/** Checks that `data` is a typed array that tensors support; converts Uint8ClampedArray (a canvas). @throws UsageError */
export function asTypedArray(owner: string, data: unknown): TypedArray {
  if (isTypedArray(data)) return data;
  if (data instanceof Uint8ClampedArray) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  throw new UsageError({
    what: `${owner} cannot hold these values`,
    expected: 'a Float32Array, Float64Array, Int32Array or Uint8Array',
    got: shown(data),
    next: ArrayBuffer.isView(data)
      ? 'copy it into one of those: Float32Array.from(values)'
      : 'make one: Float32Array.from(values)',
  });
}

/** Converts values to a typed array. @throws UsageError for a value that the type cannot represent */
export function convert(values: TypedArray | readonly number[], dtype: DType): TypedArray {
  const data = makeArray(dtype, values.length);
  data.set(values as never);
  if (isTypedArray(values) && dtypeOf(values) === dtype) return data;
  if (dtype === 'int32' || dtype === 'uint8')
    for (let i = 0; i < data.length; i++)
      if (data[i] !== values[i])
        throw new UsageError({
          what: `A tensor of ${dtype} cannot hold ${values[i]}`,
          expected: dtype === 'uint8' ? 'integers from 0 to 255' : '32-bit integers',
          got: String(values[i]),
          next: "use dtype 'float32'",
        });
  return data;
}

/** Flattens nested arrays. @throws UsageError for values that are not numbers, ShapeError if lengths differ */
export function flatten(values: unknown): { flat: number[]; shape: number[] } {
  const shape: number[] = [];
  for (let level = values; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat: number[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (Array.isArray(value)) {
      if (depth >= shape.length || value.length !== shape[depth])
        throw new ShapeError({
          what: 'A tensor’s values do not fill its shape',
          expected:
            depth >= shape.length ? 'numbers' : `${shape[depth]} values in each array of depth ${depth + 1}`,
          got: `an array of ${value.length}`,
          next: 'check that nested arrays are rectangular',
        });
      for (const item of value) visit(item, depth + 1);
    } else if (typeof value !== 'number' || depth !== shape.length)
      throw typeof value === 'number'
        ? new ShapeError({
            what: 'A tensor’s values do not fill its shape',
            expected: `${shape.length} arrays around each number`,
            got: `${depth}`,
            next: 'check that nested arrays are rectangular',
          })
        : new UsageError({
            what: 'tensor() takes numbers',
            expected: 'a number, nested arrays of numbers, or a typed array',
            got: shown(value),
            ...(typeof value === 'boolean' ? { next: 'write 1 and 0' } : {}),
          });
    else flat.push(value);
  };
  visit(values, 0);
  return { flat, shape };
}

/**
 * Axes of a reduction; undefined for all, which an empty list means too, as in PyTorch.
 * @throws UsageError for anything else, such as { dim: 1 }
 */
export function reducedAxes(
  method: string,
  axes: number | readonly number[] | undefined,
  keepDims: unknown,
): readonly number[] | undefined {
  if (typeof keepDims !== 'boolean')
    throw new UsageError({
      what: `${method}() got a bad keepDims`,
      expected: 'true or false',
      got: shown(keepDims),
    });
  const list = axesOf(method, axes);
  return list?.length === 0 ? undefined : list;
}

/** A list of axes. @throws UsageError for anything else */
export function axesOf(
  method: string,
  axes: number | readonly number[] | undefined,
): readonly number[] | undefined {
  if (axes === undefined) return undefined;
  const list = typeof axes === 'number' ? [axes] : axes;
  if (Array.isArray(list) && list.every(Number.isInteger)) return list;
  throw new UsageError({
    what: `${method}() got bad axes`,
    expected: `axes: ${method}(1), ${method}([2, 3], true)`,
    got: shown(axes),
  });
}

/** Integers passed as separate arguments or as one array. */
export function listOf(
  method: string,
  expected: string,
  given: readonly [readonly number[]] | readonly number[],
): readonly number[] {
  const list: unknown = given.length === 1 && typeof given[0] !== 'number' ? given[0] : given;
  if (Array.isArray(list) && list.every(Number.isInteger)) return list;
  throw new UsageError({ what: `${method}() got bad arguments`, expected, got: shown(list) });
}
