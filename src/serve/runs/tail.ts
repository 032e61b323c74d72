import { fileInside, readRange } from './path-containment.js';

/** Most bytes that are read at a time; what is added faster than this is passed over. */
const MOST = 2 ** 20;

/** Follows a file of JSON lines from its end on. */
export class Tail {
  #offset: number | undefined;

  /** @param folder real path of the run */
  constructor(
    readonly folder: string,
    readonly name: string,
  ) {}

  /** The complete lines that were added since the last call; none at the first. */
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

/** The last complete lines of a file, at most so many bytes of it. */
export async function lastLines(folder: string, name: string, bytes: number): Promise<string[]> {
  const file = await fileInside(folder, name);
  if (!file) return [];
  const from = Math.max(0, file.stats.size - bytes);
  const lines = (await readRange(file.path, from, file.stats.size - from)).toString('utf8').split('\n');
  // The last is empty or torn; the first may be cut.
  return lines.slice(from > 0 ? 1 : 0, -1);
}

/** The value of a JSON text; undefined for one that is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
