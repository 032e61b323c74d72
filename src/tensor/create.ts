import { checkBooleans, checkInteger, checkNumber, checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { hostLeaf } from '../graph/node.js';
import {
  type DType,
  isFloat,
  makeArray,
  type Shape,
  showShape,
  sizeOf,
  type TypedArray,
  withMemory,
} from '../graph/types.js';
import { Generator, philox4x32 } from '../random.js';
import { checkDType, checkShape, convert } from './arguments.js';
import { nextKey } from './random.js';
import { full, Tensor } from './tensor.js';

/** Options of a new tensor. */
export interface CreateOptions {
  dtype?: DType;
  requiresGrad?: boolean;
}

/** Options of a tensor of random numbers. */
export interface RandomOptions extends CreateOptions {
  /** Where the numbers come from; by default from the state that `manualSeed` sets. */
  generator?: Generator;
}

interface Checked {
  readonly dtype: DType;
  readonly requiresGrad: boolean;
}

function checked(name: string, options: CreateOptions, dtype: DType, known: readonly string[] = []): Checked {
  checkOptionNames(name, options, ['dtype', 'requiresGrad', ...known]);
  const made = { dtype: options.dtype ?? dtype, requiresGrad: options.requiresGrad ?? false };
  checkDType(name, made.dtype);
  checkBooleans(name, { requiresGrad: made.requiresGrad });
  return made;
}

/** An array for a tensor of a shape. @throws DeviceError if there is no memory for it */
const allocated = (name: string, shape: Shape, dtype: DType): TypedArray =>
  withMemory(
    () => `The tensor ${showShape(shape)} of ${name}`,
    () => makeArray(dtype, sizeOf(shape)),
  );

/** A list of `count` numbers as a tensor. */
function listed(name: string, count: number, made: Checked, make: (i: number) => number): Tensor {
  const values = withMemory(
    () => `The tensor ${showShape([count])} of ${name}`,
    () =>
      convert(
        new Float64Array(count).map((_, i) => make(i)),
        made.dtype,
      ),
  );
  return created(values, [count], made);
}

const created = (data: TypedArray, shape: Shape, { dtype, requiresGrad }: Checked): Tensor =>
  new Tensor(hostLeaf(data, shape, dtype), requiresGrad);

function checkFinite(name: string, values: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(values))
    checkNumber(name, key, value, { expected: 'a finite number' });
}

/**
 * Numbers from `start` up to `end`, without `end` itself: `arange(end)`, `arange(start, end)` or
 * `arange(start, end, step)`. Whole numbers make an int32 tensor, others float32.
 */
export function arange(first: number, second?: number, step = 1, options: CreateOptions = {}): Tensor {
  const [start, end] = second === undefined ? [0, first] : [first, second];
  checkFinite('arange', { start, end, step });
  if (step === 0 || (end - start) / step < 0)
    throw new UsageError({
      what: 'arange never reaches its end',
      expected: 'a step from the start towards the end',
      got: `from ${start} to ${end} by ${step}`,
    });
  const whole = [start, end, step].every(Number.isInteger);
  const made = checked('arange', options, whole ? 'int32' : 'float32');
  const count = Math.ceil((end - start) / step);
  return listed('arange', count, made, (i) => start + i * step);
}

/** `steps` numbers at equal distances, from `start` to `end`, both included. */
export function linspace(start: number, end: number, steps: number, options: CreateOptions = {}): Tensor {
  checkFinite('linspace', { start, end });
  checkInteger('linspace', 'steps', steps);
  const made = checked('linspace', options, 'float32');
  const step = (end - start) / Math.max(1, steps - 1);
  // From both ends, so that the last number is exact.
  return listed('linspace', steps, made, (i) =>
    i < steps / 2 ? start + i * step : end - (steps - 1 - i) * step,
  );
}

/** The unit matrix [n, m]; m is n by default. */
export function eye(n: number, m: number = n, options: CreateOptions = {}): Tensor {
  checkInteger('eye', 'n', n);
  checkInteger('eye', 'm', m);
  const made = checked('eye', options, 'float32');
  const data = allocated('eye', [n, m], made.dtype);
  for (let i = 0; i < Math.min(n, m); i++) data[i * m + i] = 1;
  return created(data, [n, m], made);
}

