import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { argv } from 'node:process';
import { type ImageRange, imageBytes, wholeRange } from '../data/images/image-bytes.js';
import { checkOptionNames, checkPath, shown } from '../errors/arguments.js';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { printable } from '../errors/printable.js';
import { writeFileAtomic } from '../files/atomic.js';
import { diskError } from '../files/disk-error.js';
import { LineFile } from '../files/line-file.js';
import { takeLock } from '../files/lock.js';
import { makeFolder } from '../files/make-folder.js';
import { isShape } from '../graph/types.js';
import type { SampleImage } from './events.js';
import { MachineLog } from './machine-log.js';
import { describeOrigin } from './origin.js';
import { writeProcess } from './process-file.js';
import { refuseOddName } from './run-files.js';
import { saveSamples } from './sample-files.js';

/** Longest delay before logged values are in the file. */
const FLUSH_MS = 300;
const MAX_STEP = 0xffff_fffe;
/** Longest name of a value. */
const MAX_NAME = 200;

export interface LoggerOptions {
  /** Settings of the run, shown in tables and comparisons; plain data. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Number of steps of the whole run, for its progress. */
  readonly steps?: number;
  /** Continue a run that the folder already has. */
  readonly resume?: boolean;
}

/** Images as numbers: [channels, height, width] or [count, channels, height, width] with 1 or 3 channels. */
export interface LoggedImage {
  readonly shape: readonly number[];
  /** Bytes, or numbers from 0 to 1. */
  readonly data: Uint8Array | Float32Array | Float64Array | readonly number[];
  /**
   * The numbers that are shown black and white, such as [-1, 1], or `auto` for the smallest and the largest one; default
   * [0, 1]. Numbers outside are shown black or white and NaN black, and both are reported once.
   */
  readonly range?: ImageRange | 'auto';
}

/**
 * Logs any program as a run: `paperweight serve` shows it live beside trained runs.
 *
 * @example
 * const logger = await Logger.open('runs/mine', { settings: { lr: 0.1 }, steps: 1000 });
 * for (let step = 1; step <= 1000; step++) logger.scalar('loss', loss, step);
 * await logger.close();
 */
export class Logger {
  readonly #scalars: LineFile;
  readonly #histograms: LineFile;
  readonly #log: LineFile;
  #values: Record<string, number | null> = {};
  #step = -1;
  #timer: NodeJS.Timeout | undefined;
  #images: Promise<unknown> = Promise.resolve();
  #sets = new Map<string, { readonly shape: readonly number[]; readonly data: Uint8Array }>();
  #imageStep = -1;
  /** What has been reported of images: values outside of their range by name, NaN by name and `NaN`. */
  readonly #reported = new Set<string>();
  #closed = false;
  readonly #unlock: () => Promise<void>;
  readonly #machine: MachineLog;
  readonly #atExit = () => this.flush();

  private constructor(
    readonly path: string,
    unlock: () => Promise<void>,
  ) {
    const file = (name: string) => new LineFile(join(path, `${name}.jsonl`));
    [this.#scalars, this.#histograms, this.#log] = [file('scalars'), file('histograms'), file('log')];
    this.#unlock = unlock;
    this.#machine = MachineLog.start(path);
    process.once('exit', this.#atExit);
  }

  /**
   * @param path folder of the run; those in one folder are listed together
   * @throws UsageError if the folder already has a run and `resume` is not set; CheckpointError if it cannot be written
   */
  static async open(path: string, options: LoggerOptions = {}): Promise<Logger> {
    checkPath('Logger.open', 'path', path);
    checkOptionNames('Logger.open', options, ['settings', 'steps', 'resume']);
    const { settings = {}, steps, resume = false } = options;
    const given = jsonOf(settings);
    refuseOddName(path, 'choose another folder');
    const config = join(path, 'config.json');
    const known = existsSync(config);
    if (known && !resume)
      throw new UsageError({
        what: `There is a run in ${path} already`,
        expected: 'a new folder, so that nothing is overwritten',
        got: 'a folder with a config.json',
        next: 'choose another folder, or give resume: true to continue the run',
      });
    try {
      await makeFolder(path);
    } catch (error) {
      throw diskError(error, `cannot make the run folder ${path}`, CheckpointError);
    }
    const lock = await takeLock(path);
    if (!known)
      await writeFileAtomic(
        config,
        `${JSON.stringify({
          program: basename(argv[1] ?? 'node'),
          ...(steps === undefined ? {} : { steps }),
          settings: given,
          machine: { ...describeOrigin([]), command: undefined, started: new Date().toISOString() },
        })}\n`,
      );
    await writeProcess(path, 'training');
    return new Logger(path, () => lock.release());
  }

  /**
   * Logs a number.
   *
   * @param step a whole number; values of one name with a step that is not larger than the last one are not shown
   */
  scalar(name: string, value: number, step: number): void {
    this.#check(name, step);
    if (step !== this.#step || Object.hasOwn(this.#values, name)) this.flush();
    this.#step = step;
    this.#values[name] = Number.isFinite(value) ? value : null;
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref();
  }

  /** Logs several numbers of a step. */
  scalars(values: Readonly<Record<string, number>>, step: number): void {
    for (const [name, value] of Object.entries(values)) this.scalar(name, value, step);
  }

  /** Logs the distribution of many numbers; NaN and infinity are left out. */
  histogram(name: string, values: ArrayLike<number>, step: number, { bins = 32 } = {}): void {
    this.#check(name, step);
    if (!Array.isArray(values) && !ArrayBuffer.isView(values))
      throw new UsageError({
        what: `The distribution ${name} is not valid`,
        expected: 'a list of numbers',
        got: shown(values),
      });
    if (!Number.isInteger(bins) || bins < 1 || bins > 1000)
      throw new UsageError({ what: 'bins is not valid', expected: '1 to 1000', got: String(bins) });
    let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) continue;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (min > max) return;
    const counts: number[] = new Array(bins).fill(0);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) continue;
      counts[max > min ? Math.min(bins - 1, Math.floor(((value - min) / (max - min)) * bins)) : 0]!++;
    }
    this.#histograms.append({ step, name, histogram: { min, max, counts } });
  }

