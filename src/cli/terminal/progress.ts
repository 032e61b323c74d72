import { RateMeter } from '../../data/rate.js';
import { printableLines } from '../../errors/printable.js';
import { cut, widthOf } from './width.js';

/** Where a bar can go: `process.stderr`, or a test's collector. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** What is being done, in a word or two. */
  readonly label: string;
  /** How much there is to do; undefined when nobody knows. It may change on the way. */
  readonly total: number | undefined;
  /** What is counted: "images", "steps"; "bytes" are shown as MB. */
  readonly unit: string;
  /** `process.stderr` unless given. */
  readonly stream?: ProgressStream;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A clock in milliseconds, for tests. */
  readonly now?: () => number;
  /** When the work began that the elapsed time is of, by that clock; now unless given. */
  readonly since?: number;
}

/** A terminal is drawn to at most so often; text elsewhere comes at most so often. */
const DRAW_MS = 100;
const LINE_MS = 30_000;
/** The rate is that of the last so many milliseconds. */
const RATE_MS = 20_000;
const MIN_BAR = 8;
const MAX_BAR = 30;
/** When the bar goes, among the pieces of a line. */
const BAR = 2;
const CLEAR = '\r\x1b[K';
// biome-ignore lint/suspicious/noControlCharactersInRegex: control codes are what is to be taken out
const COLOURS = /\x1b\[\d*m/g;
const CYAN = ['\x1b[36m', '\x1b[39m'] as const;

/**
 * A piece of the line; those with the highest `drop` go first when the window is narrow. How far the work has come is
 * said to the last: the share, the count and the bar, then what is left of the time.
 */
interface Part {
  readonly text: string;
  readonly drop: number;
}

/**
 * How far long work has come: a bar on a terminal, a plain line now and then elsewhere.
 *
 * @example
 * const bar = new Progress({ label: 'eval', total: 10_000, unit: 'images' });
 * for (let done = 0; done < 10_000; done += 128) bar.update(done, 'loss 2.301');
 * bar.done();
 */
export class Progress {
  /** How much there is to do; may be set when it becomes known. */
  total: number | undefined;
  readonly #label: string;
  readonly #unit: string;
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #began: number;
  readonly #since: number;
  readonly #meter = new RateMeter(RATE_MS);
  readonly #terminal: boolean;
  readonly #colour: boolean;
  #first: number | undefined;
  #done = 0;
  #extra: readonly string[] = [];
  #rate = 0;
  #measured = Number.NEGATIVE_INFINITY;
  #shown: number;
  #onScreen = false;
  /** Columns of the line on the screen. */
  #drawn = 0;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({
    label,
    total,
    unit,
    stream = process.stderr,
    env = process.env,
    now = () => performance.now(),
    since,
  }: ProgressOptions) {
    this.total = total;
    this.#label = label;
    this.#unit = unit;
    this.#stream = stream;
    this.#now = now;
    this.#began = now();
    this.#since = since ?? this.#began;
    this.#terminal = isTerminal(stream, env);
    this.#colour = this.#terminal && !env.NO_COLOR;
    // The first draw is at once, the first line elsewhere only when the work turns out to be long.
    this.#shown = this.#terminal ? Number.NEGATIVE_INFINITY : this.#began;
    if (this.#terminal) {
      // Clocks go on between updates.
      this.#timer = setInterval(() => this.#refresh(), 1000);
      this.#timer.unref();
    }
  }

  /**
   * Says how much is done, of `total`, and anything else worth a few words.
   *
   * @param extra pieces with two spaces between them; in a narrow window the last ones go first
   */
  update(done: number, extra = ''): void {
    this.#done = done;
    this.#extra = extra.split('  ').filter((text) => text !== '');
    const now = this.#now();
    // What was done before the work began, such as the steps before a resume, is not part of the rate.
    if (this.#first === undefined) {
      this.#first = done;
      this.#meter.restart(done, now);
    } else if (now - this.#measured >= DRAW_MS) {
      this.#measured = now;
      this.#rate = this.#meter.rate(done, now);
    }
    if (!this.#ended) this.#refresh();
  }

  /** Prints a line above the bar. */
  log(line: string, stream: ProgressStream = this.#stream): void {
    this.#clear();
    stream.write(`${printableLines(line)}\n`);
    if (this.#terminal && !this.#ended) this.#draw();
  }

  /** Ends the work: leaves the last state as a line. */
  done(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    if (this.#first === undefined) {
      this.#clear();
      return;
    }
    this.#rate = this.#meanRate();
    if (this.#terminal) {
      this.#draw();
      this.#stream.write('\n');
    } else this.#stream.write(`${this.#line(Number.POSITIVE_INFINITY)}\n`);
    this.#onScreen = false;
  }

  #meanRate(): number {
    const seconds = (this.#now() - this.#began) / 1000;
    return seconds > 0 ? (this.#done - (this.#first ?? 0)) / seconds : 0;
  }

  #refresh(): void {
    const now = this.#now();
    if (now - this.#shown < (this.#terminal ? DRAW_MS : LINE_MS)) return;
    if (this.#terminal) this.#draw();
    else {
      this.#shown = now;
      this.#stream.write(`${this.#line(Number.POSITIVE_INFINITY)}\n`);
    }
  }

  #clear(): void {
    if (this.#onScreen) this.#stream.write(this.#wipe());
    this.#onScreen = false;
  }

  /** Goes to the beginning of what is on the screen: a window that became narrower has broken the line. */
  #wipe(): string {
    const columns = this.#stream.columns || 80;
    const above = this.#onScreen ? Math.max(0, Math.ceil(this.#drawn / columns) - 1) : 0;
    return above > 0 ? `\r\x1b[${above}A\x1b[J` : CLEAR;
  }

  #draw(): void {
    this.#shown = this.#now();
    // The last column stays free: a character there makes some terminals begin a new line.
    const line = this.#line((this.#stream.columns || 80) - 1);
    this.#stream.write(`${this.#wipe()}${line}`);
    this.#drawn = widthOf(line.replaceAll(COLOURS, ''));
    this.#onScreen = true;
  }

  #line(width: number): string {
    const { total } = this;
    const share = total ? Math.min(1, Math.max(0, this.#done / total)) : undefined;
    const elapsed = (this.#now() - this.#since) / 1000;
    const left =
      share !== undefined && share < 1 && this.#rate > 0 && !this.#ended
        ? clock((total! - this.#done) / this.#rate)
        : undefined;
    const hasBar = this.#terminal && share !== undefined;
    const parts: Part[] = [
      { text: this.#label, drop: 3 },
      ...(share === undefined ? [] : [{ text: `${Math.floor(100 * share)}%`.padStart(4), drop: 0 }]),
      ...(hasBar ? [{ text: ' '.repeat(MIN_BAR), drop: BAR }] : []),
      { text: this.#count(), drop: share === undefined ? 0 : 1 },
      ...(this.#rate > 0 ? [{ text: this.#speed(), drop: 6 }] : []),
      { text: `${clock(elapsed)} elapsed`, drop: 7 },
      ...(left ? [{ text: `${left} left`, drop: 4 }] : []),
      // The first stays long, the others go before anything else, from the last on.
      ...this.#extra.map((text, i) => ({ text, drop: i === 0 ? 5 : 7 + i })),
    ];
    const fitting = fit(parts, width);
    const free = width - lengthOf(fitting);
    const line = fitting
      .map(({ text, drop }) =>
        drop === BAR ? this.#bar(share!, Math.min(MAX_BAR, MIN_BAR + Math.max(0, free))) : text,
      )
      .join('  ');
    return free < 0 ? cut(line, width) : line;
  }

  #bar(share: number, width: number): string {
    const full = Math.round(share * width);
    const [on, off] = this.#colour ? CYAN : ['', ''];
    return `${on}${'█'.repeat(full)}${off}${'░'.repeat(width - full)}`;
  }

  #count(): string {
    const { total } = this;
    if (this.#unit === 'bytes') return `${megabytes(this.#done)}${total ? `/${megabytes(total)}` : ''} MB`;
    const show = (n: number) => n.toLocaleString('en-US');
    return `${show(this.#done)}${total ? `/${show(total)}` : ''} ${this.#unit}`;
  }

  #speed(): string {
    if (this.#unit === 'bytes') return `${megabytes(this.#rate)} MB/s`;
    if (this.#rate >= 10) return `${Math.round(this.#rate).toLocaleString('en-US')} ${this.#unit}/s`;
    return `${this.#rate.toFixed(this.#rate < 1 ? 2 : 1)} ${this.#unit}/s`;
  }
}

/** Leaves parts out, the least important first, until the line is narrow enough. */
function fit(parts: readonly Part[], width: number): readonly Part[] {
  const highest = Math.max(...parts.map((part) => part.drop));
  if (lengthOf(parts) <= width || highest === 0) return parts;
  return fit(
    parts.filter((part) => part.drop !== highest),
    width,
  );
}

/** Columns of the pieces with what lies between them. */
const lengthOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, { text }) => sum + widthOf(text) + 2, -2);

const isTerminal = (stream: ProgressStream, env: Readonly<Record<string, string | undefined>>): boolean =>
  stream.isTTY === true && env.TERM !== 'dumb';

/** Columns of the terminal that standard error goes to; undefined where it goes elsewhere. */
export const terminalColumns = (): number | undefined =>
  isTerminal(process.stderr, process.env) ? process.stderr.columns || 80 : undefined;

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** 65 → 1:05, 3700 → 1:01:40 */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
