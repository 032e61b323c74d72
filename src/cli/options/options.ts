import { sep } from 'node:path';
import type { Command } from 'commander';
import type { Precision } from '../../backend/backend.js';
import { DEVICES, type DeviceName, MAX_THREADS, PRECISIONS } from '../../backend/device-names.js';
import { UsageError } from '../../errors/errors.js';
import { didYouMean } from '../../errors/nearest.js';
import { isWindowsName, WINDOWS_NAME } from '../../files/system/windows-name.js';

/** Parses the text of a flag's value; commander calls it. */
export type Parser<T> = (text: string) => T;

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** `batchSize` → `--batch-size` */
export const flagName = (key: string): string => `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

/** @throws UsageError for an invalid value, with a suggestion if it is similar to one of the words */
export function refuse(flag: string, text: string, expected: string, words: readonly string[] = []): never {
  throw new UsageError({
    what: `${flag} ${text === '' ? '""' : text} cannot be used`,
    expected,
    got: `"${text}"`,
    next: didYouMean(
      text,
      words,
      flag.startsWith('-')
        ? `give another value, or leave ${flag} out for its default (--help shows it)`
        : 'give another value (--help lists them)',
    ),
  });
}

/** A whole number from `min` to `max`. */
export function integer(
  flag: string,
  { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {},
): Parser<number> {
  const upTo = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`;
  const from = min === Number.MIN_SAFE_INTEGER ? '' : ` of at least ${min}`;
  return (text) => {
    const value = Number(text);
    if (INTEGER.test(text) && value >= min && value <= max) return value;
    return refuse(flag, text, `a whole number${from}${upTo}`);
  };
}

/** 1, 2, 3 … `max`. */
export const positiveInteger = (flag: string, max?: number): Parser<number> =>
  integer(flag, { min: 1, ...(max === undefined ? {} : { max }) });

function number(flag: string, expected: string, fits: (value: number) => boolean): Parser<number> {
  return (text) => {
    const value = Number(text);
    if (NUMBER.test(text) && Number.isFinite(value) && fits(value)) return value;
    return refuse(flag, text, expected);
  };
}

/** A number above 0, such as a learning rate. */
export const positiveNumber = (flag: string): Parser<number> =>
  number(flag, 'a number above 0', (value) => value > 0);

/** A number of at least 0, such as a weight decay. */
export const nonNegativeNumber = (flag: string): Parser<number> =>
  number(flag, 'a number of at least 0', (value) => value >= 0);

/** A number in [0, 1), such as a momentum. */
export const fraction = (flag: string): Parser<number> =>
  number(flag, 'a number of at least 0 and below 1', (value) => value >= 0 && value < 1);

/** Two numbers in [0, 1), such as `0.9,0.999`. */
export const fractions =
  (flag: string): Parser<[number, number]> =>
  (text) => {
    const values = text.split(',').map(Number);
    const fit = text.split(',').every((part) => NUMBER.test(part)) && values.every((v) => v >= 0 && v < 1);
    if (values.length === 2 && fit) return values as [number, number];
    return refuse(flag, text, 'two numbers of at least 0 and below 1, such as 0.9,0.999');
  };

/** Appends to a list, for a flag that can be repeated. */
export const repeated =
  <T>(parse: Parser<T>) =>
  (text: string, before: readonly T[] | undefined): T[] => [...(before ?? []), parse(text)];

/** `PATTERN=FACTOR`, such as `features=0.1`. */
export function patternAndFactor(flag: string): Parser<{ pattern: string; factor: number }> {
  return (text) => {
    const at = text.lastIndexOf('=');
    const [pattern, factor] = [text.slice(0, at), Number(text.slice(at + 1))];
    if (at > 0 && NUMBER.test(text.slice(at + 1)) && Number.isFinite(factor) && factor > 0)
      return { pattern, factor };
    return refuse(flag, text, 'a module and a factor above 0, such as features=0.1');
  };
}

/** A number in the open interval (min, max). */
export const between = (flag: string, min: number, max: number): Parser<number> =>
  number(flag, `a number between ${min} and ${max}`, (value) => value > min && value < max);

/** One of a few words. */
export function oneOf<T extends string>(flag: string, values: readonly T[]): Parser<T> {
  return (text) => {
    if (values.includes(text as T)) return text as T;
    return refuse(flag, text, values.length === 1 ? values[0]! : `one of ${values.join(', ')}`, values);
  };
}

/** Any text but an empty one, such as a name. */
export const filled =
  (flag: string): Parser<string> =>
  (text) =>
    text === '' ? refuse(flag, text, 'a value that is not empty') : text;

/**
 * The name of a file or folder; must not be empty, or "-", by which many programs mean standard input or output. On
 * Windows `runs/a` becomes `runs\\a`, so that messages do not mix both, and names that its programs cannot use are refused.
 */
export function pathName(flag: string, separator: string = sep): Parser<string> {
  return (text) => {
    if (text === '') return refuse(flag, text, 'the name of a file or folder');
    if (text === '-') return refuse(flag, text, 'the name of a file or folder; ./- is one called "-"');
    if (separator !== '\\') return text;
    return isWindowsName(text) ? text.replaceAll('/', separator) : refuse(flag, text, WINDOWS_NAME);
  };
}

/** The name of a file to write; "-" is standard output, where the system has a name for it. */
export function outputName(flag: string, separator: string = sep): Parser<string> {
  const path = pathName(flag, separator);
  return (text) => (text === '-' && separator === '/' ? '/dev/stdout' : path(text));
}

export interface DeviceFlags {
  readonly device: DeviceName;
  readonly threads?: number;
  readonly precision?: Precision;
  /** The number type to use if the device does not have `precision`, which nobody has asked for. */
  readonly otherwise?: Precision;
}

/**
 * Adds `--device`, `--threads` and `--precision`.
 *
 * @param precision default of the flag. Commands on trained models use float32, like `Classifier` and the dashboard, so
 * that all of them give the same numbers.
 */
export function addDeviceOptions(command: Command, precision: Precision = 'auto'): Command {
  return command
    .option(
      '--device <name>',
      'compute device: webgpu (any GPU), onednn (the fastest of the processor), wasm (WebAssembly, nothing to install), reference (plain TypeScript, slow) or auto (the fastest available)',
      oneOf('--device', DEVICES),
      'auto',
    )
    .option(...THREADS)
    .option(
      '--precision <name>',
      'number type of large layers: float32, bfloat16 on onednn, float16 on webgpu, or auto (the fastest on this machine)',
      oneOf('--precision', PRECISIONS),
      precision,
    );
}

/** `--threads`, for `command.option(...THREADS)`. */
export const THREADS = [
  '--threads <n>',
  'number of threads (default: all processor cores)',
  positiveInteger('--threads', MAX_THREADS),
] as const;

/** `--json`, for `command.option(...JSON_OUTPUT)`. */
export const JSON_OUTPUT = [
  '--json',
  'print one JSON object per line on standard output and other messages on standard error (default: off)',
] as const;

/** The examples after the options in a command's help. */
export const examples = (...lines: readonly string[]): string =>
  `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
