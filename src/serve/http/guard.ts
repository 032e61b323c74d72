import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { RequestError } from './request-error.js';

/** Security headers of every answer. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
} as const;

/** Header sent by the pages with each request that changes or computes something; a form of another site cannot send it. */
const CUSTOM_HEADER = 'x-paperweight';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export const isLoopback = (host: string): boolean => LOOPBACK.has(host) || host === '::1';

/** Page shown to a browser without a token. Unstyled, because the style sheet requires the token too. */
const TOKEN_PAGE = `<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Paperweight</title>
<h1>Paperweight</h1>
<p>This dashboard requires a token. Open the link with <code>?token=</code> that <code>paperweight serve</code> printed in its terminal. Each start generates a new token.</p>
<p lang="zh-CN">此仪表盘需要令牌。请打开 <code>paperweight serve</code> 在终端里输出的、带有 <code>?token=</code> 的链接。每次启动都会生成新的令牌。</p>
`;

export interface GuardOptions {
  /** The address that the server is bound to. */
  readonly host: string;
  /** Required in requests, if given. */
  readonly token?: string | undefined;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Accepts only requests from the server's own pages or with the token. */
export class Guard {
  readonly #host: string;
  readonly #token: Buffer | undefined;
  /** Includes the port, because browsers share cookies between ports of a host. */
  #cookie = '';

  constructor({ host, token }: GuardOptions) {
    this.#host = host;
    this.#token = token === undefined ? undefined : digest(token);
  }

  /** The port that the server listens on, set once it is known. */
  set port(port: number) {
    this.#cookie = `paperweight-${port}`;
  }

  /** Sets the common headers of an answer. */
  prepare(response: ServerResponse): void {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  }

  /** @throws RequestError 403 or 421 if another site caused the request */
  checkOrigin(request: IncomingMessage, path: string): void {
    this.#checkHost(request.headers.host);
    const changes = request.method !== 'GET' && request.method !== 'HEAD';
    const refuse = (got: string) => {
      throw new RequestError(403, {
        what: 'This request does not come from the dashboard',
        expected: 'a request from its own pages',
        got,
        next: 'use the dashboard at the address that it printed',
      });
    };
    const { origin } = request.headers;
    if (changes && origin !== undefined && origin !== `http://${request.headers.host}`)
      refuse(`Origin ${origin}`);
    const site = request.headers['sec-fetch-site'];
    if (
      (changes || path.startsWith('/api/')) &&
      site !== undefined &&
      site !== 'same-origin' &&
      site !== 'none'
    )
      refuse(`Sec-Fetch-Site ${String(site)}`);
    if (changes && request.headers[CUSTOM_HEADER] !== '1') refuse('no header X-Paperweight: 1');
  }

  /** Protects against DNS rebinding: another site's name may resolve to this machine, but Host then contains that name. */
  #checkHost(header: string | undefined): void {
    const name = header?.toLowerCase().replace(/:\d+$/, '') ?? '';
    const bare = name.replace(/^\[(.*)\]$/, '$1');
    const allowed =
      LOOPBACK.has(name) ||
      (!isLoopback(this.#host) &&
        (isIP(bare) !== 0 || name === this.#host.toLowerCase() || name === hostname().toLowerCase()));
    if (allowed) return;
    throw new RequestError(421, {
      what: 'The dashboard does not answer to this host name',
      expected: isLoopback(this.#host)
        ? 'localhost or 127.0.0.1'
        : 'an IP address or the name of this machine',
      got: header ?? 'no Host header',
      next: 'use the address that the server prints',
    });
  }

  /** @throws RequestError 401 unless the header or the cookie contains the token */
  checkToken(request: IncomingMessage): void {
    if (this.#admits(request)) return;
    throw new RequestError(401, {
      what: 'The dashboard requires a token',
      expected: 'the link with ?token= that the server printed',
      next: 'open that link',
    });
  }

  /**
   * Answers a browser that opens a page without the token with a page that says where to find it.
   *
   * @returns false if the token is present, or if the request is not for a page
   */
  explain(request: IncomingMessage, path: string, response: ServerResponse): boolean {
    const { method, headers } = request;
    const page = method === 'GET' && headers.accept?.includes('text/html') && !path.startsWith('/api');
    if (!page || this.#admits(request)) return false;
    response.setHeader('Cache-Control', 'no-store');
    response.writeHead(401, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end(TOKEN_PAGE);
    return true;
  }

  #admits({ headers }: IncomingMessage): boolean {
    if (!this.#token) return true;
    const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    return this.#matches(bearer) || this.#matches(this.#fromCookie(headers.cookie));
  }

  #fromCookie(header = ''): string | undefined {
    const start = `${this.#cookie}=`;
    const found = header.split(';').find((part) => part.trim().startsWith(start));
    return found?.trim().slice(start.length);
  }

  /** Compares hashes, so that timing reveals neither content nor length. */
  #matches(token: string | undefined): boolean {
    return token !== undefined && this.#token !== undefined && timingSafeEqual(digest(token), this.#token);
  }

  /**
   * Answers a link with the token: stores it in an HttpOnly cookie and continues to the page without the token. Uses a
   * page instead of a redirect, because browsers do not send a SameSite=Strict cookie after a redirect from another
   * site's link.
   *
   * @returns false if the request has no token or a wrong one
   */
  acceptLink(request: IncomingMessage, url: URL, response: ServerResponse): boolean {
    const token = url.searchParams.get('token') ?? undefined;
    if (request.method !== 'GET' || url.pathname !== '/' || !this.#matches(token)) return false;
    response.setHeader('Set-Cookie', `${this.#cookie}=${token}; HttpOnly; SameSite=Strict; Path=/`);
    response.setHeader('Cache-Control', 'no-store');
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end('<!doctype html><meta http-equiv="refresh" content="0;url=/"><title>Paperweight</title>');
    return true;
  }
}
