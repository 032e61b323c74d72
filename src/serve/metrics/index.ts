import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { EpochEvent, StepEvent } from '../../run/events.js';
import type { RunEvent } from '../api.js';
import { type EventText, joined, NO_EVENTS } from '../http/event-stream.js';
import { fileInside, newlineAfter, readFrom } from '../runs/path-containment.js';
import { Columns, SERIES_KEYS } from './columns.js';
import { eventText, type Line, scanLines, stepEvent, stepValues } from './lines.js';
import { NamedColumns } from './named-columns.js';
import { FIELDS } from './step-line.js';

/** Bytes read and scanned at a time, about 2 ms; longer lines are skipped. */
const PIECE = 2 ** 18;
/** Reading more bytes than this takes noticeably long. */
const FAR = 2 ** 24;
/** Milliseconds for the first chart, drawn from samples, before a long file is read completely. */
const HEAD_START = 1000;
/** Lines between two marks. */
const MARK_EVERY = 1024;
/** Bytes before a mark that are compared to detect a file that was truncated and has grown again. */
const TAIL = 64;
const FIRST_VALUE = FIELDS.indexOf('loss');
const STEP = FIELDS.indexOf('step');

/** A position between two lines of the file. */
export interface Mark {
  readonly offset: number;
  readonly lines: number;
  readonly rows: number;
  /** The bytes before the position. */
  readonly tail: Buffer;
  /** The values of the last step before the position. */
  readonly last: Float64Array;
}
const START: Mark = {
  offset: 0,
  lines: 0,
  rows: 0,
  tail: Buffer.alloc(0),
  last: new Float64Array(FIELDS.length),
};

/** Callbacks of {@link MetricsIndex.follow}. */
export interface Watcher {
  /** New lines as server-sent events in one text; called only while `watching` is true. */
  lines(text: EventText<RunEvent>): void;
  /** The file no longer contains the lines after this step. */
  reset(step: number, lines: number): void;
  readonly watching: boolean;
}

/**
 * Compact in-memory copy of a run's metrics.jsonl, updated by reading appended lines. Detects that a resumed run has
 * truncated the file, and then returns to a mark before that point.
 */
export class MetricsIndex {
  readonly columns = new Columns(SERIES_KEYS);
  /** Metrics of steps beyond SERIES_KEYS, such as those of the paper's own step. */
  readonly own = new NamedColumns();
  epochs: { readonly line: number; readonly event: EpochEvent }[] = [];
  /** Whether the last line says that the run is done. */
  done = false;
  /** Number of lines read. */
  lines = 0;
  /** Number of bytes read. */
  offset = 0;
  mtimeMs = 0;
  /** Number of resets. */
  generation = 0;
  #tail: Buffer = START.tail;
  readonly #last = new Float64Array(FIELDS.length);
  /** The last step, if its line has more than the usual values. */
  #lastEvent: StepEvent | undefined;
  #marks: Mark[] = [START];
  /** Position up to which the end of an overlong line has been searched. */
  #searched = 0;
  #busy: Promise<void> = Promise.resolve();

  /** @param folder real path of the run */
  constructor(
    readonly folder: string,
    readonly watcher?: Watcher,
  ) {}

  get lastStep(): StepEvent | undefined {
    return this.#last[STEP] === 0 ? undefined : (this.#lastEvent ?? stepEvent(this.#last));
  }

  /** Size in memory. */
  get bytes(): number {
    return this.columns.bytes + this.own.bytes;
  }

  /** Progress of the first read of a long file, in bytes; undefined if everything has been or will soon be read. */
  async behind(): Promise<{ readonly done: number; readonly total: number } | undefined> {
    const total = (await fileInside(this.folder, 'metrics.jsonl'))?.stats.size ?? 0;
    return total - this.offset > FAR ? { done: this.offset, total } : undefined;
  }

  /** Reads appended lines. Concurrent calls share one read. */
  follow(): Promise<void> {
    const next = this.#busy.then(() => this.#read());
    this.#busy = next.catch(() => {});
    return next;
  }

