import { CheckpointError } from '../../errors/errors.js';
import type { ByteSource } from '../../files/byte-source.js';
import { type NumberFormat, widthOf } from '../numbers.js';
import type { TensorFile } from '../tensor-file.js';
import { torchAllowList } from './allow-list.js';
import { type AllowList, PickleError, unpickle } from './pickle.js';
import { MAX_PICKLE, pickleProblem, tensorFile } from './read.js';
import type { Storage } from './view.js';

/** Magic number: the first value in the file. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
/** Bytes of the first read; for a longer pickle the read is repeated with more. */
const WINDOW = 2 ** 20;

const NOTHING: AllowList = {
  global: (module, name) => {
    throw new PickleError(`it asks for ${module}.${name} where only numbers are expected`);
  },
  persistent: () => {
    throw new PickleError('it refers to a storage where only numbers are expected');
  },
};

/**
 * Opens a file in PyTorch's format from before 1.6, still written on request: five consecutive pickles (magic number,
 * version, platform, object, keys of the storages), then the storages, each as an 8-byte element count and the elements.
 *
 * @throws CheckpointError for anything but weights; no code in the file is run
 */
export async function openLegacyPytorch(source: ByteSource): Promise<TensorFile> {
  const storages = new Map<string, Storage & { begin: number }>();
  const allowed = torchAllowList((key, dtype, count) => {
    const known = storages.get(key);
    if (known && (known.dtype !== dtype || known.count !== count))
      throw new PickleError(`its storage ${key} is described in two ways`);
    const storage = known ?? legacyStorage(source, key, dtype, count);
    storages.set(key, storage);
    return storage;
  });
  try {
    const reader = new Pickles(source);
    if ((await reader.next(NOTHING)) !== MAGIC)
      throw new PickleError('it is a Python pickle that torch.save did not write');
    const protocol = await reader.next(NOTHING);
    if (protocol !== PROTOCOL) throw new PickleError(`its version is ${protocol}, not ${PROTOCOL}`);
    const machine = await reader.next(NOTHING);
    if (machine instanceof Map && machine.get('little_endian') === false)
      throw new PickleError('it comes from a big-endian machine');
    const root = await reader.next(allowed);
    const keys = await reader.next(NOTHING);
    await place(source, keys, storages, reader.at);
    return tensorFile(source, 'a PyTorch file in the older format', root);
  } catch (error) {
    throw pickleProblem(source.name, error);
  }
}

/** Determines the position of each storage, which depends on the sizes of those before it. */
async function place(
  source: ByteSource,
  keys: unknown,
  storages: ReadonlyMap<string, Storage & { begin: number }>,
  from: number,
): Promise<void> {
  if (!Array.isArray(keys)) throw new PickleError('its list of storages is missing');
  let at = from;
  const seen = new Set<unknown>();
  for (const key of keys as unknown[]) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || seen.has(key))
      throw new PickleError(`it lists a storage ${String(key)} that no tensor uses`);
    seen.add(key);
    const head = new Uint8Array(8);
    if (at + 8 > source.size) throw new PickleError(`it ends before its storage ${storage.key}`);
    await source.read(head, at);
    const count = Number(new DataView(head.buffer).getBigInt64(0, true));
    const bytes = count * widthOf(storage);
    if (count !== storage.count)
      throw new PickleError(`its storage ${storage.key} has ${count} numbers, not ${storage.count}`);
    if (at + 8 + bytes > source.size) throw new PickleError(`it ends inside its storage ${storage.key}`);
    storage.begin = at + 8;
    at += 8 + bytes;
  }
  const lost = [...storages.keys()].find((key) => !seen.has(key));
  if (lost !== undefined) throw new PickleError(`its storage ${lost} is missing`);
}

function legacyStorage(
  source: ByteSource,
  key: string,
  dtype: NumberFormat,
  count: number,
): Storage & { begin: number } {
  if (count * widthOf({ dtype }) > source.size)
    throw new PickleError(`its storage ${key} is longer than the file: ${count} numbers of ${dtype}`);
  const storage = {
    key,
    dtype,
    first: 0,
    count,
    begin: Number.NaN,
    bytes: (into: Uint8Array, position: number) => source.read(into, storage.begin + position),
  };
  return storage;
}

/** Reads consecutive pickles, whose lengths are not stored. */
class Pickles {
  at = 0;
  #window = WINDOW;

  constructor(readonly source: ByteSource) {}

  async next(allowed: AllowList): Promise<unknown> {
    for (;;) {
      const left = this.source.size - this.at;
      const bytes = new Uint8Array(Math.min(this.#window, left));
      await this.source.read(bytes, this.at);
      try {
        const { value, end } = unpickle(bytes, allowed);
        this.at += end;
        return value;
      } catch (error) {
        const more = error instanceof PickleError && error.ended && bytes.length < left;
        if (!more) throw error;
        if (this.#window >= MAX_PICKLE)
          throw new CheckpointError({
            what: `${this.source.name} has a pickle that is too long`,
            expected: `at most ${MAX_PICKLE} bytes`,
            got: 'more',
          });
        this.#window *= 4;
      }
    }
  }
}
