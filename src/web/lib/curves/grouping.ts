import { flatten } from '../diff.js';

/** What runs are grouped by: a setting's path, or their tags. */
export const BY_TAG = 'tag:';

/** Settings that tell runs apart without being a choice. */
const NOT_A_GROUP = /^(version|seed|data|machine(\..*)?)$/;

interface Grouped {
  readonly id: string;
  readonly detail: { readonly config: Readonly<Record<string, unknown>>; readonly tags: readonly string[] };
}

/** Paths of the settings in which the runs differ, other than their seed. */
export function groupings(runs: readonly Grouped[]): string[] {
  const flat = runs.map(({ detail }) => flatten(detail.config));
  const paths = [...new Set(flat.flatMap((rows) => [...rows.keys()]))];
  return paths.filter(
    (path) => !NOT_A_GROUP.test(path) && flat.some((rows) => rows.get(path) !== flat[0]!.get(path)),
  );
}

/** Runs by their value of a setting, or by their tags: a run with several tags is in several groups. */
export function groupRuns(runs: readonly Grouped[], by: string, noTag: string): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const { id, detail } of runs) {
    const names =
      by === BY_TAG
        ? detail.tags.length > 0
          ? detail.tags
          : [noTag]
        : [flatten(detail.config).get(by) ?? '–'];
    for (const name of names) groups.set(name, (groups.get(name) ?? new Set()).add(id));
  }
  return groups;
}
