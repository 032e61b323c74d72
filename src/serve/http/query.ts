import { RequestError } from './request-error.js';

/** A whole number in a route's path. @throws RequestError 400 for another text */
export function wholeParam(name: string, text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new RequestError(400, {
    what: `${name} is not valid`,
    expected: 'a whole number',
    got: JSON.stringify(text.slice(0, 50)),
  });
}

/** Reads a request's query parameters, whose names are the keys of `Q`. */
export class QueryReader<Q> {
  readonly #search: URLSearchParams;

  constructor(url: URL) {
    this.#search = url.searchParams;
  }

  text(name: keyof Q & string): string | undefined {
    return this.#search.get(name) ?? undefined;
  }

  /** A whole number from `min` to `max`; undefined if missing. */
  whole(name: keyof Q & string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= min && value <= max) return value;
    throw new RequestError(400, {
      what: `${name} is not valid`,
      expected: `a whole number from ${min} to ${max}`,
      got: JSON.stringify(text.slice(0, 50)),
    });
  }
}
