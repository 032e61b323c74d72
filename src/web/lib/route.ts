/** Routes of the views: the part of the page's URL after `#`. */
export type RunTab = 'live' | 'inside' | 'try';

export type Route =
  | { readonly view: 'runs'; readonly query: Readonly<Record<string, string>> }
  | {
      readonly view: 'run';
      readonly id: string;
      readonly tab: RunTab;
      readonly query: Readonly<Record<string, string>>;
    }
  | {
      readonly view: 'compare';
      readonly ids: readonly string[];
      readonly query: Readonly<Record<string, string>>;
    }
  | { readonly view: 'paper'; readonly id: string | undefined }
  | { readonly view: 'unknown'; readonly path: string };

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#/, '').split('?', 2);
  const [first, id, tab, ...rest] = path.split('/').filter(Boolean).map(decode);
  const query = Object.fromEntries(new URLSearchParams(search));
  if (first === undefined || (first === 'runs' && id === undefined)) return { view: 'runs', query };
  if (first === 'run' && id !== undefined && rest.length === 0) {
    if (tab === undefined) return { view: 'run', id, tab: 'live', query };
    if (tab === 'inside' || tab === 'try') return { view: 'run', id, tab, query };
  }
  if (first === 'compare' && id === undefined) return { view: 'compare', ids: listOf(query.ids), query };
  if (first === 'paper' && tab === undefined) return { view: 'paper', id };
  return { view: 'unknown', path };
}

/** URL of a run's view; undefined settings are omitted. */
export function runHref(
  id: string,
  tab: RunTab = 'live',
  query: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  const text = search.toString();
  return `#/run/${encodeURIComponent(id)}${tab === 'live' ? '' : `/${tab}`}${text ? `?${text}` : ''}`;
}

/** A list in a query: its items are encoded once more, so that commas separate them. */
export const listOf = (text: string | undefined): string[] =>
  (text ?? '').split(',').filter(Boolean).map(decode);

const listText = (items: readonly string[]): string =>
  items.map((item) => encodeURIComponent(encodeURIComponent(item))).join(',');

/** @param query further settings; undefined ones are left out, and lists are written like the ids */
export function compareHref(
  ids: readonly string[],
  query: Readonly<Record<string, string | readonly string[] | undefined>> = {},
): string {
  const parts = Object.entries(query).flatMap(([key, value]) =>
    value === undefined || key === 'ids'
      ? []
      : [`${key}=${typeof value === 'string' ? encodeURIComponent(value) : listText(value)}`],
  );
  return [`#/compare?ids=${listText(ids)}`, ...parts].join('&');
}

export const paperHref = (id?: string): string => (id ? `#/paper/${encodeURIComponent(id)}` : '#/paper');
