import { checkNumber, checkOptionNames, shown } from '../errors/arguments.js';
import { ShapeError, UsageError } from '../errors/errors.js';
import { isShape, type Shape, showShape, sizeOf, withMemory } from '../graph/types.js';
import type { Generator } from '../random.js';
import type { Parameter } from '../tensor/parameter.js';
import { initGenerator } from '../tensor/random.js';
import { check, checkGenerator, fill, write } from './init/fill.js';

export { withoutInit } from './init/fill.js';
export * from './init/structured.js';

/*
 * Initialisers overwrite a parameter, like PyTorch's functions whose names end in an underscore. The last argument is a
 * generator; by default they draw from the global generator that `manualSeed` seeds.
 */

/** Zeros for the weight of a layer. @throws DeviceError if there is no memory for it */
export const zeroWeights = (layer: string, shape: Shape): Float32Array =>
  withMemory(
    () => `A weight ${showShape(shape)} of ${layer}`,
    () => new Float32Array(sizeOf(shape)),
  );

/** Fills with one value. */
export function constant(parameter: Parameter, value: number): void {
  check('constant', parameter, { value });
  fill(parameter, () => value);
}

/** Uniform in [low, high). */
export function uniform(
  parameter: Parameter,
  options: { low?: number; high?: number } = {},
  generator: Generator = initGenerator(),
): void {
  checkOptionNames('init.uniform', options, ['low', 'high']);
  const { low = 0, high = 1 } = options;
  check('uniform', parameter, { low, high });
  checkGenerator('uniform', generator);
  if (low > high)
    throw new UsageError({
      what: 'init.uniform got limits in the wrong order',
      expected: 'low of at most high',
      got: `${low} and ${high}`,
    });
  // Its own loop, twice as fast as fill(): default initialisation of every layer uses it.
  write(parameter, (data) => {
    for (let i = 0; i < data.length; i++) data[i] = generator.uniform(low, high);
  });
}

/** Normal with a mean and a standard deviation. */
export function normal(
  parameter: Parameter,
  options: { mean?: number; std?: number } = {},
  generator: Generator = initGenerator(),
): void {
  checkOptionNames('init.normal', options, ['mean', 'std']);
  const { mean = 0, std = 1 } = options;
  check('normal', parameter, { mean, std });
  checkGenerator('normal', generator);
  checkNumber('init.normal', 'std', std, { least: 0, expected: 'a number of at least 0' });
  fill(parameter, () => generator.normal(mean, std));
}

/** Fills with 0. */
export function zeros(parameter: Parameter): void {
  check('zeros', parameter);
  fill(parameter, () => 0);
}

/** Fills with 1. */
export function ones(parameter: Parameter): void {
  check('ones', parameter);
  fill(parameter, () => 1);
}

/** fanIn and fanOut of a weight [out, in, …]: inputs and outputs per unit. */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (!isShape(shape) || shape.length < 2)
    throw new ShapeError({
      what: 'This initialiser needs fanIn and fanOut',
      expected: 'a weight of at least 2 dimensions, [out, in, …]',
      got: isShape(shape) ? showShape(shape) : shown(shape),
      next: 'use constant() or uniform() for biases',
    });
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

/** The nonlinearity after the layer, which determines the gain. */
export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

/** PyTorch's recommended gain; `slope` is LeakyReLU's. */
export function gain(nonlinearity: Nonlinearity, slope = 0.01): number {
  checkNumber('init.gain', 'slope', slope, { expected: 'a number' });
  switch (nonlinearity) {
    case 'linear':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'selu':
      return 3 / 4;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + slope ** 2));
    default:
      throw new UsageError({
        what: 'There is no gain for this nonlinearity',
        expected: 'linear, sigmoid, tanh, relu, leakyRelu or selu',
        got: String(nonlinearity),
      });
  }
}

/** Options of the Kaiming initialisers, with PyTorch's defaults. */
export interface KaimingOptions {
  /** Negative slope of the LeakyReLU after the layer. */
  a?: number;
  /** Preserve the variance of activations (fanIn) or of gradients (fanOut). */
  mode?: 'fanIn' | 'fanOut';
  nonlinearity?: Nonlinearity;
}

function kaimingStd(name: string, parameter: Parameter, options: KaimingOptions): number {
  checkOptionNames(`init.${name}`, options, ['a', 'mode', 'nonlinearity']);
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options;
  check(name, parameter, { a });
  if (mode !== 'fanIn' && mode !== 'fanOut')
    throw new UsageError({
      what: `init.${name} got a bad mode`,
      expected: "'fanIn' or 'fanOut'",
      got: shown(mode),
    });
  const { shape } = parameter;
  return gain(nonlinearity, a) / Math.sqrt(fans(shape)[mode]);
}

/** Uniform in ±gain·√(3 / fan) (He et al., "Delving deep into rectifiers", 2015). */
export function kaimingUniform(
  parameter: Parameter,
  options: KaimingOptions = {},
  generator?: Generator,
): void {
  const bound = Math.sqrt(3) * kaimingStd('kaimingUniform', parameter, options);
  uniform(parameter, { low: -bound, high: bound }, generator);
}

/** Normal with standard deviation gain / √fan (He et al., 2015). */
export function kaimingNormal(
  parameter: Parameter,
  options: KaimingOptions = {},
  generator?: Generator,
): void {
  normal(parameter, { std: kaimingStd('kaimingNormal', parameter, options) }, generator);
}

const xavierStd = (name: string, parameter: Parameter, options: { gain?: number }): number => {
  checkOptionNames(`init.${name}`, options, ['gain']);
  const { gain: factor = 1 } = options;
  check(name, parameter, { gain: factor });
  const { shape } = parameter;
  const { fanIn, fanOut } = fans(shape);
  return factor * Math.sqrt(2 / (fanIn + fanOut));
};

/** Uniform in ±gain·√(6 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierUniform(
  parameter: Parameter,
  options: { gain?: number } = {},
  generator?: Generator,
): void {
  const bound = Math.sqrt(3) * xavierStd('xavierUniform', parameter, options);
  uniform(parameter, { low: -bound, high: bound }, generator);
}

/** Normal with standard deviation gain·√(2 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierNormal(
  parameter: Parameter,
  options: { gain?: number } = {},
  generator?: Generator,
): void {
  normal(parameter, { std: xavierStd('xavierNormal', parameter, options) }, generator);
}

/**
 * The default initialisation of PyTorch's Conv2d and Linear: uniform in ±1/√fanIn for weight and bias (Kaiming-uniform
 * with a = √5).
 */
export function pytorchDefault(
  weight: Parameter,
  bias: Parameter | null = null,
  generator?: Generator,
): void {
  check('pytorchDefault', weight);
  const bound = 1 / Math.sqrt(fans(weight.shape).fanIn);
  uniform(weight, { low: -bound, high: bound }, generator);
  if (bias) uniform(bias, { low: -bound, high: bound }, generator);
}
