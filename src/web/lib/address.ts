import type { InputArgument, Route } from '../../serve/route-table.js';

/** URL of a request, from its route and input. */
export function addressOf<R extends Route>(route: R, ...[input]: InputArgument<R>): string {
  const { params, query } = (input ?? {}) as Loose;
  const path = route
    .slice(route.indexOf(' ') + 1)
    .replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params?.[name] ?? ''));
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  const search = given.map(([name, value]) => `${name}=${textOf(value!)}`).join('&');
  return search === '' ? path : `${path}?${search}`;
}

/** The method of a route. */
export const methodOf = (route: Route): string => route.slice(0, route.indexOf(' '));

type Value = string | number;
/** Input of any route. */
interface Loose {
  readonly params?: Readonly<Record<string, Value>>;
  readonly query?: Readonly<Record<string, Value | readonly Value[] | undefined>>;
}

const textOf = (value: Value | readonly Value[]): string =>
  (Array.isArray(value) ? value : [value]).map(encodeURIComponent).join(',');
