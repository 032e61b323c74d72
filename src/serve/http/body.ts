import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { FORMATS, formatOf, kindOf } from '../../data/images/formats/format.js';
import type { Body, Route } from '../route-table.js';
import { RequestError } from './request-error.js';
import type { Call } from './router.js';

const MAX_JSON = 2 ** 16;
const MAX_IMAGE = 10 * 2 ** 20;

const typeOf = (request: IncomingMessage): string =>
  (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();

/** @throws RequestError 413 if the body exceeds `most` bytes; the rest is not read */
async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  const tooLarge = (got: string) =>
    new RequestError(413, {
      what: 'The body of the request is too large',
      expected: `at most ${most} bytes`,
      got,
      next: 'send less',
    });
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > most) throw tooLarge(`${announced} bytes`);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > most) throw tooLarge('more');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** An issue as part of a sentence: `entry 4 of tags: Expected a length of 1 to 50; got 200`. */
const described = ({ path, message }: z.core.$ZodIssue): string => {
  const place = path.reduce<string>((before, key) => {
    if (typeof key === 'number') return `entry ${key + 1} of ${before || 'the list'}`;
    return before === '' ? String(key) : `${String(key)} of ${before}`;
  }, '');
  return place === '' ? message : `${place}: ${message}`;
};

/** The JSON body of a call. */
export async function jsonBody<R extends Route>(
  { request }: Call<R>,
  schema: z.ZodType<Body<R>>,
): Promise<Body<R>> {
  const type = typeOf(request);
  if (type !== 'application/json')
    throw new RequestError(415, {
      what: 'The body has the wrong type',
      expected: 'application/json',
      got: type || 'no Content-Type',
    });
  const text = (await readBody(request, MAX_JSON)).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RequestError(400, { what: 'The body is not JSON', got: (error as Error).message });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RequestError(400, {
    what: 'The body has the wrong form',
    got: parsed.error.issues.map(described).join('; '),
  });
}

/**
 * The image in the body of a request, in any format that image folders may contain. It is recognised by its first
 * bytes, not by the `Content-Type`; decoding validates the rest.
 */
export async function imageBody(request: IncomingMessage): Promise<Buffer> {
  const bytes = await readBody(request, MAX_IMAGE);
  if (formatOf(bytes)) return bytes;
  throw new RequestError(415, {
    what: 'The body is not a supported image',
    expected: FORMATS,
    got: kindOf(bytes),
    next: 'choose another file',
  });
}
