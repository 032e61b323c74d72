import { grouped } from '../errors/counted.js';
import { CheckpointError } from '../errors/errors.js';
import type { ByteSource } from '../files/byte-source.js';

/** A file format often mistaken for weights or a network: its description and the advice for the error. */
interface Foreign {
  readonly what: string;
  readonly next: string;
  readonly kind?: 'onnx';
}

type Test = (first: Uint8Array, text: string) => Foreign | undefined;

/** Number of leading bytes that are inspected: tar has its signature at byte 257, and HTML may begin with comments. */
const HEAD = 1024;

const UNPACK = 'unpack it, and pass the file of weights inside it';
const AS_TENSORS =
  "save the weights as tensors with the program that made it: safetensors, or torch.save(model.state_dict(), 'weights.pth')";

/** Where only weights fit, such as for --init. */
const NOT_WEIGHTS =
  'give the weights that it was exported from (.pth or .safetensors); ONNX models are read by predict, eval, inspect and readOnnx';

/** Signatures: offset, bytes, description, advice. */
const MARKS: readonly (readonly [at: number, bytes: string, what: string, next: string])[] = [
  [257, 'ustar', 'a tar archive, as PyTorch wrote before version 0.2', UNPACK],
  [0, '\x89HDF', 'an HDF5 file, as Keras writes (.h5)', AS_TENSORS],
  [0, 'GGUF', 'a GGUF file, as llama.cpp uses', AS_TENSORS],
  [0, '\x1f\x8b', 'a gzip file', UNPACK],
  [0, 'BZh', 'a bzip2 file', UNPACK],
  [0, '\xfd7zXZ\0', 'an xz file', UNPACK],
  [0, '\x28\xb5\x2f\xfd', 'a Zstandard file', UNPACK],
  [0, '7z\xbc\xaf\x27\x1c', 'a 7z archive', UNPACK],
  [0, 'Rar!\x1a\x07', 'a RAR archive', UNPACK],
  [0, '\x93NUMPY', 'an array of NumPy (.npy)', AS_TENSORS],
  [4, 'TFL3', 'a TensorFlow Lite model', AS_TENSORS],
  [0, '\x89PNG\r\n', 'an image (PNG)', 'pass the file of weights instead'],
  [0, '\xff\xd8\xff', 'an image (JPEG)', 'pass the file of weights instead'],
  [0, '%PDF-', 'a PDF document', 'pass the file of weights instead'],
  [0, '\x7fELF', 'a program', 'pass the file of weights instead'],
];

const lfsPointer: Test = (_first, text) =>
  /^version https?:\/\/\S*(?:git-lfs|hawser)/.test(text)
    ? {
        what: `a Git LFS pointer instead of the file${sizeIn(text)}`,
        next: 'fetch the file with git lfs pull, or with the download link of its page',
      }
    : undefined;

const sizeIn = (text: string): string => {
  const size = /^size (\d{1,15})$/m.exec(text)?.[1];
  return size === undefined ? '' : `, which has ${grouped(Number(size))} bytes`;
};

const page: Test = (_first, text) => {
  const start = text.replace(/^\s*(?:<!--[\s\S]*?-->\s*|<\?xml[\s\S]*?\?>\s*)*/, '');
  return /^<(?:!doctype\s+html|html|head|body|title|meta|script)\b/i.test(start)
    ? {
        what: 'a web page (HTML): the link led to a page, a login or an error instead of the file',
        next: 'fetch the file again with its download link, and compare its size with the one on the page',
      }
    : undefined;
};

/** A TensorFlow checkpoint consists of several files; this is the index beside them. */
const tensorflow: Test = (_first, text) =>
  /^model_checkpoint_path: "/.test(text)
    ? { what: "TensorFlow's list of checkpoints, which has no weights", next: AS_TENSORS }
    : undefined;

