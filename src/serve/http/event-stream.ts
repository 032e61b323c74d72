import type { ServerResponse } from 'node:http';

/** Bytes that may wait for a client. One that reads too slowly is cut off, and catches up when it comes again. */
const MAX_WAITING = 2 ** 20;
/** Time between two signs of life, so that neither side takes a silent connection for a dead one. */
const BEAT_MS = 15_000;
/** Time after which a client should come again. */
const RETRY_MS = 1000;
const BEAT = ':\n\n';

declare const EVENT: unique symbol;
/** Server-sent events as they are sent: text, or its bytes where many clients get the same. */
export type EventText<E> = string & { readonly [EVENT]: E };
export type EventBytes<E> = Buffer & { readonly [EVENT]: E };

/** The connection of one client of server-sent events. */
export class EventStream<E> {
  readonly #response: ServerResponse;
  readonly #beat: NodeJS.Timeout;
  #closed = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    response.write(`retry: ${RETRY_MS}\n\n`);
    this.#beat = setInterval(() => this.#write(BEAT), BEAT_MS).unref();
    response.on('close', () => {
      this.#closed = true;
      clearInterval(this.#beat);
    });
    response.on('error', () => this.end());
  }

  get closed(): boolean {
    return this.#closed;
  }

  onClose(body: () => void): void {
    if (this.#closed) body();
    else this.#response.on('close', body);
  }

  /** Sends events; cuts the client off when too much waits for it already. */
  send(text: EventText<E> | EventBytes<E>): void {
    this.#write(text);
  }

  #write(text: string | Buffer): void {
    if (this.#closed) return;
    if (this.#response.writableLength > MAX_WAITING) this.end();
    else this.#response.write(text);
  }

  /** Resolves when there is room for more, or the client has gone. */
  async drained(): Promise<void> {
    if (this.#closed || !this.#response.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        this.#response.off('drain', go);
        this.#response.off('close', go);
        resolve();
      };
      this.#response.on('drain', go);
      this.#response.on('close', go);
    });
  }

  /** Cuts the connection. */
  end(): void {
    this.#response.destroy();
  }
}

/** An answer of server-sent events. */
export class EventsAnswer<E> {
  /** @param follow called with the connection, once it is open */
  constructor(readonly follow: (client: EventStream<E>) => Promise<void>) {}

  async send(response: ServerResponse): Promise<void> {
    await this.follow(new EventStream(response));
  }
}

export const NO_EVENTS = '' as EventText<never>;

/** An event without an id. */
export const eventOf = <E extends { readonly event: string }>(event: E): EventText<E> =>
  `event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n` as EventText<E>;

/** The same event with an id, which a client hands back when it comes again. */
export const withId = <E>(id: string | number, event: EventText<E>): EventText<E> =>
  `id: ${id}\n${event}` as EventText<E>;

/** Events one after another. */
export const joined = <E>(first: EventText<E>, second: EventText<E>): EventText<E> =>
  (first + second) as EventText<E>;

/** Made once, however many clients get it. */
export const bytesOf = <E>(events: EventText<E>): EventBytes<E> => Buffer.from(events) as EventBytes<E>;
