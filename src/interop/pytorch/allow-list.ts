import { isInteger } from '../../errors/arguments.js';
import type { NumberFormat } from '../numbers.js';
import { type AllowList, type Callable, OrderedDict, PickleError } from './pickle.js';
import { type Storage, TensorView } from './view.js';

/** Placeholder for values in a checkpoint that are not needed, such as the name of a device. */
const OPAQUE = Object.freeze({ kind: 'opaque' });

/** A storage class, such as torch.FloatStorage. */
interface StorageType {
  readonly storageType: NumberFormat;
}

/** A PyTorch dtype such as `torch.float32`; `dtype` is undefined if it is not supported. */
interface Dtype {
  readonly dtype: NumberFormat | undefined;
  readonly name: string;
}

const STORAGES: Readonly<Record<string, NumberFormat>> = {
  FloatStorage: 'F32',
  DoubleStorage: 'F64',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
  // Its size is in bytes; the dtype is given by each tensor.
  UntypedStorage: 'U8',
};

const DTYPES: Readonly<Record<string, NumberFormat | undefined>> = {
  float32: 'F32',
  float: 'F32',
  float64: 'F64',
  double: 'F64',
  float16: 'F16',
  half: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  uint16: 'U16',
  uint32: 'U32',
  uint64: 'U64',
  bool: 'BOOL',
  // Dtypes without support may occur in entries other than the weights.
  complex64: undefined,
  complex128: undefined,
  float8_e4m3fn: undefined,
  float8_e5m2: undefined,
};

const MODULES = new Set(['torch', 'torch.cuda', 'torch.storage']);

const callable = (name: string, call: Callable['call']): Callable => ({ name, call });

/**
 * All globals that a file may name: those of `torch.load(weights_only=True)` that are needed for weights. Each creates
 * plain data in time and memory proportional to its arguments.
 */
const CALLABLES: readonly Callable[] = [
  callable('collections.OrderedDict', (args) => orderedDict(args)),
  callable('collections.Counter', ([first]) => (first instanceof Map ? first : new Map())),
  callable('torch._utils._rebuild_tensor', (args) => rebuild(args)),
  callable('torch._utils._rebuild_tensor_v2', (args) => rebuild(args)),
  callable('torch._utils._rebuild_tensor_v3', (args) => rebuild(args, args[6])),
  callable('torch._utils._rebuild_parameter', ([tensor]) => parameter(tensor)),
  callable('torch.Size', ([sizes]) => sizes),
  callable('torch.device', () => OPAQUE),
  // The encoding of bytes in protocol 2.
  callable('_codecs.encode', () => OPAQUE),
  callable('builtins.set', ([items]) => items),
];

const BY_NAME = new Map(CALLABLES.map((entry) => [entry.name, entry]));
/** Protocol 2 uses the module names of Python 2. */
const OLD_MODULES: Readonly<Record<string, string>> = { __builtin__: 'builtins' };

/**
 * The environment for pickles of PyTorch files.
 * @param storage returns the storage of a key and checks that it has `count` elements
 */
export function torchAllowList(
  storage: (key: string, dtype: NumberFormat, count: number) => Storage,
): AllowList {
  return {
    global(module, name) {
      const full = `${OLD_MODULES[module] ?? module}.${name}`;
      const known = BY_NAME.get(full);
      if (known) return known;
      if (MODULES.has(module) && Object.hasOwn(STORAGES, name))
        return { storageType: STORAGES[name]! } satisfies StorageType;
      if (module === 'torch' && Object.hasOwn(DTYPES, name))
        return { dtype: DTYPES[name], name: full } satisfies Dtype;
      throw new RefusedName(`${module}.${name}`);
    },
    persistent(id) {
      if (!Array.isArray(id) || id[0] !== 'storage')
        throw new PickleError(
          Array.isArray(id) && id[0] === 'module'
            ? 'it holds a whole module with its source code'
            : 'it refers to something that is not a storage',
        );
      const [, type, key, , count, part] = id as unknown[];
      if (!isStorageType(type) || typeof key !== 'string' || !isInteger(count))
        throw new PickleError('it has a reference to a storage that is not valid');
      const whole = storage(key, type.storageType, count);
      return part === undefined || part === null ? whole : partOf(whole, part);
    },
  };
}

/** Error for a global that is not on the allow-list. */
export class RefusedName extends PickleError {
  constructor(readonly asked: string) {
    super(`it asks for ${asked}`);
  }
}

const isStorageType = (value: unknown): value is StorageType =>
  typeof value === 'object' && value !== null && 'storageType' in value;

const isDtype = (value: unknown): value is Dtype =>
  typeof value === 'object' && value !== null && 'dtype' in value && 'name' in value;

const isStorage = (value: unknown): value is Storage =>
  typeof value === 'object' && value !== null && 'key' in value && 'bytes' in value;

/** Before PyTorch 0.4 a storage could be a view of another one: (key, first, count). */
function partOf(whole: Storage, part: unknown): Storage {
  if (!Array.isArray(part) || !isInteger(part[1]) || !isInteger(part[2]))
    throw new PickleError('it has a view of a storage that is not valid');
  const [, first, count] = part as [unknown, number, number];
  if (first + count > whole.count) throw new PickleError('it has a view that reaches beyond its storage');
  return { ...whole, first: whole.first + first, count };
}

function orderedDict(args: readonly unknown[]): OrderedDict {
  const dictionary = new OrderedDict();
  if (args.length === 0) return dictionary;
  const [pairs] = args;
  // Python 2 writes a list of pairs. Emptying it bounds the work if the same list is used many times.
  if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2))
    throw new PickleError('it makes an OrderedDict of something that is not a list of pairs');
  for (const [key, value] of pairs.splice(0) as [unknown, unknown][]) dictionary.set(key, value);
  return dictionary;
}

function rebuild(args: readonly unknown[], dtype?: unknown): TensorView {
  const [storage, offset, shape, strides] = args;
  if (!isStorage(storage)) throw new PickleError('it has a tensor without a storage');
  if (dtype === undefined) return new TensorView(storage, storage.dtype, offset, shape, strides);
  if (!isDtype(dtype) || dtype.dtype === undefined)
    throw new PickleError(`it has a tensor of ${isDtype(dtype) ? dtype.name : 'an unknown type'}`);
  return new TensorView(storage, dtype.dtype, offset, shape, strides);
}

function parameter(tensor: unknown): TensorView {
  if (tensor instanceof TensorView) return tensor;
  throw new PickleError('it has a parameter without a tensor');
}
