import { RateMeter } from '../../data/download/rate.js';
import { cut, widthOf } from '../../display/text-width.js';
import { grouped } from '../../errors/counted.js';
import { printableLines } from '../../errors/printable.js';

/** Output of a bar: `process.stderr`, or a collector in tests. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** Name of the work in one or two words. */
  readonly label: string;
  /** Amount of work; undefined if unknown. Can change later. */
  readonly total: number | undefined;
  /** Unit of counting: "images", "steps"; "bytes" are shown as MB. */
  readonly unit: string;
  /** Default: `process.stderr`. */
  readonly stream?: ProgressStream;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A clock in milliseconds, for tests. */
  readonly now?: () => number;
  /** Whether to show units per second; false if the extra text says how fast the work is. */
  readonly speed?: boolean;
  /** Start of the elapsed time by that clock; default: now. */
  readonly since?: number;
}

/** Minimum time between two redraws on a terminal, and between two lines elsewhere. */
const DRAW_MS = 100;
const LINE_MS = 30_000;
/** The rate is averaged over this time, in milliseconds. */
const RATE_MS = 20_000;
const MIN_BAR = 8;
const MAX_BAR = 30;
/** Drop priority of the bar among the parts of a line. */
const BAR = 2;
const CLEAR = '\r\x1b[K';
// biome-ignore lint/suspicious/noControlCharactersInRegex: matches the control codes to remove
const COLOUR_CODES = /\x1b\[\d*m/g;
const CYAN = ['\x1b[36m', '\x1b[39m'] as const;

/**
 * A part of the line; in narrow windows those with the highest `drop` are removed first. The share, the count and the
 * bar stay longest, then the remaining time.
 */
interface Part {
  readonly text: string;
  readonly drop: number;
}

/**
 * Progress of long work: a bar on a terminal, occasional plain lines elsewhere.
 *
 * @example
 * const bar = new Progress({ label: 'eval', total: 10_000, unit: 'images' });
 * for (let done = 0; done < 10_000; done += 128) bar.update(done, 'loss 2.301');
 * bar.done();
 */
export class Progress {
  /** Amount of work; can be set once it is known. */
  total: number | undefined;
  readonly #label: string;
  readonly #unit: string;
  readonly #stream: ProgressStream;
  readonly #showsSpeed: boolean;
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
  /** Width of the line on screen, in columns. */
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
    speed = true,
    since,
  }: ProgressOptions) {
    this.total = total;
    this.#label = label;
    this.#unit = unit;
    this.#stream = stream;
    this.#showsSpeed = speed;
    this.#now = now;
    this.#began = now();
    this.#since = since ?? this.#began;
    this.#terminal = isTerminal(stream, env);
    this.#colour = this.#terminal && !env.NO_COLOR;
    // On a terminal the first draw is immediate; elsewhere lines appear only if the work takes long.
    this.#shown = this.#terminal ? Number.NEGATIVE_INFINITY : this.#began;
    if (this.#terminal) {
      // The elapsed time advances between updates.
      this.#timer = setInterval(() => this.#refresh(), 1000);
      this.#timer.unref();
    }
  }

  /**
   * Updates the amount done and an extra text.
   *
   * @param extra pieces separated by two spaces; in a narrow window the last ones are dropped first
   */
  update(done: number, extra = ''): void {
    this.#done = done;
    this.#extra = extra.split('  ').filter((text) => text !== '');
    const now = this.#now();
    // Work done before the start, such as steps before a resume, does not count towards the rate.
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

  /** Ends the bar and leaves its last state as a line. */
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

  /** Clears the lines on screen; a narrowed window may have wrapped the line. */
  #wipe(): string {
    const columns = this.#stream.columns || 80;
    const above = this.#onScreen ? Math.max(0, Math.ceil(this.#drawn / columns) - 1) : 0;
    return above > 0 ? `\r\x1b[${above}A\x1b[J` : CLEAR;
  }

  #draw(): void {
    this.#shown = this.#now();
    // The last column stays free: a character there makes some terminals wrap.
    const line = this.#line((this.#stream.columns || 80) - 1);
    this.#stream.write(`${this.#wipe()}${line}`);
    this.#drawn = widthOf(line.replaceAll(COLOUR_CODES, ''));
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
      ...(this.#showsSpeed && this.#rate > 0 ? [{ text: this.#speed(), drop: 6 }] : []),
      { text: `${clock(elapsed)} elapsed`, drop: 7 },
      ...(left ? [{ text: `${left} left`, drop: 4 }] : []),
      // The first extra piece is kept long; the others are dropped first, from the last on.
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
    return `${grouped(this.#done)}${total ? `/${grouped(total)}` : ''} ${this.#unit}`;
  }

  #speed(): string {
    if (this.#unit === 'bytes') return `${megabytes(this.#rate)} MB/s`;
    if (this.#rate >= 10) return `${grouped(Math.round(this.#rate))} ${this.#unit}/s`;
    return `${this.#rate.toFixed(this.#rate < 1 ? 2 : 1)} ${this.#unit}/s`;
  }
}

/** Drops parts, the least important first, until the line fits. */
function fit(parts: readonly Part[], width: number): readonly Part[] {
  const highest = Math.max(...parts.map((part) => part.drop));
  if (lengthOf(parts) <= width || highest === 0) return parts;
  return fit(
    parts.filter((part) => part.drop !== highest),
    width,
  );
}

/** Width of the parts with their separators, in columns. */
const lengthOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, { text }) => sum + widthOf(text) + 2, -2);

const isTerminal = (stream: ProgressStream, env: Readonly<Record<string, string | undefined>>): boolean =>
  stream.isTTY === true && env.TERM !== 'dumb';

/** Width of the terminal on standard error, in columns; undefined if standard error is not a terminal. */
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
