import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { counted } from '../../errors/counted.js';
import { DataError, UsageError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { rename } from '../../files/rename.js';
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
  /** An http or https address. */
  url: string;
  /** Path of the file; the incomplete download is at `to + '.part'`. */
  to: string;
  /** Expected MD5 as 32 hexadecimal digits; without it the file is not verified. */
  md5?: string;
  /** Called at most ten times a second, and once at the end. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Maximum number of consecutive retries without a new byte; default 3. */
  retries?: number;
  /** Delay before the first retry in milliseconds, doubled each time; default 1000. */
  backoffMs?: number;
  /** A connection without data for this many milliseconds counts as dropped; default 30000. */
  idleMs?: number;
  /** Aborts the download; the next call resumes from what was received. */
  signal?: AbortSignal;
}

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
      got: url,
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
          what: `the file downloaded from ${url} has the wrong checksum`,
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
  const cause = error.cause as {
    message?: string;
    code?: string;
    cause?: { code?: string; message?: string };
  };
  const reason =
    cause?.cause?.code ?? cause?.code ?? cause?.cause?.message ?? cause?.message ?? error.message;
  const offline = /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH)$/.test(reason);
  return new DataError({
    what: offline ? `no connection to ${new URL(url).host}` : `the download of ${url} failed repeatedly`,
    got: `${reason} (${counted(times, 'attempt')})`,
    next: `check the network, give another mirror, or put the file at ${to} yourself; the partial download is kept`,
    cause: error,
  });
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
    return fetch(this.#options.url, { headers, signal });
  }

  #check(response: Response): void {
    const { url } = this.#options;
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

    let handle: FileHandle | undefined;
    try {
      // A server without support for Range answers 200 with the whole file.
      handle = await open(this.#part, resumed ? 'a' : 'w');
      for await (const chunk of response.body ?? []) {
        idle.refresh();
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