  async #read(): Promise<void> {
    const file = await fileInside(this.folder, 'metrics.jsonl');
    if (!file) {
      if (this.offset > 0) this.#goBack(START);
      return;
    }
    const changed = file.stats.mtimeMs !== this.mtimeMs || file.stats.size !== this.offset;
    this.mtimeMs = file.stats.mtimeMs;
    if (!changed) return;
    if (file.stats.size - this.offset > FAR) await sleep(HEAD_START);
    const handle = await open(file.path, 'r');
    try {
      const holds = async ({ offset, tail }: Pick<Mark, 'offset' | 'tail'>) =>
        offset <= file.stats.size && (await readFrom(handle, offset - tail.length, tail.length)).equals(tail);
      if (!(await holds({ offset: this.offset, tail: this.#tail }))) {
        while (!(await holds(this.#marks.at(-1)!))) this.#marks.pop();
        this.#goBack(this.#marks.at(-1)!);
      }
      for (;;) {
        const piece = await readFrom(handle, this.offset, PIECE);
        if (piece.length === 0) break;
        if (!this.#take(piece) && !(piece.length === PIECE && (await this.#passOver(handle)))) break;
        // Requests take precedence.
        if (piece.length === PIECE) await turn();
      }
    } finally {
      await handle.close();
    }
  }

  #goBack(mark: Mark): void {
    this.offset = mark.offset;
    this.lines = mark.lines;
    this.#tail = mark.tail;
    this.#searched = 0;
    this.columns.truncate(mark.rows);
    this.own.truncate(this.columns.lastStep);
    this.epochs = this.epochs.filter(({ line }) => line <= mark.lines);
    this.#last.set(mark.last);
    this.#lastEvent = undefined;
    this.done = false;
    this.generation++;
    this.watcher?.reset(this.columns.lastStep, this.lines);
  }

  /** @returns false if there was no complete line */
  #take(piece: Buffer): boolean {
    const watching = this.watcher?.watching ?? false;
    let text: EventText<RunEvent> = NO_EVENTS;
    const end = scanLines(piece, (line) => {
      this.#index(piece, line);
      if (watching) text = joined(text, eventText(piece, line, this.lines));
      return true;
    });
    if (end === 0) return false;
    this.offset += end;
    this.#tail = Buffer.from(piece.subarray(Math.max(0, end - TAIL), end));
    if (text) this.watcher!.lines(text);
    return true;
  }

  /** Skips an overlong line, which counts as one line. */
  async #passOver(handle: FileHandle): Promise<boolean> {
    const found = await newlineAfter(handle, Math.max(this.offset, this.#searched));
    this.#searched = found.searched;
    if (found.next === undefined) return false;
    this.offset = found.next;
    this.lines++;
    this.#tail = await readFrom(handle, this.offset - TAIL, TAIL);
    return true;
  }

  #index(piece: Buffer, { kind, start, next, event }: Line): void {
    this.lines++;
    this.done = kind === 'done';
    if (kind === 'step' || kind === 'gap') {
      this.columns.push(stepValues[STEP]!, stepValues, FIRST_VALUE);
      if (kind === 'step') {
        this.#last.set(stepValues);
        this.#lastEvent = event as StepEvent | undefined;
      }
      if (event?.event === 'step') this.#own(event);
    } else if (kind === 'epoch') this.epochs.push({ line: this.lines, event: event as EpochEvent });
    if (this.lines % MARK_EVERY === 0)
      this.#marks.push({
        offset: this.offset + next,
        lines: this.lines,
        rows: this.columns.length,
        tail: Buffer.from(piece.subarray(Math.max(start, next - TAIL), next)),
        last: Float64Array.from(this.#last),
      });
  }

  #own({ step, gradNorm, waitShare, exchangeShare, metrics = {} }: StepEvent): void {
    if (gradNorm !== undefined) this.own.push('gradNorm', step, gradNorm);
    if (waitShare !== undefined) this.own.push('waitShare', step, waitShare);
    if (exchangeShare !== undefined) this.own.push('exchangeShare', step, exchangeShare);
    for (const [name, value] of Object.entries(metrics)) this.own.push(`train/${name}`, step, value);
  }

  /** The last mark within the first `lines` lines. */
  markBefore(lines: number): Mark {
    return this.#marks.findLast((mark) => mark.lines <= lines) ?? START;
  }
}
