import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { counted, grouped } from '../../errors/counted.js';
import { DataError, UsageError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { rename } from '../../files/rename.js';
import { requestOf, withoutCredentials } from './address.js';
import { checkedMd5 } from './fetching.js';
import { RateMeter } from './rate.js';

/** Progress of a download. */
export interface DownloadProgress {
  /** Bytes on disk, including those of an earlier, interrupted attempt. */
  received: number;
  /** Size of the file in bytes; undefined if the server does not send it. */
  total: number | undefined;
  /** Average over the last few seconds. */
  bytesPerSecond: number;
}

export interface DownloadOptions {
  /**
   * An http or https address. A name and a password in it are sent as a header. Messages show neither them nor the
   * values of a query, such as a token.
   */
  url: string;
  /** Path of the file; the incomplete download is at `to + '.part'`. */
  to: string;
  /** Expected MD5 as 32 hexadecimal digits; without it the file is not verified. */
  md5?: string;
  /** Called at most ten times a second, and once at the end. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Largest size in bytes; a server that sends more is an error. Default: 1 GiB. */
  maxBytes?: number;
  /** Maximum number of consecutive retries without a new byte; default 3. */
  retries?: number;
  /** Delay before the first retry in milliseconds, doubled each time; default 1000. */
  backoffMs?: number;
  /** A connection without data for this many milliseconds counts as dropped; default 30000. */
  idleMs?: number;
  /** Aborts the download; the next call resumes from what was received. */
  signal?: AbortSignal;
}

/** Default of `maxBytes`. */
const MAX_BYTES = 2 ** 30;

/** A temporary failure of the connection; retried. */
class Dropped extends Error {}

/** The MD5 of a file, in hexadecimal. */
async function md5File(file: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}

/**
 * Downloads a file: streams to `to + '.part'`, resumes after a dropped connection, verifies the MD5, renames. A file
 * that is already at `to` with the right MD5 is kept. A partial file of an earlier process is resumed only if there is
 * an MD5 to verify the result.
 *
 * @returns whether anything was downloaded
 * @throws DataError if the network, the server or the disk fails or the MD5 differs; the signal's reason if aborted
 */
export async function downloadFile(options: DownloadOptions): Promise<{ fetched: boolean }> {
  const { url, to, retries = 3, backoffMs = 1000, signal } = options;
  const md5 = options.md5 === undefined ? undefined : checkedMd5('downloadFile', options.md5);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError({
      what: 'the download address is not valid',
      expected: 'an http or https address',
      got: withoutCredentials(url),
    });
  }
  const part = `${to}.part`;
  if (md5 && (await sizeOf(to)) > 0 && (await md5File(to)) === md5) return { fetched: false };
  // Without an MD5 there is no way to know whether an old partial file belongs to the same file.
  if (!md5) await rm(part, { force: true });
  let old = (await sizeOf(part)) > 0;

  const attempt = new Attempt(options, part);
  for (let failures = 0, best = await sizeOf(part); ; ) {
    try {
      await attempt.run();
      if (!md5) break;
      const got = await md5File(part);
      if (got === md5) break;
      await rm(part, { force: true });
      if (!old) {
        throw new DataError({
          what: `the file downloaded from ${withoutCredentials(url)} has the wrong checksum`,
          expected: `MD5 ${md5}`,
          got: `MD5 ${got}`,
          next: 'try again later or from another mirror; the wrong file has been deleted',
        });
      }
      // The old partial file may belong to another version: download once more from the start.
      old = false;
      best = 0;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Dropped)) throw diskError(error, `cannot write ${part}`, DataError);
      const size = await sizeOf(part);
      if (size > best) failures = 0;
      best = Math.max(best, size);
      if (failures++ >= retries) throw giveUp(url, to, error, failures);
      await delay(Math.min(30_000, backoffMs * 2 ** (failures - 1)), undefined, { signal }).catch(() => {});
      signal?.throwIfAborted();
    }
  }
  await rename(part, to).catch((error) => {
    throw diskError(error, `cannot write ${to}`, DataError);
  });
  attempt.finish();
  return { fetched: true };
}

function giveUp(url: string, to: string, error: Dropped, times: number): DataError {
  const reason = reasonOf(error.cause) ?? error.message;
  const offline = /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH)$/.test(reason);
  return new DataError({
    what: offline
      ? `no connection to ${new URL(url).host}`
      : `the download of ${withoutCredentials(url)} failed repeatedly`,
    got: `${reason} (${counted(times, 'attempt')})`,
    next: `check the network, give another mirror, or put the file at ${to} yourself; the partial download is kept`,
    cause: error,
  });
}

interface FetchError {
  readonly message?: string;
  readonly code?: string;
  readonly cause?: { readonly code?: string; readonly message?: string };
}

/** The code or the message of an error of `fetch`, whose cause says more than itself. */
function reasonOf(error: unknown): string | undefined {
  const { message, code, cause } = (error ?? {}) as FetchError;
  const reason = cause?.code ?? code ?? cause?.message ?? message;
  return reason === undefined ? undefined : withoutCredentials(reason);
}

/** Codes of certificates that are not accepted, which does not change from one attempt to the next. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/;

/** Whether a request can succeed later: the network fails with a code; redirects that are not followed have none. */
function canPass(error: TypeError): boolean {
  const { code, cause } = error as FetchError;
  const found = cause?.code ?? code;
  return found !== undefined && !CERTIFICATE.test(found);
}

