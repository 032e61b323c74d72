import { printableLines } from '../errors/printable.js';

/**
 * A text of a file as pages and images show it: control characters, and marks that change the direction of the text
 * after them, as escapes.
 */
export const plainText = (text: string): string => printableLines(text);