  /** Logs images; those of one step with different names are shown together. */
  image(name: string, image: LoggedImage, step: number): Promise<void> {
    this.#check(name, step);
    const set = { shape: shapeOf(name, image), data: this.#bytesOf(name, image) };
    const save = this.#images.then(async () => {
      if (step !== this.#imageStep) this.#sets = new Map();
      this.#imageStep = step;
      this.#sets.set(name, set);
      await saveSamples(this.path, { step, sets: this.#sets } satisfies SampleImage);
    });
    // One image that cannot be written does not stop the next.
    this.#images = save.catch(() => {});
    return save;
  }

  #bytesOf(name: string, { data, range }: LoggedImage): Uint8Array {
    if (data instanceof Uint8Array) return data.slice();
    const chosen = range === 'auto' ? wholeRange(data) : (range ?? [0, 1]);
    const { data: bytes, outside } = imageBytes(data, chosen);
    const lost = Array.from(data).filter(Number.isNaN).length;
    if (lost > 0)
      this.#report(
        `${name} NaN`,
        `The image ${name} has NaN in ${lost} of ${data.length} values, which are drawn black.`,
      );
    if (outside !== undefined)
      this.#report(
        name,
        `The image ${name} has values from ${outside} of ${chosen[0]} to ${chosen[1]}, where they are cut off. Give it range: [black, white] or range: 'auto', or bytes as a Uint8Array.`,
      );
    return bytes;
  }

  /** Logs a message and warns, the first time. */
  #report(about: string, text: string): void {
    if (this.#reported.has(about)) return;
    this.#reported.add(about);
    this.log(text);
    process.emitWarning(text, 'PaperweightWarning');
  }

  /** Logs a message. */
  log(text: string, step = Math.max(0, this.#step)): void {
    if (typeof text !== 'string')
      throw new UsageError({ what: 'log takes a message', expected: 'a text', got: shown(text) });
    this.#log.append({ event: 'line', step, text });
  }

  /** Writes what has been logged so far; happens automatically a few times a second. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const values = this.#values;
    if (Object.keys(values).length === 0) return;
    this.#values = {};
    this.#scalars.append({ step: this.#step, time: Date.now(), values });
  }

  /**
   * Ends the run.
   * @param error the reason, if it failed
   */
  async close(error?: unknown): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    process.off('exit', this.#atExit);
    this.flush();
    this.#machine.stop();
    await this.#images;
    await writeProcess(this.path, error === undefined ? 'done' : 'failed', error);
    await this.#unlock();
  }

  #check(name: string, step: number): void {
    if (this.#closed)
      throw new UsageError({ what: `The run in ${this.path} is closed`, next: 'log before close()' });
    if (typeof name !== 'string' || name === '' || name.length > MAX_NAME || printable(name) !== name)
      throw new UsageError({
        what: 'The name of a value is not valid',
        expected: `1 to ${MAX_NAME} characters that can be printed`,
        got: JSON.stringify(String(name).slice(0, 50)),
      });
    if (!Number.isInteger(step) || step < 0 || step > MAX_STEP)
      throw new UsageError({
        what: `The step of ${name} is not valid`,
        expected: `a whole number from 0 to ${MAX_STEP}`,
        got: String(step),
      });
  }
}

/** Settings as config.json has them. @throws UsageError for values that JSON has not */
function jsonOf(settings: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(settings) ?? 'null');
  } catch (error) {
    throw new UsageError({
      what: 'The settings of Logger.open cannot be written as JSON',
      expected: 'numbers, texts, true or false, and lists and objects of them',
      got: (error as Error).message.split('\n')[0]!,
      next: 'write a BigInt as Number(n) or String(n)',
      cause: error,
    });
  }
}

function shapeOf(name: string, image: LoggedImage): readonly number[] {
  const { shape, data, range } = (image ?? {}) as LoggedImage;
  const isRange =
    range === undefined ||
    range === 'auto' ||
    (Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] !== range[1]);
  if (!isRange)
    throw new UsageError({
      what: `The range of the image ${name} is not valid`,
      expected: "two different numbers [black, white], or 'auto'",
      got: shown(range),
    });
  if (!isShape(shape) || (!Array.isArray(data) && !ArrayBuffer.isView(data)))
    throw new UsageError({
      what: `The image ${name} is not valid`,
      expected: '{ shape: [channels, height, width], data }, with bytes or numbers from 0 to 1',
      got: shown(image),
    });
  const whole = shape.length === 3 ? [1, ...shape] : shape;
  const [, channels] = whole;
  const size = whole.reduce((product, n) => product * n, 1);
  if (whole.length === 4 && (channels === 1 || channels === 3) && size > 0 && size === data.length)
    return whole;
  throw new UsageError({
    what: `The image ${name} is not valid`,
    expected:
      'a shape [channels, height, width] or [count, channels, height, width] with 1 or 3 channels, and as many numbers',
    got: `[${shape}] and ${data.length} numbers`,
  });
}
