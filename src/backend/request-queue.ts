import type { Graph } from '../graph/graph.js';
import type { Feed, TypedArray } from '../graph/types.js';
import type { Reply, Request } from './executor.js';

const isHere = (feed: Feed): feed is TypedArray => ArrayBuffer.isView(feed);

/**
 * Sends requests in order. A run whose feeds are still to come, since an earlier run computes them, holds up whatever
 * is asked for after it.
 */
export class RequestQueue {
  readonly #send: (request: Request) => Promise<Reply>;
  #held: Promise<void> | undefined;
  /** Graphs of plans whose first run could not be sent, for the next. */
  readonly #unsent = new Map<number, Graph>();

  constructor(send: (request: Request) => Promise<Reply>) {
    this.#send = send;
  }

  /** @param feeds of a run, in place of the request's own */
  send(request: Request, feeds: readonly Feed[] = []): Promise<Reply> {
    if (!this.#held && feeds.every(isHere)) return this.#send(this.#complete(request, feeds));
    // Until it is sent, its arrays may be filled with something else.
    const own: Request = request.kind === 'write' ? { ...request, data: request.data.slice() } : request;
    const values = feeds.map((feed) => (isHere(feed) ? feed.slice() : feed));
    const sent = this.#after(this.#held, own, values);
    const held = sent.then(
      () => {},
      () => {},
    );
    this.#held = held;
    held.then(() => {
      if (this.#held === held) this.#held = undefined;
    });
    return sent.then(({ reply }) => reply);
  }

  /** In an object, so that nobody waits for the reply itself. */
  async #after(held: Promise<void> | undefined, request: Request, feeds: readonly Feed[]) {
    await held;
    try {
      return { reply: this.#send(this.#complete(request, await Promise.all(feeds))) };
    } catch (error) {
      if ('graph' in request && request.graph) this.#unsent.set(request.plan, request.graph);
      throw error;
    }
  }

  #complete(request: Request, feeds: readonly TypedArray[]): Request {
    if (request.kind !== 'run' && request.kind !== 'profile') return request;
    const graph = request.graph ?? this.#unsent.get(request.plan);
    this.#unsent.delete(request.plan);
    return { ...request, ...(graph ? { graph } : {}), feeds };
  }

  /** Resolves when nothing is held up. */
  async sent(): Promise<void> {
    while (this.#held) await this.#held;
  }
}
