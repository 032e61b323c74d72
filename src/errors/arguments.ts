import { UsageError } from './errors.js';
import { nearest } from './nearest.js';

/** Characters of a text that a message shows. */
const MOST = 60;

/** What a value is, for a message about an argument: `"same"`, `an array of 3`, `a Map`, `null`. */
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
    return `an object with ${keys.length === 0 ? 'nothing in it' : keys.slice(0, 6).join(', ')}`;
  }
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** `kernel_size` → `kernelSize` */
const camelCase = (name: string): string =>
  name.replace(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());

/**
 * Checks that options are an object with known names alone.
 *
 * @param owner what they are given to, for messages
 * @param known all names that there are
 * @throws UsageError with the name that was probably meant
 */
export function checkOptionNames(owner: string, options: unknown, known: readonly string[]): void {
  const expected = known.length === 0 ? 'no options' : `{ ${known.join(', ')} }`;
  if (typeof options !== 'object' || options === null || Array.isArray(options) || !isPlain(options))
    throw new UsageError({
      what: `${owner} takes its options by name`,
      expected,
      got: shown(options),
      ...(known.length === 0 ? {} : { next: `write them as an object, such as { ${known[0]}: … }` }),
    });
  const strange = Object.keys(options).find((name) => !known.includes(name));
  if (strange === undefined) return;
  const camel = camelCase(strange);
  const meant = known.includes(camel) ? camel : (RENAMED[camel] ?? nearest(camel, known));
  throw new UsageError({
    what: `${owner} has no option ${strange}`,
    expected,
    got: strange,
    next: meant !== undefined && known.includes(meant) ? `did you mean ${meant}?` : 'leave it out',
  });
}

/** What PyTorch calls an option that has another name here. */
const RENAMED: Readonly<Record<string, string>> = {
  numWorkers: 'workers',
  prefetchFactor: 'prefetch',
  learningRate: 'lr',
  rate: 'lr',
};

function isPlain(value: object): boolean {
  const parent: unknown = Object.getPrototypeOf(value);
  return parent === null || Object.getPrototypeOf(parent) === null;
}

/** @throws UsageError for what is not a number within bounds, both included */
export function checkNumber(
  owner: string,
  name: string,
  value: unknown,
  { least = -Infinity, most = Infinity, expected }: { least?: number; most?: number; expected: string },
): void {
  if (typeof value === 'number' && Number.isFinite(value) && value >= least && value <= most) return;
  throw new UsageError({ what: `${owner} got a bad ${name}`, expected, got: shown(value) });
}

/** @throws UsageError for anything but true and false: a text such as "false" would count as true */
export function checkBooleans(owner: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    if (typeof value !== 'boolean')
      throw new UsageError({
        what: `${owner} got a bad ${name}`,
        expected: 'true or false',
        got: shown(value),
      });
}
