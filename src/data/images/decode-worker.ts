/** Entry point of a decoding thread: decodes images and crops them to squares. */
import { DataError } from '../../errors/errors.js';
import { answerRequests } from '../worker-answers.js';
import { type DecodeOptions, type Square, squareOf } from './decode.js';
import { readPart } from './read-part.js';
import { roomForPixels, shrinkToSquare } from './shrink/shrink.js';
import type { FilePart } from './source.js';
import type { Image } from './square-image.js';

/** Request for the square of a file of a data set; a damaged file is reported in the answer, not thrown. */
export interface FileRequest {
  readonly part: FilePart;
  /** Name of the image, for messages. */
  readonly name: string;
  readonly side: number;
  readonly orientation: DecodeOptions['orientation'];
  /** Receives 3 × side × side bytes. The buffer is transferred and returned with the answer. */
  readonly into: Uint8Array<ArrayBuffer>;
}

/** Request for the square of the bytes of a file. */
export interface BytesRequest extends Omit<DecodeOptions, 'into'> {
  readonly bytes: Uint8Array;
}

/** Request to scale a square to another size. */
export interface ScaleRequest {
  readonly square: Image;
  readonly side: number;
}

export interface DecodeAnswer {
  readonly square: Square;
  /** Why the file could not be decoded; undefined if it could. */
  readonly unreadable?: string;
}

async function fromFile({ part, name, side, orientation, into }: FileRequest): Promise<DecodeAnswer> {
  const bytes = readPart(part, name);
  const square = { data: into, side };
  try {
    await squareOf(bytes, { side, into, orientation });
    return { square };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { square, unreadable: `${error.what}: ${error.got}` };
  }
}

function scaled({ square: { data: planes, side: own }, side }: ScaleRequest): Square {
  const size = { width: own, height: own };
  const area = own * own;
  const pixels = roomForPixels(size, side);
  for (let i = 0; i < area; i++)
    pixels[i] = planes[i]! | (planes[area + i]! << 8) | (planes[2 * area + i]! << 16);
  const data = new Uint8Array(3 * side * side);
  shrinkToSquare(pixels, size, side, data);
  return { data, side };
}

answerRequests<FileRequest | BytesRequest | ScaleRequest, DecodeAnswer>(
  async (request) => {
    if ('part' in request) return fromFile(request);
    if ('square' in request) return { square: scaled(request) };
    const { bytes, ...options } = request;
    return { square: await squareOf(bytes, options) };
  },
  ({ square }) => [square.data.buffer],
);
