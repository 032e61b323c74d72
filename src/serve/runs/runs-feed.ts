import type { RunAlert, RunSummary, RunsEvent } from '../api.js';
import {
  type EventStream,
  type EventText,
  eventBytes,
  eventOf,
  joined,
  NO_EVENTS,
} from '../http/event-stream.js';
import { AlertWatch } from './alerts.js';
import type { Runs } from './runs.js';

/** Interval of checking the list of runs while a client watches. */
const LOOK_MS = 1000;

/** Sends changes in the list of runs to the clients that watch it. */
export class RunsFeed {
  readonly #clients = new Set<EventStream<RunsEvent>>();
  readonly #known = new Map<string, EventText<RunsEvent>>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #looking: Promise<void> | undefined;

  readonly #alerts = new AlertWatch();
  readonly #onAlert: ((alert: RunAlert) => void) | undefined;

  /** @param onAlert called for each alert; then the runs are watched without clients too */
  constructor(
    readonly runs: Runs,
    onAlert?: (alert: RunAlert) => void,
  ) {
    this.#onAlert = onAlert;
    if (onAlert) this.#wait();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closed = true;
  }

  /** Sends every run once, then changes. */
  async watch(client: EventStream<RunsEvent>): Promise<void> {
    await this.#look();
    if (client.closed) return;
    client.send([...this.#known.values()].reduce(joined, NO_EVENTS));
    this.#clients.add(client);
    client.onClose(() => {
      this.#clients.delete(client);
      if (this.#clients.size > 0 || this.#onAlert) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    });
    if (!this.#timer) this.#wait();
  }

  #wait(): void {
    this.#timer = setTimeout(async () => {
      await this.#look().catch(() => {});
      if (!this.#closed && (this.#clients.size > 0 || this.#onAlert)) this.#wait();
    }, LOOK_MS);
  }

  #look(): Promise<void> {
    this.#looking ??= this.#compare().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #compare(): Promise<void> {
    const runs: readonly RunSummary[] = await this.runs.list();
    let text: EventText<RunsEvent> = NO_EVENTS;
    for (const run of runs) {
      const event = eventOf<RunsEvent>({ event: 'run', run });
      if (this.#known.get(run.id) === event) continue;
      this.#known.set(run.id, event);
      text = joined(text, event);
    }
    const ids = new Set(runs.map(({ id }) => id));
    for (const id of this.#known.keys()) {
      if (ids.has(id)) continue;
      this.#known.delete(id);
      text = joined(text, eventOf<RunsEvent>({ event: 'gone', id }));
    }
    for (const alert of this.#alerts.look(runs, Date.now())) {
      text = joined(text, eventOf<RunsEvent>(alert));
      this.#onAlert?.(alert);
    }
    if (text === '') return;
    const bytes = eventBytes(text);
    for (const client of this.#clients) client.send(bytes);
  }
}
