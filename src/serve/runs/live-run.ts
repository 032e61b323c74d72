import { open } from 'node:fs/promises';
import { insightSchema, logLineSchema } from '../../run/event-lines.js';
import type { RunEvent } from '../api.js';
import {
  type EventStream,
  type EventText,
  eventBytes,
  eventOf,
  joined,
  NO_EVENTS,
  withId,
} from '../http/event-stream.js';
import { MetricsIndex, type Watcher } from '../metrics/index.js';
import { eventText, hashOf, scanLines } from '../metrics/lines.js';
import type { ScalarSource } from '../metrics/scalars.js';
import { openScalars, ownKind, ownStatus } from './own-runs.js';
import { fileInside, newlineAfter, readFrom } from './path-containment.js';
import { type KnownStatus, statusOf } from './run-status.js';
import { parseJson, Tail } from './tail.js';

/** Interval of checking a run's files while a client watches. */
const LOOK_MS = 300;
const PIECE = 2 ** 18;

/** A client's position: number of metrics lines received and, if known, the hash of the last one. */
export interface Cursor {
  readonly line: number;
  readonly hash?: string | undefined;
}

/** A client's position in the index: the offset of the line after `lines`. */
interface Reached {
  readonly offset: number;
  readonly lines: number;
  readonly generation: number;
}

/** @returns undefined if the text is not a valid cursor */
export function parseCursor(text: string): Cursor | undefined {
  const match = /^(\d{1,15})(?:-([0-9a-f]{8}))?$/.exec(text);
  return match ? { line: Number(match[1]), hash: match[2] } : undefined;
}

/**
 * A watched run: its metrics index and the clients that watch it. Files are checked once and events are serialised
 * once, independent of the number of clients.
 */
export class LiveRun implements Watcher {
  readonly index: MetricsIndex;
  readonly #clients = new Set<EventStream<RunEvent>>();
  readonly #log: Tail;
  readonly #insights: Tail;
  #timer: NodeJS.Timeout | undefined;
  #status = '';
  lastUse = Date.now();
  #scalars: Promise<ScalarSource> | undefined;
  #kind: ReturnType<typeof ownKind> | undefined;

  /** @param folder real path of the run */
  constructor(readonly folder: string) {
    this.index = new MetricsIndex(folder, this);
    this.#log = new Tail(folder, 'log.jsonl');
    this.#insights = new Tail(folder, 'insights.jsonl');
  }

  /** Scalars that the run logged itself, up to now. */
  async scalars(): Promise<ScalarSource> {
    this.#scalars ??= openScalars(this.folder);
    const scalars = await this.#scalars;
    await scalars.follow();
    return scalars;
  }

  get watching(): boolean {
    return this.#clients.size > 0;
  }

  lines(text: EventText<RunEvent>): void {
    this.#broadcast(text);
  }

  reset(step: number, lines: number): void {
    if (this.watching) this.#broadcast(resetText(step, lines));
  }

  #broadcast(text: EventText<RunEvent>): void {
    const bytes = eventBytes(text);
    for (const client of this.#clients) client.send(bytes);
  }

  /** Sends a client all lines after its cursor, then new ones as they are written. */
  async watch(client: EventStream<RunEvent>, cursor: Cursor | undefined): Promise<void> {
    // Pages request earlier log lines separately.
    if (!this.watching) await this.#said();
    await this.index.follow();
    client.send(eventOf<RunEvent>({ event: 'status', ...(await this.status()) }));
    let next = cursor ?? { line: this.index.lines };
    for (;;) {
      const reached = await this.#send(client, next);
      if (client.closed) return;
      // No await between this check and joining the clients: they then get everything indexed later.
      if (reached?.generation === this.index.generation && reached.offset === this.index.offset) break;
      if (!reached) client.send(resetText(0, 0));
      next = reached ? { line: reached.lines } : { line: 0 };
    }
    this.#clients.add(client);
    client.onClose(() => {
      this.#clients.delete(client);
      this.lastUse = Date.now();
      if (!this.watching) clearTimeout(this.#timer);
    });
    if (this.#clients.size === 1) await this.#start();
  }

  /**
   * Sends what the index contains at the time of the call, or more.
   *
   * @returns the position of the next line; undefined if the client's line is no longer in the file
   */
  async #send(client: EventStream<RunEvent>, { line, hash }: Cursor): Promise<Reached | undefined> {
    const { generation } = this.index;
    const holds = () => generation === this.index.generation;
    if (line > this.index.lines) return undefined;
    // Starts at the client's last line, to compare its hash.
    let { offset, lines } = this.index.markBefore(hash === undefined ? line : Math.max(0, line - 1));
    const file = await fileInside(this.folder, 'metrics.jsonl');
    if (!file) return this.index.lines === 0 ? { offset: 0, lines: 0, generation } : undefined;
    const handle = await open(file.path, 'r');
    try {
      while (!client.closed && holds() && offset < this.index.offset) {
        const bytes = await readFrom(handle, offset, Math.min(PIECE, this.index.offset - offset));
        let text: EventText<RunEvent> = NO_EVENTS;
        let same = true;
        const end = scanLines(bytes, (found) => {
          lines++;
          if (lines === line && hash !== undefined)
            same = hashOf(bytes, found.start, found.next - 1) === hash;
          if (lines > line) text = joined(text, eventText(bytes, found, lines));
          return same;
        });
        if (!same) return undefined;
        if (end === 0) {
          const { next } = await newlineAfter(handle, offset);
          if (next === undefined) return undefined;
          offset = next;
          lines++;
        }
        offset += end;
        if (text) client.send(text);
        await client.drained();
      }
    } finally {
      await handle.close();
    }
    return holds() ? { offset, lines, generation } : undefined;
  }

  /** Disconnects all clients. */
  close(): void {
    clearTimeout(this.#timer);
    for (const client of this.#clients) client.end();
  }

  async status(): Promise<KnownStatus> {
    const { done, mtimeMs } = this.index;
    this.#kind ??= ownKind(this.folder);
    const own = mtimeMs === 0 ? await this.#kind : undefined;
    if (own) {
      const scalars = await this.scalars();
      const updated = scalars.times.time.at(-1) ?? scalars.modified ?? 0;
      return ownStatus(this.folder, own.kind, updated, scalars);
    }
    return statusOf(this.folder, { done, mtimeMs });
  }

  async #start(): Promise<void> {
    this.#status = JSON.stringify(await this.status());
    const look = async () => {
      await this.#look().catch(() => {});
      if (this.watching) this.#timer = setTimeout(look, LOOK_MS);
    };
    this.#timer = setTimeout(look, LOOK_MS);
  }

  #said() {
    return Promise.all([this.#log.added(), this.#insights.added()]);
  }

  async #look(): Promise<void> {
    await this.index.follow();
    let text: EventText<RunEvent> = NO_EVENTS;
    const [log, insights] = await this.#said();
    for (const line of log) {
      const { data } = logLineSchema.safeParse(parseJson(line));
      if (data) text = joined(text, eventOf<RunEvent>(data));
    }
    for (const line of insights) {
      const { data } = insightSchema.safeParse(parseJson(line));
      if (data) text = joined(text, eventOf<RunEvent>({ event: 'insight', step: data.step }));
    }
    const status = await this.status();
    const before = this.#status;
    this.#status = JSON.stringify(status);
    if (this.#status !== before) text = joined(text, eventOf<RunEvent>({ event: 'status', ...status }));
    if (text) this.#broadcast(text);
  }
}

const resetText = (step: number, lines: number): EventText<RunEvent> =>
  withId(lines, eventOf<RunEvent>({ event: 'reset', step }));
