/** The inside of a decoding thread: reads an image's bytes and makes a square of them. */
import { DataError } from '../../errors/errors.js';
import { answerRequests } from '../worker-answers.js';
import { decodeSquare } from './decode.js';
import { readPart } from './read-part.js';
import type { FilePart } from './source.js';

export interface DecodeRequest {
  readonly part: FilePart;
  /** What messages call the image. */
  readonly name: string;
  readonly side: number;
  /** 3 × side × side bytes, handed over; they come back with the answer. */
  readonly into: Uint8Array<ArrayBuffer>;
}

export interface DecodeAnswer {
  readonly square: Uint8Array<ArrayBuffer>;
  /** Why it is none: the bytes are no whole image. */
  readonly unreadable?: string;
}

answerRequests<DecodeRequest, DecodeAnswer>(
  async ({ part, name, side, into }) => {
    const bytes = readPart(part, name);
    try {
      await decodeSquare(bytes, side, into);
      return { square: into };
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      return { square: into, unreadable: `${error.what}: ${error.got}` };
    }
  },
  ({ square }) => [square.buffer],
);
