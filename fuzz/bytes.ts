import type { Positioned } from '../src/files/positioned.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** A byte array with the interface of an open file. */
export const sourceOf = (bytes: Uint8Array): Positioned => ({
  async read(into, offset, length, position) {
    const piece = bytes.subarray(position, position + length);
    into.set(piece, offset);
    return { bytesRead: piece.length };
  },
});

export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
