import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { cpus, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { outputTarget } from '../../files/output-target.js';

const schema = z.record(z.string(), z.record(z.string(), z.string()));
type Content = z.infer<typeof schema>;

/** Where choices are remembered, unless `PAPERWEIGHT_KERNELS` names another file. */
const defaultFile = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'paperweight', 'kernels.json');

/**
 * What has been measured about kernels: a JSON file of names, for each processor, library and number of
 * threads. It holds nothing that could not be measured again, so a broken file is simply replaced.
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

  /** Undefined where nothing can be remembered, or where `PAPERWEIGHT_KERNELS=fixed` says that nothing should be. */
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

  /** Writes what is new. */
  save(): void {
    if (this.#changed) this.#write();
  }

  #write(): boolean {
    try {
      mkdirSync(dirname(this.file), { recursive: true });
      const target = outputTarget(this.file);
      // A device, such as /dev/null, keeps nothing.
      if (target.kind !== 'file') return false;
      // Another process may have added something since.
      const content = read(this.file);
      content[this.machine] = { ...content[this.machine], ...Object.fromEntries(this.#known) };
      const temporary = `${target.path}.${process.pid}`;
      writeFileSync(temporary, `${JSON.stringify(content, null, 1)}\n`);
      renameSync(temporary, target.path);
      this.#changed = false;
      return true;
    } catch {
      return false;
    }
  }
}

function read(file: string): Content {
  try {
    // A pipe would be waited for.
    return statSync(file).isFile() ? parseKernelCache(readFileSync(file, 'utf8')) : {};
  } catch {
    return {};
  }
}

/** The choices in a text; none when it is anything else. */
export function parseKernelCache(text: string): Content {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}
