/*
 * The names of parameters. A property in camel case has the name of PyTorch's attribute in snake case; every other name is
 * kept, since mathematics and Python write capitals too: `W`, `Wq`, `W_k`, `A_log`, `conv2D`, `convBN1`.
 */

/** A lower-case word, then words with one capital each. A capital after a digit begins a word only before a small letter. */
const CAMEL_CASE = /^[a-z][a-z0-9]*(?:(?<=[a-z])[A-Z][a-z0-9]*|(?<=[0-9])[A-Z][a-z][a-z0-9]*)+$/;

/** The name of a property in state dicts: `runningMean` → `running_mean`, `weightIhL0` → `weight_ih_l0`, `Wq` → `Wq`. */
export const propertyName = (property: string): string =>
  CAMEL_CASE.test(property) ? splitWords(property) : property;

/** Names in earlier files, which had no capitals at all: `Wq` → `wq`, `conv2D` → `conv2_d`. */
const splitWords = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();

const inWords = (path: string): string => path.split('.').map(propertyName).join('.');

/**
 * The model's names for saved names that differ only in spelling: in camel case, as in PyTorch's state dict of a module
 * with such attributes, or without capitals, as in earlier files. A name of the model that was saved as it is, and one for
 * which several could be meant, has no entry.
 */
export function spellings(own: Iterable<string>, saved: Iterable<string>): ReadonlyMap<string, string> {
  const [names, given] = [new Set(own), new Set(saved)];
  const missing = new Set([...names].filter((name) => !given.has(name)));
  const strays = new Set([...given].filter((name) => !names.has(name)));
  const pairs = [
    ...[...missing].map((name) => [splitWords(name), name] as const),
    ...[...strays].map((stray) => [stray, inWords(stray)] as const),
  ].filter(([stray, name]) => strays.has(stray) && missing.has(name));
  const meant = new Map<string, Set<string>>();
  const link = (from: string, to: string): void => {
    meant.set(from, (meant.get(from) ?? new Set()).add(to));
  };
  for (const [stray, name] of pairs) {
    link(`saved ${stray}`, name);
    link(`own ${name}`, stray);
  }
  const isOnly = (key: string): boolean => meant.get(key)?.size === 1;
  return new Map(pairs.filter(([stray, name]) => isOnly(`saved ${stray}`) && isOnly(`own ${name}`)));
}

/** Saved values under the names of a model ({@link spellings}). */
export function inSpellingOf<T>(
  own: Iterable<string>,
  saved: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  const changed = spellings(own, saved.keys());
  return changed.size === 0
    ? saved
    : new Map([...saved].map(([name, value]) => [changed.get(name) ?? name, value]));
}
