import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunSummary } from '../api.js';
import { LiveRun } from './live-run.js';
import { ownKind } from './own-runs.js';
import { isSegment, runFolder } from './path-containment.js';
import { summarise, summariseOwn } from './summary.js';

/** Number of indexes kept after their last use, and their bytes. */
const KEEP = 256;
const KEEP_BYTES = 2 ** 28;
/** Runs that are summarised at the same time. */
const WORKERS = 32;
/** Files that a run's summary is made from. */
const SOURCES = ['config.json', 'scalars.jsonl', 'metrics.jsonl', 'state.json', 'label.json', 'process.json'];
/** Summaries also depend on the time and on processes, so they expire even if the files are unchanged. */
const FRESH_MS = 2000;

/**
 * The files of a run that has ended change by renaming, which changes the time of their folder: until then they are not
 * looked at again, except after this time, for files that were edited by hand.
 */
const QUIET_MS = 60_000;
/** Times of folders are too coarse to tell two changes apart that are closer than this. */
const SETTLED_MS = 2000;

interface Summarised {
  readonly key: string;
  readonly at: number;
  readonly summary: RunSummary;
  /** The state of the folder for which the summary holds until a time. */
  readonly quiet?: { readonly folder: string; readonly until: number };
}

/** Whether a summary may change although the files that it was made from do not. */
const ongoing = ({ status, kind }: RunSummary): boolean =>
  status === 'training' || status === 'paused' || kind === 'tensorboard';

/** The runs in a folder. */
export class Runs {
  readonly #live = new Map<string, LiveRun>();
  readonly #summaries = new Map<string, Summarised>();
  /** Summaries that are being made. */
  readonly #busy = new Map<string, { readonly key: string; readonly summary: Promise<RunSummary> }>();

  /** @param root a real path */
  constructor(readonly root: string) {}

  /** The most recent run first. */
  async list(): Promise<RunSummary[]> {
    const names = await readdir(this.root).catch((error: NodeJS.ErrnoException) => {
      // The first training creates the folder.
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const found: RunSummary[] = [];
    const waiting = names.values();
    const worker = async (): Promise<void> => {
      for (const id of waiting) {
        const summary = await this.summary(id).catch(() => undefined);
        if (summary) found.push(summary);
      }
    };
    // Each waits for the disk most of the time.
    await Promise.all(Array.from({ length: WORKERS }, worker));
    const listed = new Set(found.map(({ id }) => id));
    for (const id of this.#summaries.keys()) if (!listed.has(id)) this.#summaries.delete(id);
    return found.sort((a, b) =>
      a.started < b.started ? 1 : a.started > b.started ? -1 : a.id < b.id ? 1 : -1,
    );
  }

  /** @throws RequestError 404 */
  async folder(id: string): Promise<string> {
    return runFolder(this.root, id);
  }

  /** Changes with the run's files, as far as the last list or summary saw them; undefined for an unknown run. */
  keyOf(id: string): string | undefined {
    return this.#summaries.get(id)?.key;
  }

  async summary(id: string): Promise<RunSummary> {
    const began = Date.now();
    const folder = isSegment(id) ? await stat(join(this.root, id)).catch(() => undefined) : undefined;
    const state = folder && `${folder.mtimeMs}/${folder.ino}`;
    const before = this.#summaries.get(id);
    if (before?.quiet && before.quiet.folder === state && began < before.quiet.until) return before.summary;
    const { key, owned } = folder ? await this.#signature(id) : { key: '', owned: false };
    const known = this.#summaries.get(id);
    // Not all at the same time.
    const until = began + QUIET_MS * (0.5 + Math.random());
    const settled = folder !== undefined && began - folder.mtimeMs > SETTLED_MS && owned;
    const keep = (summary: RunSummary, at: number): void => {
      const quiet = settled && !ongoing(summary) ? { quiet: { folder: state!, until } } : {};
      this.#summaries.set(id, { key, at, summary, ...quiet });
    };
    if (known?.key === key && (!ongoing(known.summary) || Date.now() - known.at < FRESH_MS)) {
      keep(known.summary, known.at);
      return known.summary;
    }
    const busy = this.#busy.get(id);
    if (busy?.key === key) return busy.summary;
    const summary = this.folder(id).then((folder) => this.#summarise(folder, id));
    this.#busy.set(id, { key, summary });
    try {
      keep(await summary, Date.now());
    } finally {
      if (this.#busy.get(id)?.summary === summary) this.#busy.delete(id);
    }
    return summary;
  }

  /** Changes with the files of a run; nothing is read, so links need no check. */
  async #signature(id: string): Promise<{ readonly key: string; readonly owned: boolean }> {
    const files = SOURCES.map((name) => stat(join(this.root, id, name)).catch(() => undefined));
    const all = await Promise.all(files);
    return {
      key: all.map((file) => file && `${file.mtimeMs}/${file.size}/${file.ino}`).join(),
      // Without a process.json, a run goes on whenever its metrics grow.
      owned: all[SOURCES.indexOf('process.json')] !== undefined,
    };
  }

  async #summarise(folder: string, id: string): Promise<RunSummary> {
    const summary = await summarise(folder, id);
    // Most runs are of this kind; only the others need further checks.
    const own = summary.paper === '' ? await ownKind(folder) : undefined;
    if (!own) return summary;
    const live = await this.#known(folder);
    return summariseOwn(folder, id, own, await live.scalars());
  }

  /** The run's index and its clients. */
  async live(id: string): Promise<LiveRun> {
    return this.#known(await this.folder(id));
  }

  async #known(folder: string): Promise<LiveRun> {
    let live = this.#live.get(folder);
    if (!live) {
      live = new LiveRun(folder);
      this.#live.set(folder, live);
    }
    live.lastUse = Date.now();
    const idle = [...this.#live.values()].filter((run) => !run.watching);
    idle.sort((a, b) => b.lastUse - a.lastUse);
    let bytes = 0;
    for (const [i, run] of idle.entries()) {
      bytes += run.index.bytes;
      if (i > 0 && (i >= KEEP || bytes > KEEP_BYTES)) this.#live.delete(run.folder);
    }
    return live;
  }

  /** Drops a run that no longer exists. */
  forget(folder: string): void {
    this.#live.get(folder)?.close();
    this.#live.delete(folder);
  }

  close(): void {
    for (const live of this.#live.values()) live.close();
    this.#live.clear();
  }
}
