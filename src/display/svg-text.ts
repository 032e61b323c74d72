import { plainText } from './plain-text.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no way to write them
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/** Marks that change the direction of the text after them. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]+/g;

/**
 * Escapes text for SVG and HTML, including attributes. Characters that XML cannot contain are replaced, and marks of
 * direction are shown as escapes.
 */
export const escapeXml = (text: string): string =>
  text
    .replace(NOT_XML, '\ufffd')
    .replace(DIRECTION, plainText)
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** Formats a coordinate, rounded to a tenth of a pixel. */
export const round = (n: number): string => String(Math.round(n * 10) / 10);

/** Shortens a text to at most `length` characters. */
export function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
