import type { Attrs, AttrValue } from './types.js';

const NONE: readonly string[] = [];

/** Attributes as text, for keys. @param but names of those that are left out */
export const attrKey = (attrs: Attrs, but: readonly string[] = NONE): string => {
  const all = Object.keys(attrs);
  const names = but.length === 0 ? all : all.filter((name) => !but.includes(name));
  if (names.length === 0) return '';
  return `{${names
    .sort()
    .map((name) => `${name}=${valueKey(attrs[name]!)}`)
    .join()}}`;
};

/** An attribute's value as text. */
export function valueKey(value: AttrValue): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'boolean' ? String(value) : `[${value.map(valueKey).join()}]`;
}

/**
 * Whether two nodes have the same attributes: those for which `attrKey` gives the same text.
 * @param but names of those that may differ
 */
export function sameAttrs(a: Attrs, b: Attrs, but: readonly string[] = NONE): boolean {
  if (a === b) return true;
  for (const name in a) if (!sameValue(a[name]!, b[name]) && !but.includes(name)) return false;
  for (const name in b) if (a[name] === undefined) return false;
  return true;
}

const sameValue = (a: AttrValue, b: AttrValue | undefined): boolean =>
  Object.is(a, b) ||
  (Array.isArray(a) &&
    Array.isArray(b) &&
    a.length === b.length &&
    a.every((value, i) => Object.is(value, b[i])));
