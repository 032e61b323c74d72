import { UsageError } from './errors.js';
import { nearest } from './nearest.js';

/** Longest string that a message quotes in full, in characters. */
const MOST = 60;

/** Describes a value for an error message: `"same"`, `an array of 3`, `a Map`, `null`. */
export function shown(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > MOST ? `${value.slice(0, MOST)}…` : value);
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`;
  if (Array.isArray(value))
    return value.length <= 8 && value.every((item) => typeof item === 'number')
      ? `[${value.join(', ')}]`
      : `an array of ${value.length}`;
  if (typeof value !== 'object' || value === null)
    return typeof value === 'bigint' ? `${value}n` : String(value);
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  if (typeof name !== 'string' || name === 'Object' || name === '') {
    const keys = Object.keys(value);
    return `an object with ${keys.length === 0 ? 'no keys' : keys.slice(0, 6).join(', ')}`;
  }
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** `kernel_size` → `kernelSize` */
const camelCase = (name: string): string =>
  name.replace(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());

/**
 * Checks that `options` is a plain object and that all its keys are known.
 *
 * @param owner the function or class that takes the options, for messages
 * @param known all valid names
 * @throws UsageError, suggesting the most similar known name
 */
export function checkOptionNames(owner: string, options: unknown, known: readonly string[]): void {
  const expected = (): string => (known.length === 0 ? 'no options' : `{ ${known.join(', ')} }`);
  if (typeof options !== 'object' || options === null || Array.isArray(options) || !isPlain(options))
    throw new UsageError({
      what: `${owner} takes its options by name`,
      expected: expected(),
      got: shown(options),
      ...(known.length === 0 ? {} : { next: `write them as an object, such as { ${known[0]}: … }` }),
    });
  const strange = Object.keys(options).find((name) => !known.includes(name));
  if (strange === undefined) return;
  const camel = camelCase(strange);
  const names = [camel, RENAMED[camel], ...(SYNONYMS.find((same) => same.includes(camel)) ?? [])];
  const meant = names.find((name) => name !== undefined && known.includes(name)) ?? nearest(camel, known);
  throw new UsageError({
    what: `${owner} has no option ${strange}`,
    expected: expected(),
    got: strange,
    next: meant !== undefined ? `did you mean ${meant}?` : 'leave it out',
  });
}

/** PyTorch's option names (in camel case) that are named differently here. */
const RENAMED: Readonly<Record<string, string>> = {
  numWorkers: 'workers',
  prefetchFactor: 'prefetch',
  learningRate: 'lr',
  rate: 'lr',
};

/** Names of one thing, one of which an option has. */
const SYNONYMS: readonly (readonly string[])[] = [
  ['dim', 'axis', 'axes', 'dims'],
  ['keepDims', 'keepdim', 'keepDim', 'keepdims'],
];

function isPlain(value: object): boolean {
  const parent: unknown = Object.getPrototypeOf(value);
  return parent === null || Object.getPrototypeOf(parent) === null;
}

/** @throws UsageError unless the value is a finite number in [least, most] */
export function checkNumber(
  owner: string,
  name: string,
  value: unknown,
  { least = -Infinity, most = Infinity, expected }: { least?: number; most?: number; expected: string },
): void {
  if (typeof value === 'number' && Number.isFinite(value) && value >= least && value <= most) return;
  throw new UsageError({ what: `${owner} got a bad ${name}`, expected, got: shown(value) });
}

/** Whether a value is an integer of at least `least` that a double represents exactly. */
export const isInteger = (value: unknown, least = 0): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least;

/** @throws UsageError unless the value is an integer in [least, most] */
export function checkInteger(
  owner: string,
  name: string,
  value: unknown,
  { least = 0, most = Number.MAX_SAFE_INTEGER }: { least?: number; most?: number } = {},
): asserts value is number {
  if (isInteger(value, least) && value <= most) return;
  throw new UsageError({
    what: `${owner} got a bad ${name}`,
    expected:
      most === Number.MAX_SAFE_INTEGER
        ? `an integer of at least ${least}`
        : `an integer from ${least} to ${most}`,
    got: shown(value),
  });
}

/** @throws UsageError unless every value is a boolean: the string "false" would be truthy */
export function checkBooleans(owner: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    if (typeof value !== 'boolean')
      throw new UsageError({
        what: `${owner} got a bad ${name}`,
        expected: 'true or false',
        got: shown(value),
      });
}

/** @throws UsageError unless the value is a path: a string that is not empty */
export function checkPath(owner: string, name: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value !== '') return;
  throw new UsageError({
    what: `${owner} got a bad ${name}`,
    expected: 'the path of a file or folder, as a string',
    got: value === '' ? 'an empty string' : shown(value),
  });
}
