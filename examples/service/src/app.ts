import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type Classifier, DataError, type Guess, type Image } from 'paperweight';
import { Batcher, BusyError } from './batcher.js';
import { batchSizes, classify } from './model.js';

export interface Limits {
  /** Most images of one forward pass. */
  readonly maxBatch: number;
  /** How long an image waits for others when nothing else is computed, in milliseconds. */
  readonly maxWaitMs: number;
  /** Most requests that are read, decoded, waiting or computed at a time; more get 503. */
  readonly maxQueue: number;
  /** Most bytes of a request. */
  readonly maxBytes: number;
  /** Most pixels of an image: a small file can hold a huge one. */
  readonly maxPixels: number;
}

export const LIMITS: Limits = {
  maxBatch: 16,
  maxWaitMs: 5,
  maxQueue: 64,
  maxBytes: 10 * 2 ** 20,
  maxPixels: 2 ** 25,
};

const TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/tiff', 'image/avif'];
/** Most images of one multipart request. */
const MAX_FILES = 8;
const RETRY_AFTER_SECONDS = 1;

/** A request that cannot be answered: the message and the status of the response. */
class Refusal extends Error {
  constructor(
    readonly status: ContentfulStatusCode,
    message: string,
  ) {
    super(message);
  }
}

export interface Service {
  readonly app: Hono;
  /** From now on new requests are refused; resolves when those in progress have been answered. */
  drain(): Promise<void>;
}

/**
 * `POST /classify` takes an image as the body, or images in the multipart field `image`; `?top=3` says how many
 * classes to name. `GET /health` says whether the service takes requests.
 */
export function createService(classifier: Classifier, limits: Limits = LIMITS): Service {
  const sizes = batchSizes(limits.maxBatch);
  const batcher = new Batcher<Image, Guess[]>((images) => classify(classifier, images, sizes), {
    maxBatch: limits.maxBatch,
    maxWaitMs: limits.maxWaitMs,
    maxQueue: limits.maxQueue * MAX_FILES,
  });
  let busy = 0;
  let stopping = false;
  let idle = () => {};
  const app = new Hono();

  app.get('/health', (c) =>
    c.json(
      {
        status: stopping ? 'stopping' : 'ok',
        device: classifier.device.name,
        classes: classifier.classes,
        requests: busy,
        waiting: batcher.waiting,
        ...batcher.counts,
      },
      stopping ? 503 : 200,
    ),
  );

  // Before the body is read: bodies and decoded images are what takes the memory.
  app.use('/classify', async (c, next) => {
    if (stopping) c.header('Connection', 'close');
    if (stopping || busy >= limits.maxQueue) throw new BusyError('The service is overloaded');
    busy++;
    try {
      await next();
    } finally {
      busy--;
      if (busy === 0) idle();
    }
  });

  app.post('/classify', async (c) => {
    const top = topOf(c.req.query('top'));
    const { signal } = c.req.raw;
    const files = await filesOf(c.req.raw, limits.maxBytes);
    const results = await Promise.all(
      files.map(async ({ name, bytes }) => {
        const image = await classifier.decode(bytes, { name, maxPixels: limits.maxPixels });
        return { name, guesses: (await batcher.submit(image, signal)).slice(0, top) };
      }),
    );
    return c.json({ results });
  });

  app.notFound((c) => c.json({ error: 'Expected POST /classify or GET /health.' }, 404));
  app.onError((error, c) => {
    if (error instanceof BusyError) {
      c.header('Retry-After', String(RETRY_AFTER_SECONDS));
      return c.json({ error: `${error.message}. Next: ask again in ${RETRY_AFTER_SECONDS} s.` }, 503);
    }
    if (error instanceof Refusal) return c.json({ error: error.message }, error.status);
    if (error instanceof DataError) return c.json({ error: error.message }, 422);
    // The client has disconnected; the answer is not received.
    if (c.req.raw.signal.aborted) return c.body(null, 408);
    console.error(error);
    return c.json({ error: 'Internal error: see the log of the service.' }, 500);
  });

  return {
    app,
    drain: () => {
      stopping = true;
      return busy === 0 ? Promise.resolve() : new Promise((resolve) => (idle = resolve));
    },
  };
}

function topOf(text: string | undefined): number {
  if (text === undefined) return 5;
  const top = Number(text);
  if (Number.isInteger(top) && top >= 1) return top;
  throw new Refusal(
    400,
    `Expected a whole number from 1 on as top; got ${JSON.stringify(text.slice(0, 40))}.`,
  );
}

/** Images of a request: the body itself, or the files of a form. */
async function filesOf(request: Request, maxBytes: number): Promise<{ name: string; bytes: Uint8Array }[]> {
  const header = request.headers.get('content-type') ?? '';
  const type = header.split(';')[0]!.trim().toLowerCase();
  const form = type === 'multipart/form-data';
  if (!form) checkType('The body', type);
  const bytes = await bodyOf(request, maxBytes);
  return form ? filesOfForm(header, bytes) : [{ name: 'The body', bytes }];
}

/** All of a body; reading ends as soon as it is too long, whatever its length was said to be. */
async function bodyOf(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new Refusal(413, `The request is too large. Expected at most ${maxBytes} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function filesOfForm(header: string, body: Uint8Array<ArrayBuffer>) {
  const form = await new Response(body, { headers: { 'content-type': header } }).formData().catch(() => {
    throw new Refusal(400, 'The multipart body is broken. Expected one file or more in the field "image".');
  });
  const files = form.getAll('image');
  if (files.length === 0 || files.length > MAX_FILES)
    throw new Refusal(400, `Expected 1 to ${MAX_FILES} files in the field "image"; got ${files.length}.`);
  return Promise.all(
    files.map(async (file) => {
      if (typeof file === 'string') throw new Refusal(400, 'Expected a file in the field "image"; got text.');
      // It goes into messages: no control characters, and not a page of it.
      const name = file.name.replaceAll(/\p{Cc}/gu, '').slice(0, 100) || 'The file';
      checkType(name, file.type);
      return { name, bytes: new Uint8Array(await file.arrayBuffer()) };
    }),
  );
}

/** Its bytes are checked by the decoder; this is for those who send something else by mistake. */
function checkType(name: string, type: string): void {
  if (TYPES.includes(type)) return;
  throw new Refusal(
    415,
    `${name} is of no type that can be read. Expected ${TYPES.join(', ')}; got ${type || 'none'}.`,
  );
}
