import { PaperweightError, Tensor, type TypedArray, tensor } from '../../../src/core.js';
import type { ValidCall } from './valid-calls.js';

/*
 * Changes one argument of a valid call at a time, and says how the call ends.
 */

/** `1.weight NaN` is the option weight of argument 1, replaced by NaN. */
interface Change {
  readonly name: string;
  readonly args: readonly unknown[];
}

const filled = ({ shape, size, dtype }: Tensor, value: number): Tensor => {
  const Kind = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array }[dtype];
  return tensor(new Kind(size).fill(value), { shape, dtype });
};

const shaped = (like: Tensor, shape: readonly number[], dtype = like.dtype): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, (_, i) =>
    dtype.startsWith('float') ? 0.1 * ((i % 5) + 1) : i % 2,
  );
  return tensor(Float64Array.from(values), { shape, dtype });
};

/** What a program without types may pass in the place of a tensor. */
const NO_TENSOR: readonly (readonly [name: string, value: () => unknown])[] = [
  ['null', () => null],
  ['undefined', () => undefined],
  ['number', () => 3],
  ['string', () => 'x'],
  ['array', () => [1, 2]],
  ['floats', () => Float32Array.of(1, 2)],
  ['promise', () => Promise.resolve(3)],
];

function* tensors(like: Tensor): Iterable<readonly [name: string, value: unknown]> {
  for (const [name, make] of NO_TENSOR) yield [name, make()];
  const { shape, dtype } = like;
  yield ['more', shaped(like, [2, ...shape])];
  if (shape.length > 1) yield ['fewer', shaped(like, shape.slice(1))];
  if (shape.length > 0) yield ['scalar', shaped(like, [])];
  for (const [i, size] of shape.entries()) {
    yield [`longer${i}`, shaped(like, shape.with(i, size + 1))];
    yield [`empty${i}`, shaped(like, shape.with(i, 0))];
  }
  for (const other of ['float32', 'float64', 'int32', 'uint8'] as const)
    if (other !== dtype) yield [other, shaped(like, shape, other)];
  if (dtype === 'int32') {
    yield ['negative', filled(like, -1)];
    yield ['large', filled(like, 1000)];
  } else yield ['nan', filled(like, Number.NaN)];
}

const NUMBERS: readonly (readonly [name: string, value: unknown])[] = [
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['-9', -9],
  ['1.5', 1.5],
  ['99', 99],
  ['string', '1'],
  ['null', null],
  ['object', {}],
  ['list', [1]],
];

function* changed(value: unknown): Iterable<readonly [name: string, value: unknown]> {
  if (value instanceof Tensor) yield* tensors(value);
  else if (typeof value === 'number') yield* NUMBERS;
  else if (typeof value === 'boolean')
    for (const other of ['yes', 1, null]) yield [String(other), other] as const;
  else if (typeof value === 'string')
    for (const other of ['other', '', 3, null]) yield [JSON.stringify(other), other] as const;
  else if (typeof value === 'function')
    for (const other of ['f', 3, null]) yield [String(other), other] as const;
  else if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    for (const other of ['x', null, {}]) yield [`for list ${JSON.stringify(other)}`, other] as const;
    yield ['none', []];
    yield ['shorter', list.slice(1)];
    yield ['repeated', [...list, list[0]]];
    for (const [name, item] of changed(list[0])) yield [`first ${name}`, list.with(0, item)];
  } else if (typeof value === 'object' && value !== null) {
    for (const other of ['x', 7, null]) yield [`for options ${other}`, other] as const;
    yield ['unknown option', { ...value, unknownOption: 1 }];
    for (const [key, item] of Object.entries(value))
      for (const [name, other] of changed(item)) yield [`${key} ${name}`, { ...value, [key]: other }];
  }
}

/** All changes of a call, each of one argument. */
export function* changesOf({ args }: ValidCall): Iterable<Change> {
  for (const [i, arg] of args.entries())
    for (const [name, value] of changed(arg)) yield { name: `${i} ${name}`, args: args.with(i, value) };
}

/** The numbers in a result, computed. */
async function numbersIn(value: unknown): Promise<number[]> {
  const found: unknown = value instanceof Promise ? await value : value;
  if (typeof found === 'number') return [found];
  if (found instanceof Tensor) return [...((await found.data()) as TypedArray)];
  if (typeof found !== 'object' || found === null) return [];
  const all = await Promise.all(Object.values(found).map(numbersIn));
  return all.flat();
}

/**
 * How a call ends: `refused` by an error of this project, `finite` numbers, `not finite` ones, or the message of another
 * error.
 */
export async function endOf({ call, args }: ValidCall): Promise<string> {
  try {
    const numbers = await numbersIn(call(...(args as never[])));
    return numbers.every(Number.isFinite) ? 'finite' : 'not finite';
  } catch (error) {
    return error instanceof PaperweightError ? 'refused' : `fails: ${String(error).split('\n')[0]}`;
  }
}

/**
 * The changes that a call does not refuse, in short form: those with finite numbers by name, those with others with `!`,
 * and those with an error of another kind with the error. NaN in a tensor has to come out as NaN: it is listed if it does
 * not.
 */
export async function unrefused(valid: ValidCall): Promise<string[]> {
  const found: string[] = [];
  for (const { name, args } of changesOf(valid)) {
    const end = await endOf({ call: valid.call, args });
    const isNan = /\bnan$/.test(name);
    if (end === 'refused' || (isNan && end === 'not finite')) continue;
    found.push(end === 'finite' ? name : end === 'not finite' ? `${name}!` : `${name}: ${end}`);
  }
  return found;
}
