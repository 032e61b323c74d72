import { fileInside, readRange } from './path-containment.js';

/** Maximum number of bytes per read; if more is appended, the rest is skipped. */
const MOST = 2 ** 20;

/** Follows a file of JSON lines from its end. */
export class Tail {
  #offset: number | undefined;

  /** @param folder real path of the run */
  constructor(
    readonly folder: string,
    readonly name: string,
  ) {}

  /** The complete lines appended since the last call; empty at the first call. */
  async added(): Promise<string[]> {
    const file = await fileInside(this.folder, this.name);
    const size = file?.stats.size ?? 0;
    if (this.#offset === undefined || size < this.#offset) this.#offset = size;
    if (!file || size === this.#offset) return [];
    const from = Math.max(this.#offset, size - MOST);
    const bytes = await readRange(file.path, from, size - from);
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (end === 0) return [];
    this.#offset = from + end;
    return bytes.toString('utf8', 0, end).split('\n').slice(0, -1);
  }
}

/** The last complete lines within the last `bytes` bytes of a file. */
export async function lastLines(folder: string, name: string, bytes: number): Promise<string[]> {
  const file = await fileInside(folder, name);
  if (!file) return [];
  const from = Math.max(0, file.stats.size - bytes);
  const lines = (await readRange(file.path, from, file.stats.size - from)).toString('utf8').split('\n');
  // The last element is empty or incomplete; the first may be incomplete.
  return lines.slice(from > 0 ? 1 : 0, -1);
}

/** Parses JSON; undefined if it is not valid. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
