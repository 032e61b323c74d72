import { open } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import type { Values } from '../../display/run-query.js';
import { parseLine } from '../../files/json-line.js';
import { fileInside, readFrom } from '../runs/path-containment.js';
import { NamedColumns } from './named-columns.js';

/** Bytes read at a time; longer lines are skipped. */
const PIECE = 2 ** 18;
/** Points of time that are kept. */
const MOST_TIMES = 4096;

/** Scalars of a user program (Logger), or of another program's event files. */
export interface ScalarSource {
  readonly columns: NamedColumns;
  /** When steps were logged: ascending steps, and milliseconds since 1970. */
  readonly times: Times;
  readonly lastStep: number;
  /** When its files changed last, in milliseconds since 1970, if the program did not write a `config.json`. */
  readonly modified?: number;
  /** The first file that is not what its name says, if nothing could be read. */
  readonly unreadable?: string;
  /** Settings that are not in `config.json`. */
  readonly settings?: Values;
  /** Reads what was appended. Concurrent calls share one read. */
  follow(): Promise<void>;
}

/** Names of losses, and of those that are not measured on the training set. */
const LOSS = /(^|[/_ -])loss$/i;
const HELD_OUT = /(^|[/_ -])(val|valid|validation|test|eval|evaluation|dev)([/_ -]|$)/i;

/** The scalar of a run that is its training loss, such as `loss`, `train/loss` or `train/epoch_loss`. */
export function lossAmong(names: readonly string[]): string | undefined {
  const losses = names.filter((name) => LOSS.test(name) && !HELD_OUT.test(name));
  return losses.find((name) => name === 'loss') ?? losses.find((name) => /train/i.test(name)) ?? losses[0];
}

/** Steps with their times, thinned out to a few thousand. */
export class Times {
  step: number[] = [];
  time: number[] = [];
  #every = 1;
  #skipped = 0;

  push(step: number, time: number): void {
    if (!Number.isFinite(time) || step <= (this.step.at(-1) ?? -1)) return;
    if (++this.#skipped < this.#every) return;
    this.#skipped = 0;
    this.step.push(step);
    this.time.push(time);
    if (this.step.length < MOST_TIMES) return;
    this.#every *= 2;
    const half = (_: number, i: number) => i % 2 === 1;
    this.step = this.step.filter(half);
    this.time = this.time.filter(half);
  }

  truncate(step: number): void {
    const kept = this.step.filter((each) => each <= step).length;
    this.step.length = kept;
    this.time.length = kept;
  }
}

const isStep = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 0xffff_ffff;

/** `scalars.jsonl`, which a `Logger` writes. */
export class ScalarFile implements ScalarSource {
  columns = new NamedColumns();
  times = new Times();
  lastStep = 0;
  #offset = 0;
  #ino = 0;
  #busy: Promise<void> = Promise.resolve();

  /** @param folder real path of the run */
  constructor(readonly folder: string) {}

  follow(): Promise<void> {
    const next = this.#busy.then(() => this.#read());
    this.#busy = next.catch(() => {});
    return next;
  }

  async #read(): Promise<void> {
    const file = await fileInside(this.folder, 'scalars.jsonl');
    const size = file?.stats.size ?? 0;
    if (size < this.#offset || (file && file.stats.ino !== this.#ino)) {
      this.columns = new NamedColumns();
      this.times = new Times();
      this.lastStep = 0;
      this.#offset = 0;
    }
    if (!file || size === this.#offset) return;
    this.#ino = file.stats.ino;
    const handle = await open(file.path, 'r');
    try {
      for (;;) {
        const piece = await readFrom(handle, this.#offset, PIECE);
        const end = piece.lastIndexOf(0x0a) + 1;
        if (end === 0) {
          // A line longer than a piece has nothing that could be shown.
          if (piece.length === PIECE) this.#offset += PIECE;
          else break;
          continue;
        }
        for (const line of piece.toString('utf8', 0, end).split('\n')) this.#take(line);
        this.#offset += end;
        // Requests take precedence.
        if (piece.length === PIECE) await turn();
      }
    } finally {
      await handle.close();
    }
  }

  #take(text: string): void {
    const line = parseLine(text);
    if (!line || !isStep(line.step) || typeof line.values !== 'object' || line.values === null) return;
    for (const [name, value] of Object.entries(line.values))
      if (typeof value === 'number' || value === null)
        this.columns.push(name, line.step, value ?? Number.NaN);
    if (typeof line.time === 'number') this.times.push(line.step, line.time);
    this.lastStep = Math.max(this.lastStep, line.step);
  }
}
