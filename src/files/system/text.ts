import type { ErrorParts, PaperweightError } from '../../errors/errors.js';

/**
 * The text of a file that a user wrote: UTF-8, or UTF-16 with its byte order mark, which PowerShell's `>` writes. The mark
 * is left out.
 *
 * @param file for messages
 * @param Kind the class of the error
 * @throws an error for other bytes, such as those of a code page
 */
export function textOf(
  file: string,
  bytes: Uint8Array,
  Kind: new (parts: ErrorParts) => PaperweightError,
): string {
  try {
    return new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Kind({
      what: `${file} is not a text in UTF-8`,
      expected: 'UTF-8',
      got: 'other bytes',
      next: 'save it as UTF-8 in an editor',
      cause,
    });
  }
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}
