import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Values } from '../../display/run-query.js';
import { maskedCrc32c } from '../../report/tensorboard/crc32c.js';
import { fileInside, isSegment, readFrom } from '../runs/path-containment.js';
import { type EventRecord, type HistogramValue, parseEvent } from './event-record.js';
import { NamedColumns } from './named-columns.js';
import { type ScalarSource, Times } from './scalars.js';

const HEAD = 12;
const FOOT = 4;
/** A first record that is not whole after this time never will be. */
const WRITTEN_MS = 60_000;
/** Longest record that is read, such as an image; a longer one is skipped. */
const MOST = 2 ** 24;
/** Files of a run, and images and histograms that are kept of each name. */
const MOST_FILES = 64;
const KEPT = 64;

export interface StoredImage {
  readonly name: string;
  readonly step: number;
  readonly bytes: Uint8Array;
}
export interface StoredHistogram {
  readonly name: string;
  readonly step: number;
  readonly histogram: HistogramValue;
}

/** Names of event files in a folder and its subfolders, which stand for parts such as `train` and `validation`. */
export async function eventFiles(folder: string): Promise<readonly (readonly string[])[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const isEvents = (name: string): boolean => name.includes('tfevents') && isSegment(name);
  const own = entries.filter(({ name }) => isEvents(name)).map(({ name }) => [name]);
  const inner: string[][] = [];
  for (const entry of entries
    .filter((each) => each.isDirectory() && isSegment(each.name))
    .slice(0, MOST_FILES))
    for (const name of await readdir(join(folder, entry.name)).catch(() => []))
      if (isEvents(name)) inner.push([entry.name, name]);
  // The names begin with the time at which they were made.
  return [...own, ...inner].sort((a, b) => (a.join('/') < b.join('/') ? -1 : 1)).slice(0, MOST_FILES);
}

/** The scalars, images and histograms in another program's TensorBoard event files. */
export class EventFiles implements ScalarSource {
  readonly columns = new NamedColumns();
  readonly times = new Times();
  images: readonly StoredImage[] = [];
  histograms: readonly StoredHistogram[] = [];
  settings: Values = {};
  lastStep = 0;
  modified = 0;
  /** The first file whose beginning is not a record. */
  #odd: string | undefined;
  #records = 0;
  readonly #offsets = new Map<string, number>();
  #busy: Promise<void> = Promise.resolve();

  /** @param folder real path of the run */
  constructor(readonly folder: string) {}

  get unreadable(): string | undefined {
    return this.#records === 0 ? this.#odd : undefined;
  }

  follow(): Promise<void> {
    const next = this.#busy.then(async () => {
      for (const name of await eventFiles(this.folder)) await this.#read(name);
    });
    this.#busy = next.catch(() => {});
    return next;
  }

  async #read(name: readonly string[]): Promise<void> {
    const key = name.join('/');
    const file = await fileInside(this.folder, ...name);
    let offset = this.#offsets.get(key) ?? 0;
    this.modified = Math.max(this.modified, file?.stats.mtimeMs ?? 0);
    if (!file || file.stats.size <= offset) return;
    const prefix = name.length > 1 ? `${name[0]}/` : '';
    const handle = await open(file.path, 'r');
    try {
      for (let n = 0; ; n++) {
        const head = await readFrom(handle, offset, HEAD);
        if (head.length < HEAD) {
          if (offset === 0 && Date.now() - file.stats.mtimeMs > WRITTEN_MS) this.#odd ??= key;
          break;
        }
        const length = Number(head.readBigUInt64LE(0));
        // After bytes that are not a record, the next record cannot be found, so the rest of the file is skipped.
        if (maskedCrc32c(head.subarray(0, 8)) !== head.readUInt32LE(8)) {
          if (offset === 0) this.#odd ??= key;
          offset = Number.MAX_SAFE_INTEGER;
          break;
        }
        if (offset + HEAD + length + FOOT > file.stats.size) break;
        if (length <= MOST) {
          const data = await readFrom(handle, offset + HEAD, length + FOOT);
          if (data.length < length + FOOT) break;
          this.#take(data.subarray(0, length), data.readUInt32LE(length), prefix);
        }
        this.#records++;
        offset += HEAD + length + FOOT;
        if (n % 64 === 63) await turn();
      }
    } finally {
      await handle.close();
      this.#offsets.set(key, offset);
    }
  }

  #take(bytes: Buffer, crc: number, prefix: string): void {
    if (maskedCrc32c(bytes) !== crc) return;
    let event: EventRecord;
    try {
      event = parseEvent(bytes);
    } catch {
      // One event that is not valid does not hide the others.
      return;
    }
    const { step, wallTime } = event;
    if (!Number.isInteger(step) || step < 0 || step > 0xffff_fffe) return;
    if (event.restart) {
      this.columns.truncate(step - 1);
      this.times.truncate(step - 1);
      return;
    }
    for (const value of event.values) {
      const name = prefix + value.tag;
      if (value.kind === 'scalar') this.columns.push(name, step, value.value);
      if (value.kind === 'image') this.images = kept(this.images, { name, step, bytes: value.bytes.slice() });
      if (value.kind === 'settings') this.settings = { ...this.settings, ...value.settings };
      if (value.kind === 'histogram')
        this.histograms = kept(this.histograms, { name, step, histogram: value.histogram });
    }
    if (event.values.length > 0) {
      this.times.push(step, 1000 * wallTime);
      this.lastStep = Math.max(this.lastStep, step);
    }
  }
}

/** Adds an entry. If there are too many with its name, every second one is dropped. */
function kept<T extends { readonly name: string }>(all: readonly T[], added: T): readonly T[] {
  const same = all.filter(({ name }) => name === added.name);
  if (same.length < KEPT) return [...all, added];
  const dropped = new Set(same.filter((_, i) => i % 2 === 1));
  return [...all.filter((each) => !dropped.has(each)), added];
}
