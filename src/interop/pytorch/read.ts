import { basename } from 'node:path';
import { CheckpointError } from '../../errors/errors.js';
import { quoted } from '../../errors/excerpt.js';
import { type ByteSource, checkEndianness } from '../../files/byte-source.js';
import { countOf, type NumberFormat, widthOf } from '../numbers.js';
import type { TensorFile } from '../tensor-file.js';
import { RefusedName, torchAllowList } from './allow-list.js';
import { PickleError, unpickle } from './pickle.js';
import { findStateDict } from './state-dict.js';
import type { Storage } from './view.js';
import { openZip, type ZipRecord } from './zip.js';

/** Maximum size of a pickle in bytes; a state dict takes about 200 bytes per tensor. */
export const MAX_PICKLE = 2 ** 26;

/** Bytes that tensors may always take, however small the file. */
const SPARE = 2 ** 24;

const ALONE = "in Python, save the tensors alone: torch.save(model.state_dict(), 'weights.pth')";

/** Turns a PickleError into an error that names the file. */
export function pickleProblem(file: string, error: unknown): unknown {
  if (!(error instanceof PickleError)) return error;
  if (
    error instanceof RefusedName &&
    /^(?:torch\.nn\.|torchvision\.models\.|timm\.|__main__\.)/.test(error.asked)
  )
    return new CheckpointError({
      what: `${file} is refused: it holds a whole model with its class ${error.asked}, as torch.save(model, …) writes`,
      expected: 'only tensors; no code in a file is run',
      got: error.asked,
      next: `in Python, where that class is and if you trust the file: model = torch.load('${basename(file)}', weights_only=False); torch.save(model.state_dict(), 'weights.pth')`,
      cause: error,
    });
  if (error instanceof RefusedName)
    return new CheckpointError({
      what: `${file} is refused: it asks for ${error.asked}`,
      expected: 'only tensors, dictionaries, strings and numbers; no code in a file is run',
      got: error.asked,
      next: ALONE,
      cause: error,
    });
  return new CheckpointError({
    what: `${file} cannot be read as PyTorch's weights: ${error.message}`,
    next: ALONE,
    cause: error,
  });
}

/**
 * The weights in the object that `torch.save` wrote.
 * @throws CheckpointError if there are none, or if they would take far more memory than the size of the file
 */
export function tensorFile(source: ByteSource, format: string, root: unknown): TensorFile {
  checkEndianness();
  const { tensors, notes } = findStateDict(source.name, root);
  // Views with stride 0, or many tensors that share one storage, are small in a file and large in memory.
  const bytes = [...tensors.values()].reduce((sum, tensor) => sum + countOf(tensor) * widthOf(tensor), 0);
  if (bytes > 4 * source.size + SPARE)
    throw new PickleError(`its tensors are ${bytes} bytes in a file of ${source.size}`);
  // A strided view is read together with all elements between its own.
  const touched = [...tensors.values()].reduce((sum, { spanBytes }) => sum + spanBytes, 0);
  if (touched > 64 * source.size + SPARE)
    throw new PickleError(`its tensors are spread over ${touched} bytes in a file of ${source.size}`);
  return {
    format,
    tensors,
    notes,
    metadata: {},
    async read(name) {
      const tensor = tensors.get(name);
      if (!tensor) throw new CheckpointError({ what: `${source.name} has no tensor "${name}"` });
      return tensor.read();
    },
  };
}

/**
 * Opens a file written by `torch.save` of PyTorch 1.6 or later: a zip archive with a pickle that describes the tensors,
 * and one record for the elements of each storage.
 *
 * @throws CheckpointError for anything but weights; no code in the file is run
 */
export async function openPytorch(source: ByteSource): Promise<TensorFile> {
  const zip = await openZip(source);
  const names = [...zip.records.keys()];
  const pickle = names.filter((name) => /(^|\/)data\.pkl$/.test(name)).sort((a, b) => a.length - b.length)[0];
  const problem = (what: string, expected: string, got: string) =>
    new CheckpointError({ what: `${source.name} ${what}`, expected, got, next: ALONE });
  if (pickle === undefined)
    throw problem(
      `is ${kindOfZip(names)}, but not one of PyTorch`,
      'a record data.pkl',
      names
        .slice(0, 4)
        .map((name) => quoted(name).slice(1, -1))
        .join(', ') || 'an empty archive',
    );
  const root = pickle.slice(0, -'data.pkl'.length);
  if (zip.records.has(`${root}constants.pkl`))
    throw new CheckpointError({
      what: `${source.name} is a TorchScript program`,
      expected: 'weights',
      got: 'a network with its code, which torch.jit.save wrote',
      next: `in Python, save its weights: torch.save(torch.jit.load('${basename(source.name)}').state_dict(), 'weights.pth')`,
    });
  const text = async (name: string): Promise<Uint8Array> => {
    const record = await zip.find(name);
    if (record.size > MAX_PICKLE)
      throw problem(
        `has a record ${name} that is too long`,
        `at most ${MAX_PICKLE} bytes`,
        `${record.size} bytes`,
      );
    const bytes = new Uint8Array(record.size);
    await source.read(bytes, record.begin);
    return bytes;
  };
  if (zip.records.has(`${root}byteorder`)) {
    const order = new TextDecoder().decode(await text(`${root}byteorder`));
    if (order !== 'little') throw problem('comes from a big-endian machine', 'byte order little', order);
  }
  try {
    const storages = new Map<string, Storage>();
    const allowed = torchAllowList((key, dtype, count) =>
      zipStorage(source, zip, `${root}data/${key}`, dtype, count, storages),
    );
    const { value } = unpickle(await text(pickle), allowed);
    return tensorFile(source, 'a PyTorch file', value);
  } catch (error) {
    throw pickleProblem(source.name, error);
  }
}

/** Describes a zip file without a pickle, by the names in it. */
function kindOfZip(names: readonly string[]): string {
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/(^|\/)model\.weights\.h5$/)) return 'a zip file of Keras (.keras)';
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) return 'a zip file of NumPy (.npz)';
  if (has(/(^|\/)(archive_format|models\/\w+\.json)$/)) return 'a zip file of torch.export (.pt2)';
  const inside = names.find((name) => /\.(pth?|ckpt|safetensors|onnx)$/i.test(name));
  if (inside !== undefined) return `a zip file that has ${quoted(inside)} in it, to be unpacked before`;
  return 'a zip file';
}

type Zip = Awaited<ReturnType<typeof openZip>>;

function zipStorage(
  source: ByteSource,
  zip: Zip,
  name: string,
  dtype: NumberFormat,
  count: number,
  known: Map<string, Storage>,
): Storage {
  const id = `${name} ${dtype} ${count}`;
  const before = known.get(id);
  if (before) return before;
  const listed = zip.records.get(name);
  if (!listed) throw new PickleError(`its storage ${name} is missing`);
  if (listed.size !== count * widthOf({ dtype }))
    throw new PickleError(
      `its storage ${name} has the wrong size: ${count} elements of ${dtype} in ${listed.size} bytes`,
    );
  let record: Promise<ZipRecord> | undefined;
  const storage: Storage = {
    key: name,
    dtype,
    first: 0,
    count,
    async bytes(into, position) {
      record ??= zip.find(name);
      await source.read(into, (await record).begin + position);
    },
  };
  known.set(id, storage);
  return storage;
}