/** Any other text, such as an error message of a server, a list or a program. */
const plainText: Test = (first, text) => {
  // The leading bytes may end inside a multi-byte character.
  if (text.length === 0 || first.some((byte) => byte === 0) || /[^\P{Cc}\t\n\r\f]/u.test(text))
    return undefined;
  if (text.slice(0, -1).includes('\ufffd')) return undefined;
  const what = /^\s*[{[]/.test(text) ? 'JSON text' : 'text';
  return {
    what: `${what} that begins with ${JSON.stringify(text.slice(0, 60))}`,
    next: 'read it: a server may have sent a message instead of the file; then fetch the file again',
  };
};

const marked: Test = (first) => {
  const found = MARKS.find(([at, bytes]) =>
    [...bytes].every((character, i) => first[at + i] === character.charCodeAt(0)),
  );
  return found && { what: found[2], next: found[3] };
};

/** A protobuf message begins with its first field: the version, then a string or a submessage of the model. */
const protobuf: Test = ([tag, version = 0, next = 0, length = 0]) => {
  if (tag !== 0x08 || version > 40 || length === 0) return undefined;
  if (version === 1 && next === 0x12)
    return { what: 'a SavedModel of TensorFlow (saved_model.pb)', next: AS_TENSORS };
  return version >= 3 && [0x12, 0x1a, 0x22, 0x3a, 0x42].includes(next)
    ? { what: 'an ONNX model', next: 'rename it so that it ends in .onnx', kind: 'onnx' }
    : undefined;
};

/** Files of weights, if a network is expected. */
const weights: Test = (first) => {
  const next = 'rename it so that it ends in .pth or .safetensors, or export the network to ONNX';
  if (first[0] === 0x50 && first[1] === 0x4b && first[2] === 3)
    return { what: 'a zip file, as torch.save writes (.pth)', next };
  if (first[0] === 0x80 && first[1]! >= 2 && first[1]! <= 5)
    return { what: 'a Python pickle, as torch.save wrote before PyTorch 1.6 (.pth)', next };
  return first[8] === 0x7b && first[7] === 0 ? { what: 'a safetensors file', next } : undefined;
};

const zeros: Test = (first) =>
  first.length >= 16 && first.every((byte) => byte === 0)
    ? {
        what: 'only zeros, as after a failed download or on a full disk',
        next: 'fetch or write the file again',
      }
    : undefined;

const nothing: Test = (first) =>
  first.length === 0
    ? { what: 'an empty file', next: 'fetch or write it again, and check that the disk is not full' }
    : undefined;

const TESTS: readonly Test[] = [
  nothing,
  lfsPointer,
  page,
  tensorflow,
  marked,
  protobuf,
  weights,
  zeros,
  plainText,
];

/** Detects formats of other kinds from the first bytes; undefined if none matches. */
function foreignFile(first: Uint8Array): Foreign | undefined {
  const text = new TextDecoder().decode(first.subarray(0, HEAD));
  for (const test of TESTS) {
    const found = test(first.subarray(0, HEAD), text);
    if (found) return found;
  }
  return undefined;
}

/**
 * Rejects a file of a known wrong format, with an error that names the format and gives advice.
 *
 * @param first the first {@link HEAD} bytes of the file, or the whole file if it is shorter
 * @param expected the expected format, for the message
 * @param own the expected kind
 * @throws CheckpointError for a known format of another kind
 */
export function refuseForeign(
  name: string,
  first: Uint8Array,
  expected: string,
  own?: Foreign['kind'],
): void {
  const found = foreignFile(first);
  if (!found || (own !== undefined && found.kind === own)) return;
  throw new CheckpointError({
    what: `${name} cannot be read as ${own === 'onnx' ? 'an ONNX model' : 'weights'}: it has another format`,
    expected,
    got: found.what,
    next: found.kind === 'onnx' && /\.onnx$/i.test(name) ? NOT_WEIGHTS : found.next,
  });
}

/** Reads the first {@link HEAD} bytes of an open file. */
export async function headOf(source: ByteSource): Promise<Uint8Array> {
  const first = new Uint8Array(Math.min(source.size, HEAD));
  await source.read(first, 0);
  return first;
}
