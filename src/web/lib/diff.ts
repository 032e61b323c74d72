/** One setting of several runs. */
export interface ConfigRow {
  readonly path: string;
  /** One text per run; undefined if the run does not have the setting. */
  readonly values: readonly (string | undefined)[];
  readonly differs: boolean;
}

type Json = unknown;

const isObject = (value: Json): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `{ a: { b: 1 } }` as `a.b → 1`. Lists are compared as a whole. */
export function flatten(value: Json, path = ''): Map<string, string> {
  if (!isObject(value)) return new Map([[path, text(value)]]);
  const rows = new Map<string, string>();
  for (const [key, inner] of Object.entries(value))
    for (const [at, leaf] of flatten(inner, path ? `${path}.${key}` : key)) rows.set(at, leaf);
  return rows;
}

function text(value: Json): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(text).join(', ');
  return JSON.stringify(value) ?? '';
}

/** Settings that differ between all runs without affecting the training. */
const BESIDE_THE_POINT = /^(version|data|machine\.(started|command))$/;

export function diffConfigs(configs: readonly Json[]): ConfigRow[] {
  const flat = configs.map((config) => flatten(config));
  const paths = [...new Set(flat.flatMap((rows) => [...rows.keys()]))].filter(
    (path) => !BESIDE_THE_POINT.test(path),
  );
  const rows = paths.map((path) => {
    const values = flat.map((each) => each.get(path));
    return { path, values, differs: values.some((value) => value !== values[0]) };
  });
  return [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)];
}