/** The connections made for one file, one after another. */
class Attempt {
  readonly #options: DownloadOptions;
  readonly #part: string;
  readonly #meter = new RateMeter();
  #etag: string | undefined;
  #received = 0;
  #total: number | undefined;
  #reported = 0;

  constructor(options: DownloadOptions, part: string) {
    this.#options = options;
    this.#part = part;
  }

  /** Downloads the missing bytes. @throws Dropped for temporary failures, DataError for others */
  async run(): Promise<void> {
    const { idleMs = 30_000, signal } = this.#options;
    const idle = new AbortController();
    const timer = setTimeout(() => idle.abort(new Dropped(`no data for ${idleMs} ms`)), idleMs);
    const signals = signal ? [signal, idle.signal] : [idle.signal];
    try {
      const offset = await sizeOf(this.#part);
      let response = await this.#request(offset, AbortSignal.any(signals));
      const range = response.headers.get('content-range') ?? '';
      if (response.status === 416 && range === `bytes */${offset}`) {
        // A process that died between the last byte and the rename leaves a complete file.
        this.#received = this.#total = offset;
        return;
      }
      const refused =
        response.status === 416 || (response.status === 206 && !range.startsWith(`bytes ${offset}-`));
      if (offset > 0 && refused) {
        await response.body?.cancel();
        response = await this.#request(0, AbortSignal.any(signals));
      }
      await this.#save(response, offset, timer);
    } catch (error) {
      if (error instanceof TypeError || idle.signal.aborted)
        throw new Dropped('the connection broke', { cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #request(offset: number, signal: AbortSignal): Promise<Response> {
    // A compressed transfer cannot be resumed, and its length is not the file's.
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (offset > 0) {
      headers.range = `bytes=${offset}-`;
      if (this.#etag) headers['if-range'] = this.#etag;
    }
    const { url, headers: credentials } = requestOf(this.#options.url);
    return fetch(url, { headers: { ...headers, ...credentials }, signal }).catch((error) => {
      if (!(error instanceof TypeError) || canPass(error)) throw error;
      throw new DataError({
        what: `${withoutCredentials(url)} cannot be downloaded`,
        expected: 'an address that answers with the file',
        got: reasonOf(error) ?? 'no answer',
        next: 'check the address, or give another mirror',
      });
    });
  }

  /** @throws DataError for a size above the limit */
  async #checkSize(bytes: number): Promise<void> {
    const { url, maxBytes = MAX_BYTES } = this.#options;
    if (bytes <= maxBytes) return;
    await rm(this.#part, { force: true });
    throw new DataError({
      what: `${withoutCredentials(url)} is too large`,
      expected: `at most ${grouped(maxBytes)} bytes`,
      got: `${grouped(bytes)} bytes or more`,
      next: 'check the address, or give another mirror; what was downloaded has been deleted',
    });
  }

  #check(response: Response): void {
    const url = withoutCredentials(this.#options.url);
    const { status, statusText } = response;
    if (status >= 500 || status === 429 || status === 408) {
      throw new Dropped(`HTTP ${status}`, { cause: new Error(`HTTP ${status} ${statusText}`) });
    }
    if (status !== 200 && status !== 206) {
      throw new DataError({
        what: `the server refuses ${url}`,
        expected: 'HTTP 200',
        got: `HTTP ${status} ${statusText}`,
        next: 'check the address, or give another mirror',
      });
    }
    const encoding = response.headers.get('content-encoding') ?? 'identity';
    if (encoding !== 'identity') {
      throw new DataError({
        what: `the server compresses ${url}, so the download cannot be resumed`,
        expected: 'no content-encoding',
        got: `content-encoding ${encoding}`,
        next: 'give another mirror',
      });
    }
  }

  async #save(response: Response, offset: number, idle: NodeJS.Timeout): Promise<void> {
    try {
      this.#check(response);
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
    const resumed = response.status === 206;
    const etag = response.headers.get('etag');
    this.#etag = etag && !etag.startsWith('W/') ? etag : undefined;
    const length = response.headers.get('content-length');
    this.#received = resumed ? offset : 0;
    this.#total = length === null ? undefined : this.#received + Number(length);
    this.#meter.restart(this.#received);
    if (this.#total !== undefined && this.#total > (this.#options.maxBytes ?? MAX_BYTES)) {
      await response.body?.cancel();
      await this.#checkSize(this.#total);
    }

    let handle: FileHandle | undefined;
    try {
      // A server without support for Range answers 200 with the whole file.
      handle = await open(this.#part, resumed ? 'a' : 'w');
      for await (const chunk of response.body ?? []) {
        idle.refresh();
        await this.#checkSize(this.#received + (chunk as Uint8Array).length);
        await handle.writeFile(chunk as Uint8Array);
        this.#received += (chunk as Uint8Array).length;
        this.#report(false);
      }
      await handle.sync();
    } finally {
      await handle?.close();
    }
    if (this.#total !== undefined && this.#received !== this.#total) {
      throw new Dropped('the connection ended early');
    }
  }

  #report(final: boolean): void {
    const now = performance.now();
    if (!final && now - this.#reported < 100) return;
    this.#reported = now;
    const bytesPerSecond = this.#meter.rate(this.#received);
    this.#options.onProgress?.({ received: this.#received, total: this.#total, bytesPerSecond });
  }

  /** The final progress report. */
  finish(): void {
    this.#total = this.#received;
    this.#report(true);
  }
}
