import { plainText } from './plain-text.js';
import { cut, widthOf } from './text-width.js';

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

/** Shortens a text to at most `width` columns: narrow characters, of which a Chinese one takes two. */
export const shorten = (text: string, width: number): string =>
  widthOf(text) <= width ? text : `${cut(text, width - 1)}…`;
