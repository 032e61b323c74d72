import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/** Files served from the folder of the built pages. */
const TYPES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'engine.js': 'text/javascript; charset=utf-8',
  'app.css': 'text/css; charset=utf-8',
  'favicon.svg': 'image/svg+xml',
};

interface Packed {
  readonly changed: number;
  readonly etag: string;
  readonly identity: Buffer;
  readonly gzip: Buffer;
  readonly br: Buffer;
}

/** The built pages, each read and compressed once. */
export class StaticFiles {
  readonly #packed = new Map<string, Packed>();

  constructor(readonly folder: string) {}

  /** Whether the pages have been built. */
  async built(): Promise<boolean> {
    return (await stat(join(this.folder, 'index.html')).catch(() => undefined))?.isFile() ?? false;
  }

  /** @returns false if the path is not a page */
  async answer(request: IncomingMessage, path: string, response: ServerResponse): Promise<boolean> {
    // The app handles its own routes: all of them are served the same page.
    const last = path.slice(path.lastIndexOf('/') + 1);
    const name = Object.hasOwn(TYPES, path.slice(1)) ? path.slice(1) : last.includes('.') ? '' : 'index.html';
    const packed = name && (await this.#pack(name));
    if (!packed) return false;
    response.setHeader('ETag', packed.etag);
    response.setHeader('Cache-Control', 'no-cache');
    response.setHeader('Vary', 'Accept-Encoding');
    if (request.headers['if-none-match'] === packed.etag) {
      response.writeHead(304).end();
      return true;
    }
    const accepted = (request.headers['accept-encoding'] ?? '').toString();
    const encoding = /\bbr\b/.test(accepted) ? 'br' : /\bgzip\b/.test(accepted) ? 'gzip' : 'identity';
    const bytes = packed[encoding];
    response.writeHead(200, {
      'Content-Type': TYPES[name]!,
      'Content-Length': bytes.length,
      ...(encoding === 'identity' ? {} : { 'Content-Encoding': encoding }),
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
    return true;
  }

  async #pack(name: string): Promise<Packed | undefined> {
    const file = join(this.folder, name);
    const stats = await stat(file).catch(() => undefined);
    if (!stats?.isFile()) return undefined;
    const known = this.#packed.get(name);
    if (known?.changed === stats.mtimeMs) return known;
    const identity = await readFile(file);
    const packed = {
      changed: stats.mtimeMs,
      etag: `"${createHash('sha256').update(identity).digest('base64url').slice(0, 22)}"`,
      identity,
      gzip: await promisify(gzip)(identity),
      br: await promisify(brotliCompress)(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    };
    this.#packed.set(name, packed);
    return packed;
  }
}
