import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type AnySet, isFloatSet } from '../../data/dataset.js';
import { isArrayValue, type Packed, pack } from '../../data/samples/sample.js';
import { isTypedArray, makeArray } from '../../graph/types.js';

/** Sets of images up to this size in bytes are compared whole. */
const WHOLE = 2 ** 30;
/** Number of images that are compared of larger sets, of files that have to be decoded, and of samples of other kinds. */
const SAMPLE = 64;
/** Bytes that are read between two turns of the event loop. */
const TURN = 2 ** 22;

/**
 * A hash of what a data set contains: all images and labels, or 64 evenly spread ones of image files, of sets above 1 GiB
 * and of other samples. Undefined for sets that are read from beginning to end, and for those whose samples are not the
 * same when they are read again.
 */
export async function contentsOf(set: AnySet): Promise<string | undefined> {
  const read = readerOf(set);
  if (!read) return 'contents' in set ? set.contents?.() : undefined;
  const { length, bytes, values } = read;
  const count = bytes * length <= WHOLE ? length : Math.min(length, SAMPLE);
  const hash = createHash('sha256');
  let since = 0;
  for (let i = 0; i < count; i++) {
    const index = Math.floor((i * length) / count);
    const found = await valuesAt(values, index);
    if (i < 2 || count < length) {
      const before = digestOf(found);
      // Such as images that are augmented at random.
      if (digestOf(await valuesAt(values, index)) !== before) return undefined;
    }
    for (const one of found) hash.update(one);
    since += bytes;
    if (since < TURN && Number.isFinite(bytes)) continue;
    since = 0;
    await setImmediate();
  }
  return hash.digest('hex');
}

type Values = readonly (Uint8Array | string)[];

interface Reader {
  readonly length: number;
  /** Of one image; infinite if reading takes long. */
  readonly bytes: number;
  readonly values: (index: number) => Values | Promise<Values>;
}

/** How a set is read; undefined if it is not. */
function readerOf(set: AnySet): Reader | undefined {
  if ('iterate' in set || ('contents' in set && set.contents)) return undefined;
  const { length } = set;
  if ('get' in set) {
    const values = async (index: number) => partsOf(await pack(await set.get(index), set.name));
    return { length, bytes: Number.POSITIVE_INFINITY, values };
  }
  const size = set.imageShape.reduce((a, b) => a * b, 1);
  const image = makeArray(isFloatSet(set) ? 'float32' : 'uint8', new ArrayBuffer(size * 4), 0, size);
  const bytes = new Uint8Array(image.buffer, 0, image.byteLength);
  if (set.readMany) {
    const label = new Int32Array(1);
    const values = async (index: number) => {
      await set.readMany!([index], image as never, label);
      return [bytes.slice(), `${label[0]}`];
    };
    return { length, bytes: Number.POSITIVE_INFINITY, values };
  }
  return { length, bytes: bytes.length, values: (index) => [bytes, `${set.read(index, image as never, 0)}`] };
}

function digestOf(values: Values): string {
  const hash = createHash('sha256');
  for (const one of values) hash.update(one);
  return hash.digest('hex');
}

/** Texts, numbers, shapes and the bytes of arrays. */
function partsOf(value: Packed): Values {
  if (typeof value === 'string' || typeof value === 'number') return [`${value};`];
  if (isTypedArray(value)) return [new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  if (isArrayValue(value)) return [`[${value.shape.join()}]`, ...partsOf(value.data)];
  return Object.entries(value).flatMap(([name, one]) => [`${name}:`, ...partsOf(one as Packed)]);
}

/** An image that cannot be read is reported when it is loaded for training. */
async function valuesAt(values: Reader['values'], index: number): Promise<Values> {
  try {
    return await values(index);
  } catch {
    return ['unreadable'];
  }
}
