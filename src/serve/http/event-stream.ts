import type { ServerResponse } from 'node:http';
import type { RunEvent, RunsEvent } from '../api.js';

/** Bytes that may wait for a client. One that reads too slowly is cut off, and catches up when it comes again. */
const MAX_WAITING = 2 ** 20;
/** Time between two signs of life, so that neither side takes a silent connection for a dead one. */
const BEAT_MS = 15_000;
/** Time after which a client should come again. */
const RETRY_MS = 1000;

/** The connection of one client of server-sent events. */
export class EventStream {
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
    this.#beat = setInterval(() => this.send(':\n\n'), BEAT_MS).unref();
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
  send(text: string | Buffer): void {
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

/** An event without an id. */
export const eventOf = (event: RunEvent | RunsEvent): string =>
  `event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`;
