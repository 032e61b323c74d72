import { isInteger } from '../../../errors/arguments.js';
import { quoted } from '../../../errors/excerpt.js';
import { sizeOf } from '../../../graph/types.js';
import type { GraphProto, TensorProto } from './proto.js';
import { refuse } from './refuse.js';

/** A tensor of a file. Floating-point types become float32; integers and booleans become int32. */
export interface FileTensor {
  readonly shape: readonly number[];
  /** `TensorProto.DataType` in the file. */
  readonly type: number;
  readonly data: Float32Array | Int32Array;
}

/** Contents of external files, by the names that the model uses. */
export type ExternalFiles = ReadonlyMap<string, Uint8Array>;

type List = 'floats' | 'int32s' | 'int64s' | 'doubles' | 'uint64s';

interface Type {
  readonly name: string;
  /** Size of an element in bytes. */
  readonly width: number;
  /** The field that has the elements if they are not raw bytes. */
  readonly list: List;
  readonly float: boolean;
  readonly read: (bytes: DataView, at: number) => number;
  /** Decodes an element of the list; default: the number itself. */
  readonly listed?: (value: number) => number;
}

const half = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};
const word = new DataView(new ArrayBuffer(4));
/** bfloat16 is the upper half of a float32. */
const brain = (bits: number): number => {
  word.setUint16(2, bits & 0xffff, true);
  return word.getFloat32(0, true);
};

const integer = (name: string, width: number, read: Type['read'], list: List = 'int32s'): Type => ({
  name,
  width,
  list,
  float: false,
  read,
});

/** By `TensorProto.DataType`. Raw bytes are little-endian. */
const TYPES: Readonly<Record<number, Type>> = {
  1: { name: 'float32', width: 4, list: 'floats', float: true, read: (b, at) => b.getFloat32(at, true) },
  2: integer('uint8', 1, (b, at) => b.getUint8(at)),
  3: integer('int8', 1, (b, at) => b.getInt8(at)),
  4: integer('uint16', 2, (b, at) => b.getUint16(at, true)),
  5: integer('int16', 2, (b, at) => b.getInt16(at, true)),
  6: integer('int32', 4, (b, at) => b.getInt32(at, true)),
  7: integer('int64', 8, (b, at) => Number(b.getBigInt64(at, true)), 'int64s'),
  9: integer('bool', 1, (b, at) => b.getUint8(at)),
  10: {
    name: 'float16',
    width: 2,
    list: 'int32s',
    float: true,
    read: (b, at) => half(b.getUint16(at, true)),
    listed: half,
  },
  11: { name: 'float64', width: 8, list: 'doubles', float: true, read: (b, at) => b.getFloat64(at, true) },
  12: integer('uint32', 4, (b, at) => b.getUint32(at, true), 'uint64s'),
  13: integer('uint64', 8, (b, at) => Number(b.getBigUint64(at, true)), 'uint64s'),
  16: {
    name: 'bfloat16',
    width: 2,
    list: 'int32s',
    float: true,
    read: (b, at) => brain(b.getUint16(at, true)),
    listed: brain,
  },
};

/** Types whose values must not be clamped to int32. */
const UNSIGNED = new Set([12, 13]);

/** Whether a supported `TensorProto.DataType` is floating point; undefined if unsupported. */
export const isFloatType = (type: number): boolean | undefined => TYPES[type]?.float;

const TYPE_NAMES = Object.values(TYPES)
  .map(({ name }) => name)
  .join(', ');

/**
 * Decodes the elements of a tensor. The number of elements is checked against the shape before memory is allocated.
 * Signed integers are clamped to int32: in ONNX, huge values stand for "to the end" of an axis.
 *
 * @throws CheckpointError
 */
export function decodeTensor(proto: TensorProto, external: ExternalFiles): FileTensor {
  const what = `tensor ${quoted(proto.name)}`;
  const type = TYPES[proto.type];
  if (!type) refuse(what, `a type of ${TYPE_NAMES}`, `type ${proto.type}`);
  const shape = proto.dims;
  const count = sizeOf(shape);
  const raw = proto.external ? externalBytes(proto, external) : proto.raw;
  const lists = [proto.floats, proto.int32s, proto.int64s, proto.doubles, proto.uint64s];
  const listed = lists.reduce((total, values) => total + values.length, 0);
  if (raw && listed > 0) refuse(what, 'its elements once', 'raw bytes and a list');
  const held = raw ? raw.length / type.width : proto[type.list].length;
  if (held !== count || (!raw && listed !== held))
    refuse(
      what,
      `${count} elements of ${type.name} for [${shape.join(', ')}]`,
      raw ? `${raw.length} bytes` : `${listed}`,
      'fetch or write the file again',
    );
  const data = type.float ? new Float32Array(count) : new Int32Array(count);
  const put = type.float
    ? (i: number, value: number) => {
        data[i] = value;
        if (!Number.isFinite(data[i]!) && Number.isFinite(value))
          refuse(what, 'values that float32 can hold', String(value));
      }
    : (i: number, value: number) => {
        if (value >= 2 ** 31 && UNSIGNED.has(proto.type))
          refuse(what, 'whole numbers below 2^31', String(value));
        data[i] = Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value));
      };
  if (raw && proto.type === 1) new Uint8Array(data.buffer).set(raw);
  else if (raw) {
    const bytes = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    for (let i = 0; i < count; i++) put(i, type.read(bytes, i * type.width));
  } else {
    const value = type.listed ?? ((v: number) => v);
    for (const [i, v] of proto[type.list].entries()) put(i, value(v));
  }
  return { shape, type: proto.type, data };
}

function externalBytes(proto: TensorProto, files: ExternalFiles): Uint8Array {
  const what = `tensor ${quoted(proto.name)}`;
  const place = proto.external!;
  const location = place.get('location') ?? '';
  const file = files.get(location);
  if (!file)
    refuse(
      `${what} is in another file, ${quoted(location)}`,
      'weights inside of the model’s own file',
      'external data',
      'open the model by its path, with that file beside it, or save it as one file (torch.onnx.export(…, external_data=False))',
    );
  const offset = Number(place.get('offset') ?? 0);
  const length = Number(place.get('length') ?? file.length - offset);
  if (![offset, length].every((n) => isInteger(n)) || offset + length > file.length)
    refuse(
      `${what} lies outside of ${quoted(location)}`,
      `a place within ${file.length} bytes`,
      `${length} bytes at ${offset}`,
    );
  return file.subarray(offset, offset + length);
}

/**
 * Bytes that a graph's tensors claim from each external file. Together they may not exceed the file, so that a small
 * file cannot exhaust memory.
 */
export function externalClaims({ initializers }: GraphProto): Map<string, number> {
  const claims = new Map<string, number>();
  for (const { external, dims, type } of initializers)
    if (external) {
      const location = external.get('location') ?? '';
      claims.set(location, (claims.get(location) ?? 0) + sizeOf(dims) * (TYPES[type]?.width ?? 1));
    }
  return claims;
}
