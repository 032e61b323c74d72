import { checkNumber, checkOptionNames, shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { type Shape, showShape, sizeOf } from '../../graph/types.js';
import { erf } from '../../ops/erf.js';
import type { Generator } from '../../random.js';
import type { Parameter } from '../../tensor/parameter.js';
import { initGenerator } from '../../tensor/random.js';
import { check, checkGenerator, fill, write } from './fill.js';

/* Initialisers whose values depend on each other, or are not simply uniform or normal. */

/** Options of {@link truncNormal}, with PyTorch's defaults. */
export interface TruncNormalOptions {
  mean?: number;
  std?: number;
  /** Smallest and largest value; −2 and 2 by default, independent of the standard deviation. */
  a?: number;
  b?: number;
}

/** Normal with a mean and a standard deviation (of the whole distribution), without values outside of [a, b]. */
export function truncNormal(
  parameter: Parameter,
  options: TruncNormalOptions = {},
  generator: Generator = initGenerator(),
): void {
  checkOptionNames('init.truncNormal', options, ['mean', 'std', 'a', 'b']);
  const { mean = 0, std = 1, a = -2, b = 2 } = options;
  check('truncNormal', parameter, { mean, std, a, b });
  checkGenerator('truncNormal', generator);
  checkNumber('init.truncNormal', 'std', std, { least: Number.MIN_VALUE, expected: 'a number above 0' });
  if (!(a < b))
    throw new UsageError({
      what: 'init.truncNormal got limits in the wrong order',
      expected: 'a below b',
      got: `a = ${a}, b = ${b}`,
    });
  const below = (limit: number): number => erf((limit - mean) / (std * Math.SQRT2));
  const [low, high] = [below(a), below(b)];
  if (!(low < high))
    throw new UsageError({
      what: 'init.truncNormal got limits that are too far from the mean',
      expected: `values of N(${mean}, ${std}²) between them`,
      got: `[${a}, ${b}]`,
    });
  fill(parameter, () => {
    const value = mean + std * Math.SQRT2 * inverseErf(generator.uniform(low, high));
    return Math.min(b, Math.max(a, value));
  });
}

/** The inverse of the error function: Winitzki's approximation, made exact by Newton's method. */
function inverseErf(y: number): number {
  const logarithm = Math.log1p(-y * y);
  const part = 2 / (Math.PI * 0.147) + logarithm / 2;
  let x = Math.sign(y) * Math.sqrt(Math.sqrt(part * part - logarithm / 0.147) - part);
  for (let i = 0; i < 3; i++) {
    const slope = (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x);
    if (slope > 1e-300 && Number.isFinite(x)) x -= (erf(x) - y) / slope;
  }
  return x;
}

/** The shape of a weight. @throws ShapeError for another number of dimensions */
function shapeOf(name: string, parameter: Parameter, least: number, most: number): Shape {
  check(name, parameter);
  const { shape } = parameter;
  if (shape.length >= least && shape.length <= most) return shape;
  throw new ShapeError({
    what: `init.${name} got a parameter whose number of dimensions does not fit`,
    expected:
      least === most
        ? `${least}`
        : most === Number.POSITIVE_INFINITY
          ? `at least ${least}`
          : `${least} to ${most}`,
    got: `${shape.length}, ${showShape(shape)}`,
  });
}

/** The identity matrix, also for a matrix that is not square. */
export function eye(parameter: Parameter): void {
  const [rows, columns] = shapeOf('eye', parameter, 2, 2) as [number, number];
  write(parameter, (data) => {
    data.fill(0);
    for (let i = 0; i < Math.min(rows, columns); i++) data[i * columns + i] = 1;
  });
}

/**
 * Convolution kernels that copy as many input channels as possible to the output: 1 in the middle, 0 elsewhere.
 *
 * @param options `groups`: each group of outputs copies its own inputs
 */
export function dirac(parameter: Parameter, options: { groups?: number } = {}): void {
  checkOptionNames('init.dirac', options, ['groups']);
  const shape = shapeOf('dirac', parameter, 3, 5);
  const { groups = 1 } = options;
  const [outputs, inputs, ...window] = shape as [number, number, ...number[]];
  if (!Number.isInteger(groups) || groups < 1 || outputs % groups !== 0)
    throw new UsageError({
      what: 'init.dirac got bad groups',
      expected: `a divisor of the ${outputs} outputs`,
      got: shown(groups),
    });
  const field = sizeOf(window);
  const middle = window.reduce((at, size) => at * size + Math.floor(size / 2), 0);
  const each = outputs / groups;
  write(parameter, (data) => {
    data.fill(0);
    for (let out = 0; out < outputs; out++)
      if (out % each < inputs) data[(out * inputs + (out % each)) * field + middle] = 1;
  });
}

/**
 * A matrix [rows, …] with orthogonal rows or columns, whichever are fewer (Saxe et al. 2014), times `gain`; dimensions after
 * the first count as one.
 */
export function orthogonal(
  parameter: Parameter,
  options: { gain?: number } = {},
  generator: Generator = initGenerator(),
): void {
  checkOptionNames('init.orthogonal', options, ['gain']);
  const { gain = 1 } = options;
  check('orthogonal', parameter, { gain });
  checkGenerator('orthogonal', generator);
  const [rows, ...rest] = shapeOf('orthogonal', parameter, 2, Number.POSITIVE_INFINITY) as [
    number,
    ...number[],
  ];
  const columns = sizeOf(rest);
  const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
  write(parameter, (data) => {
    const vectors = orthonormal(count, length, generator);
    for (const [i, vector] of vectors.entries())
      for (const [j, value] of vector.entries())
        data[rows < columns ? i * columns + j : j * columns + i] = gain * value;
  });
}

/** Orthonormal vectors: normally distributed vectors after the Gram-Schmidt process, applied twice for accuracy. */
function orthonormal(count: number, length: number, generator: Generator): Float64Array[] {
  const vectors: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const vector = Float64Array.from({ length }, () => generator.normal());
    for (const other of [...vectors, ...vectors]) {
      let dot = 0;
      for (let j = 0; j < length; j++) dot += vector[j]! * other[j]!;
      for (let j = 0; j < length; j++) vector[j]! -= dot * other[j]!;
    }
    const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    vectors.push(vector.map((value) => value / norm));
  }
  return vectors;
}

/** Normal with mean 0, except that a share of each column is set to 0 (Martens 2010). */
export function sparse(
  parameter: Parameter,
  options: { sparsity: number; std?: number },
  generator: Generator = initGenerator(),
): void {
  checkOptionNames('init.sparse', options, ['sparsity', 'std']);
  const { sparsity, std = 0.01 } = options;
  const [rows, columns] = shapeOf('sparse', parameter, 2, 2) as [number, number];
  check('sparse', parameter, { std });
  checkGenerator('sparse', generator);
  checkNumber('init.sparse', 'std', std, { least: 0, expected: 'a number of at least 0' });
  checkNumber('init.sparse', 'sparsity', sparsity, { least: 0, most: 1, expected: 'a number in [0, 1]' });
  const zeros = Math.ceil(sparsity * rows);
  write(parameter, (data) => {
    for (let i = 0; i < data.length; i++) data[i] = generator.normal(0, std);
    for (let column = 0; column < columns; column++)
      for (const row of generator.permutation(rows).subarray(0, zeros)) data[row * columns + column] = 0;
  });
}