/** A generator of its own for each tensor, from the state that `manualSeed` sets and checkpoints keep. */
function nextGenerator(shape: Shape): Generator {
  const words = nextKey(shape);
  const made = new Uint32Array(4);
  // The tag in the second word keeps this counter apart from those of masks and of generators; ranks differ in the others.
  philox4x32([words[2]!, words[3]!, words[4] ?? 0, words[5] ?? 0], words, made);
  return Generator.fromState({ key: [made[0]!, made[1]!], stream: 0, position: 0, spare: null });
}

function random(
  name: string,
  shape: Shape,
  options: RandomOptions,
  dtype: DType,
  draw: (generator: Generator) => number,
): Tensor {
  checkShape(name, shape);
  const made = checked(name, options, dtype, ['generator']);
  const { generator = nextGenerator(shape) } = options;
  if (!(generator instanceof Generator))
    throw new UsageError({
      what: `${name} got a bad generator`,
      expected: 'a Generator',
      got: shown(generator),
    });
  if (dtype === 'float32' && !isFloat(made.dtype))
    throw new UsageError({
      what: `${name} draws fractions`,
      expected: "dtype 'float32' or 'float64'",
      got: made.dtype,
    });
  const data = allocated(name, shape, made.dtype);
  for (let i = 0; i < data.length; i++) data[i] = draw(generator);
  return created(data, shape, made);
}

/** Random numbers, uniform in [0, 1). */
export const rand = (shape: Shape, options: RandomOptions = {}): Tensor =>
  random('rand', shape, options, 'float32', (generator) => generator.uniform());

/** Random numbers with a normal distribution of mean 0 and standard deviation 1. */
export const randn = (shape: Shape, options: RandomOptions = {}): Tensor =>
  random('randn', shape, options, 'float32', (generator) => generator.normal());

/** Random integers in [low, high), int32. */
export function randint(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  if (!Number.isInteger(low) || !Number.isInteger(high) || low >= high)
    throw new UsageError({
      what: 'randint got bad limits',
      expected: 'integers low < high',
      got: `${shown(low)} and ${shown(high)}`,
    });
  convert([low, high - 1], options.dtype ?? 'int32');
  return random('randint', shape, options, 'int32', (generator) => low + generator.integer(high - low));
}

/** The integers from 0 to n − 1 in a random order, int32. */
export function randperm(n: number, options: Omit<RandomOptions, 'dtype' | 'requiresGrad'> = {}): Tensor {
  checkOptionNames('randperm', options, ['generator']);
  checkInteger('randperm', 'n', n);
  const { generator = nextGenerator([n]) } = options;
  return new Tensor(hostLeaf(generator.permutation(n), [n], 'int32'));
}

function like(name: string, x: unknown): Tensor {
  if (x instanceof Tensor) return x;
  throw new UsageError({ what: `${name} copies a tensor’s shape`, expected: 'a Tensor', got: shown(x) });
}

/** A tensor of the same shape and type with one value everywhere. */
export function fullLike(x: Tensor, value: number): Tensor {
  const { shape, dtype } = like('fullLike', x);
  return full(shape, value, dtype);
}
/** Zeros of the same shape and type. */
export const zerosLike = (x: Tensor): Tensor => fullLike(like('zerosLike', x), 0);
/** Ones of the same shape and type. */
export const onesLike = (x: Tensor): Tensor => fullLike(like('onesLike', x), 1);
/** Uniform random numbers of the same shape and type. */
export function randLike(x: Tensor, options: Omit<RandomOptions, 'dtype'> = {}): Tensor {
  const { shape, dtype } = like('randLike', x);
  return rand(shape, { dtype, ...options });
}
/** Normal random numbers of the same shape and type. */
export function randnLike(x: Tensor, options: Omit<RandomOptions, 'dtype'> = {}): Tensor {
  const { shape, dtype } = like('randnLike', x);
  return randn(shape, { dtype, ...options });
}
