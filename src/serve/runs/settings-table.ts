import { flatSettings, type Value, type Values } from '../../display/run-query.js';
import type { SettingsTable } from '../api.js';
import { fileInside, readSmall } from './path-containment.js';
import type { Runs } from './runs.js';
import { parseJson } from './tail.js';

/** Settings that say nothing about a run in a table. */
const LEFT_OUT = /^(version|machine\.(started|command)|paperweight_checksum)$/;

interface Known {
  readonly key: string;
  readonly settings: Values;
}

/** The settings of all runs, read again only where a file has changed. */
export class Settings {
  readonly #known = new Map<string, Known>();

  constructor(readonly runs: Runs) {}

  /** The settings of a listed run by their path; empty if they cannot be read. */
  async of(id: string): Promise<Values> {
    const key = this.runs.keyOf(id);
    const known = this.#known.get(id);
    if (key !== undefined && known?.key === key) return known.settings;
    const folder = await this.runs.folder(id).catch(() => undefined);
    const file = folder === undefined ? undefined : await fileInside(folder, 'config.json');
    if (folder === undefined) return {};
    // Another program's event files may have settings.
    if (!file) return (await this.#eventSettings(id)) ?? {};
    const text = await readSmall(folder, 'config.json').catch(() => undefined);
    const all = Object.entries(flatSettings(parseJson(text ?? '')));
    const settings = Object.fromEntries(all.filter(([path]) => !LEFT_OUT.test(path)));
    if (key !== undefined) this.#known.set(id, { key, settings });
    return settings;
  }

  async #eventSettings(id: string): Promise<Values | undefined> {
    const summary = await this.runs.summary(id).catch(() => undefined);
    if (summary?.kind !== 'tensorboard') return undefined;
    return (await (await this.runs.live(id)).scalars()).settings;
  }

  /** @param ids of the runs to include; others are forgotten */
  async table(ids: readonly string[]): Promise<SettingsTable> {
    const rows = await Promise.all(ids.map((id) => this.of(id)));
    const listed = new Set(ids);
    for (const id of this.#known.keys()) if (!listed.has(id)) this.#known.delete(id);
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const equal: Record<string, Value> = {};
    const differing = names.filter((name) => {
      const first = rows[0]?.[name];
      if (first === undefined || rows.some((row) => row[name] !== first)) return true;
      equal[name] = first;
      return false;
    });
    return {
      equal,
      names: differing,
      runs: Object.fromEntries(ids.map((id, i) => [id, differing.map((name) => rows[i]![name] ?? null)])),
    };
  }
}
