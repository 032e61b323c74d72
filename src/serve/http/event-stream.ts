import type { ServerResponse } from 'node:http';

/** Maximum number of buffered bytes per client. A slower client is disconnected and catches up after reconnecting. */
const MAX_WAITING = 2 ** 20;
/** Interval of keep-alive comments. */
const BEAT_MS = 15_000;
/** Delay after which a client should reconnect. */
const RETRY_MS = 1000;
const BEAT = ':\n\n';

declare const EVENT: unique symbol;
/** Serialised server-sent events: text, or bytes shared by many clients. */
export type EventText<E> = string & { readonly [EVENT]: E };
export type EventBytes<E> = Buffer & { readonly [EVENT]: E };

/** The connection of one client for server-sent events. */
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

  /** Sends events; disconnects the client if too many bytes are already buffered. */
  send(text: EventText<E> | EventBytes<E>): void {
    this.#write(text);
  }

  #write(text: string | Buffer): void {
    if (this.#closed) return;
    if (this.#response.writableLength > MAX_WAITING) this.end();
    else this.#response.write(text);
  }

  /** Resolves when the buffer has drained or the client has disconnected. */
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

  /** Closes the connection. */
  end(): void {
    this.#response.destroy();
  }
}

/** An answer that streams server-sent events. */
export class EventsAnswer<E> {
  /** @param follow called with the open connection */
  constructor(readonly follow: (client: EventStream<E>) => Promise<void>) {}

  async send(response: ServerResponse): Promise<void> {
    await this.follow(new EventStream(response));
  }
}

export const NO_EVENTS = '' as EventText<never>;

/** An event without an id. */
export const eventOf = <E extends { readonly event: string }>(event: E): EventText<E> =>
  `event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n` as EventText<E>;

/** An event with an id, which a client sends back when it reconnects. */
export const withId = <E>(id: string | number, event: EventText<E>): EventText<E> =>
  `id: ${id}\n${event}` as EventText<E>;

/** Concatenates events. */
export const joined = <E>(first: EventText<E>, second: EventText<E>): EventText<E> =>
  (first + second) as EventText<E>;

/** Encodes events once for all clients. */
export const eventBytes = <E>(events: EventText<E>): EventBytes<E> => Buffer.from(events) as EventBytes<E>;
