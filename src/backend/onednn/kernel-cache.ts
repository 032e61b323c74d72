import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { z } from 'zod';
import { cacheFolder } from '../../files/cache-folder.js';
import { makeFolderSync } from '../../files/make-folder.js';
import { outputTarget } from '../../files/output-target.js';

const schema = z.record(z.string(), z.record(z.string(), z.string()));
type Content = z.infer<typeof schema>;

/** The cache file, unless `PAPERWEIGHT_KERNELS` names another one. */
const defaultFile = (): string => join(cacheFolder(), 'kernels.json');

/**
 * Cache of measured kernel choices: a JSON file with a section per CPU model, library and number of threads. Everything
 * in it can be measured again, so a file that is not valid is replaced.
 */
export class KernelCache {
  readonly #known: Map<string, string>;
  #changed = false;

  private constructor(
    readonly file: string,
    readonly machine: string,
  ) {
    this.#known = new Map(Object.entries(read(file)[machine] ?? {}));
  }

  /** Undefined if there is no place for the file, or if `PAPERWEIGHT_KERNELS=fixed` disables the cache. */
  static open(library: string, threads: number): KernelCache | undefined {
    const named = process.env.PAPERWEIGHT_KERNELS;
    if (named === 'fixed') return undefined;
    const cache = new KernelCache(
      named || defaultFile(),
      `${cpus()[0]?.model.trim() ?? 'unknown'}, ${library}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    );
    return cache.#write() ? cache : undefined;
  }

  get(key: string): string | undefined {
    return this.#known.get(key);
  }

  set(key: string, name: string): void {
    this.#known.set(key, name);
    this.#changed = true;
  }

  /** Writes new choices to the file. */
  save(): void {
    if (this.#changed) this.#write();
  }

  #write(): boolean {
    try {
      makeFolderSync(dirname(this.file));
      const target = outputTarget(this.file);
      // Devices such as /dev/null store nothing.
      if (target.kind !== 'file') return false;
      // Another process may have added choices since.
      const content = read(this.file);
      content[this.machine] = { ...content[this.machine], ...Object.fromEntries(this.#known) };
      const temporary = `${target.path}.${process.pid}.${threadId}`;
      try {
        writeFileSync(temporary, `${JSON.stringify(content, null, 1)}\n`);
        replace(temporary, target.path);
      } finally {
        rmSync(temporary, { force: true });
      }
      this.#changed = false;
      return true;
    } catch {
      return false;
    }
  }
}

/** Attempts to replace the file while another process reads it, which Windows refuses. */
const ATTEMPTS = 20;
const PAUSE_MS = 10;

function replace(from: string, to: string): void {
  for (let attempt = 1; ; attempt++)
    try {
      renameSync(from, to);
      return;
    } catch (error) {
      if (process.platform !== 'win32' || attempt === ATTEMPTS) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
}

function read(file: string): Content {
  try {
    // Reading a pipe would block.
    return statSync(file).isFile() ? parseKernelCache(readFileSync(file, 'utf8')) : {};
  } catch {
    return {};
  }
}

/** Parses a cache file; empty if it is not valid. */
export function parseKernelCache(text: string): Content {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}
