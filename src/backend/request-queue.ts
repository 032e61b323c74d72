import type { Graph } from '../graph/graph.js';
import type { Feed, TypedArray } from '../graph/types.js';
import type { Reply, Request } from './executor.js';

const isHere = (feed: Feed): feed is TypedArray => ArrayBuffer.isView(feed);

/**
 * Sends requests in order. If a run's feeds are still being computed by an earlier run, it and all later requests wait.
 */
export class RequestQueue {
  readonly #send: (request: Request) => Promise<Reply>;
  #held: Promise<void> | undefined;
  /** Graphs of plans whose first run was not sent because a feed failed; the next run sends them. */
  readonly #unsent = new Map<number, Graph>();

  constructor(send: (request: Request) => Promise<Reply>) {
    this.#send = send;
  }

  /** @param feeds values or promises for a run; they replace the feeds of the request */
  send(request: Request, feeds: readonly Feed[] = []): Promise<Reply> {
    if (!this.#held && feeds.every(isHere)) return this.#send(this.#complete(request, feeds));
    // Copied, since the caller may overwrite its array before the request is sent.
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

  /** Returns the reply's promise in an object, so that awaiting it does not await the reply. */
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

  /** Resolves when all requests have been sent. */
  async sent(): Promise<void> {
    while (this.#held) await this.#held;
  }
}
