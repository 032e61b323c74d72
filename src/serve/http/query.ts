import { RequestError } from './request-error.js';

/** Reads the query of a request, whose names are those of `Q`. */
export class QueryReader<Q> {
  readonly #search: URLSearchParams;

  constructor(url: URL) {
    this.#search = url.searchParams;
  }

  text(name: keyof Q & string): string | undefined {
    return this.#search.get(name) ?? undefined;
  }

  /** A whole number from `min` to `max`; undefined when it is not there. */
  whole(name: keyof Q & string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= min && value <= max) return value;
    throw new RequestError(400, {
      what: `${name} cannot be used`,
      expected: `a whole number from ${min} to ${max}`,
      got: JSON.stringify(text.slice(0, 50)),
    });
  }
}
