import { CheckpointError } from '../../errors/errors.js';
import { checkEndianness } from '../../files/byte-source.js';
import { countOf, type FileArray, type NumberFormat, viewBytes, widthOf } from '../numbers.js';
import type { ArraySource } from '../safetensors/index.js';
import { type ZipSource, zipPieces } from './zip-write.js';

/** PyTorch's storage class of each dtype. */
const STORAGES: Readonly<Partial<Record<NumberFormat, string>>> = {
  F32: 'FloatStorage',
  F64: 'DoubleStorage',
  F16: 'HalfStorage',
  BF16: 'BFloat16Storage',
  I64: 'LongStorage',
  I32: 'IntStorage',
  I16: 'ShortStorage',
  I8: 'CharStorage',
  U8: 'ByteStorage',
  BOOL: 'BoolStorage',
};

/** The folder inside the archive; PyTorch accepts any name. */
const ROOT = 'archive';

/**
 * The bytes of a .pth file with a state dict, as chunks for `writeFileAtomic`: the format of `torch.save` since PyTorch
 * 1.6, readable by `torch.load(…, weights_only=True)`. Equal input gives equal bytes.
 *
 * @param tensors by name, in the order of the state dict. A tensor with several names is stored once and shares its
 *   storage in PyTorch too. The data must not change until the last chunk is consumed.
 * @throws CheckpointError for a dtype without a storage class in PyTorch, and for files of 4 GiB or more
 */
export function pytorchPieces(
  tensors: ReadonlyMap<string, FileArray | ArraySource>,
): AsyncIterable<Uint8Array> {
  checkEndianness();
  const keys = new Map<FileArray | ArraySource, string>();
  for (const tensor of tensors.values()) if (!keys.has(tensor)) keys.set(tensor, String(keys.size));
  const records: ZipSource[] = [
    whole('data.pkl', stateDict(tensors, keys)),
    whole('byteorder', Buffer.from('little')),
    ...[...keys].map(([tensor, key]) => ({
      name: `${ROOT}/data/${key}`,
      size: countOf(tensor) * widthOf(tensor),
      pieces: 'pieces' in tensor ? tensor.pieces : () => [viewBytes(tensor.data)],
    })),
    whole('version', Buffer.from('3\n')),
  ];
  return zipPieces(records);
}

const whole = (name: string, bytes: Buffer): ZipSource => ({
  name: `${ROOT}/${name}`,
  size: bytes.length,
  pieces: () => [bytes],
});

/** Writes the pickle (protocol 2) of an OrderedDict of tensors. */
function stateDict(
  tensors: ReadonlyMap<string, FileArray | ArraySource>,
  keys: ReadonlyMap<FileArray | ArraySource, string>,
): Buffer {
  const parts: Buffer[] = [];
  const put = (...bytes: number[]) => parts.push(Buffer.from(bytes));
  const code = (text: string) => parts.push(Buffer.from(text, 'latin1'));
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    const head = Buffer.alloc(5, 'X');
    head.writeUInt32LE(bytes.length, 1);
    parts.push(head, bytes);
  };
  const integer = (value: number) => {
    if (value < 256) return put(0x4b, value);
    if (value < 2 ** 31) {
      const bytes = Buffer.alloc(5, 'J');
      bytes.writeInt32LE(value, 1);
      return parts.push(bytes);
    }
    const bytes = Buffer.alloc(10);
    bytes.set([0x8a, 8]);
    bytes.writeBigInt64LE(BigInt(value), 2);
    return parts.push(bytes);
  };
  const integers = (values: readonly number[]) => {
    code('(');
    for (const value of values) integer(value);
    code('t');
  };
  const orderedDict = () => code('ccollections\nOrderedDict\n)R');

  put(0x80, 2);
  orderedDict();
  code('(');
  for (const [name, tensor] of tensors) {
    const storage = STORAGES[tensor.dtype];
    if (storage === undefined)
      throw new CheckpointError({
        what: `tensor "${name}" cannot be saved for PyTorch`,
        expected: `one of the dtypes ${Object.keys(STORAGES).join(', ')}`,
        got: tensor.dtype,
      });
    text(name);
    // _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, backward_hooks)
    code('ctorch._utils\n_rebuild_tensor_v2\n((');
    text('storage');
    code(`ctorch\n${storage}\n`);
    text(keys.get(tensor)!);
    text('cpu');
    integer(countOf(tensor));
    code('tQ');
    integer(0);
    integers(tensor.shape);
    integers(tensor.shape.map((_, i) => Math.max(1, countOf({ shape: tensor.shape.slice(i + 1) }))));
    put(0x89);
    orderedDict();
    code('tR');
  }
  code('u.');
  return Buffer.concat(parts);
}
