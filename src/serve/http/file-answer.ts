import type { ServerResponse } from 'node:http';

/** An answer with bytes of a media type. */
export class FileAnswer<Type extends string> {
  /** @param cache value of `Cache-Control` */
  constructor(
    readonly type: Type,
    readonly bytes: Uint8Array,
    readonly cache: string,
  ) {}

  send(response: ServerResponse): void {
    response.writeHead(200, {
      'Content-Type': this.type,
      'Content-Length': this.bytes.length,
      'Cache-Control': this.cache,
    });
    response.end(this.bytes);
  }
}
