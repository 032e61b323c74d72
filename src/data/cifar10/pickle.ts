import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { counted } from '../../errors/counted.js';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { type AllowList, PickleError, unpickle } from '../../interop/pytorch/pickle.js';
import { CLASSES, RECORD } from './format.js';

/** Name of the folder inside the archive for Python. */
const CIFAR10_PYTHON_FOLDER = 'cifar-10-batches-py';
const TRAIN = [1, 2, 3, 4, 5].map((n) => `data_batch_${n}`);
const TEST = 'test_batch';
const PIXELS = RECORD - 1;

/** A NumPy array under construction. */
class NumpyArray {
  shape: unknown;
  bytes: unknown;
  type: unknown;
}

const bytesOf = (text: unknown) =>
  typeof text === 'string' ? Uint8Array.from(Buffer.from(text, 'latin1')) : text;

/** The only globals that these pickles may name: NumPy arrays and their dtypes. No code runs. */
const ALLOWED: AllowList = {
  byteStrings: true,
  global(module, name) {
    const full = `${module}.${name}`;
    if (/^numpy(\._?core)?\.multiarray\._reconstruct$/.test(full))
      return { name: full, call: () => new NumpyArray() };
    if (/^numpy(\._?core)?\.numeric\._frombuffer$/.test(full))
      return {
        name: full,
        call: ([bytes, type, shape]: readonly unknown[]) =>
          Object.assign(new NumpyArray(), { bytes, type, shape }),
      };
    if (full === 'numpy.ndarray') return { name: full };
    if (full === 'numpy.dtype') return { name: full, call: ([type]: readonly unknown[]) => ({ type }) };
    if (full === '_codecs.encode') return { name: full, call: ([text]: readonly unknown[]) => bytesOf(text) };
    throw new PickleError(`it asks for ${full}`);
  },
  persistent() {
    throw new PickleError('it refers to data outside of the file');
  },
  build(object, state) {
    if (object instanceof NumpyArray && Array.isArray(state)) {
      const [, shape, type, , bytes] = state as unknown[];
      Object.assign(object, { shape, type, bytes: bytesOf(bytes) });
    }
  },
};

/** The folder of a CIFAR-10 archive for Python at or below `root`. */
export async function findPickled(root: string): Promise<string | undefined> {
  for (const folder of [root, path.join(root, CIFAR10_PYTHON_FOLDER)])
    if (await stat(path.join(folder, TRAIN[0]!)).catch(() => undefined)) return folder;
  return undefined;
}

/** Reads the archive for Python as records of the binary version. @throws DataError for a file that is not valid */
export async function readPickled(folder: string, train: boolean): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const name of train ? TRAIN : [TEST]) parts.push(await recordsOf(path.join(folder, name)));
  const records = new Uint8Array(new SharedArrayBuffer(parts.reduce((sum, { length }) => sum + length, 0)));
  let at = 0;
  for (const part of parts) {
    records.set(part, at);
    at += part.length;
  }
  return records;
}

async function recordsOf(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((error) => {
    throw diskError(error, `cannot read ${file}`, DataError);
  });
  return recordsFrom(file, bytes);
}

/** {@link parsePickled} with the name of the file in its error. @throws DataError */
export function recordsFrom(file: string, bytes: Uint8Array): Uint8Array {
  try {
    return parsePickled(bytes);
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    throw new DataError({
      what: `${file} is not a file of CIFAR-10 for Python`,
      expected: 'a pickle with "data" and "labels"',
      got: error.message,
      next: 'fetch the archive again',
      cause: error,
    });
  }
}

/** @throws PickleError */
export function parsePickled(bytes: Uint8Array): Uint8Array {
  const { value } = unpickle(bytes, ALLOWED);
  if (!(value instanceof Map)) throw new PickleError('it is not a dictionary');
  const entries = new Map(
    [...value].map(([key, item]) => [
      key instanceof Uint8Array ? Buffer.from(key).toString('latin1') : key,
      item,
    ]),
  );
  const [data, labels] = [entries.get('data'), entries.get('labels')];
  if (!(data instanceof NumpyArray) || !(data.bytes instanceof Uint8Array) || !Array.isArray(labels))
    throw new PickleError('its "data" is not an array of bytes, or its "labels" are not a list');
  const pixels = data.bytes;
  if (pixels.length !== labels.length * PIXELS)
    throw new PickleError(
      `it has ${counted(labels.length, 'label')} and ${counted(pixels.length, 'byte')} of images`,
    );
  const records = new Uint8Array(labels.length * RECORD);
  for (const [i, label] of labels.entries()) {
    if (!Number.isInteger(label) || label < 0 || label >= CLASSES.length)
      throw new PickleError(`image ${i} has the label ${String(label)}, not 0 to ${CLASSES.length - 1}`);
    records[i * RECORD] = label;
    records.set(pixels.subarray(i * PIXELS, (i + 1) * PIXELS), i * RECORD + 1);
  }
  return records;
}
