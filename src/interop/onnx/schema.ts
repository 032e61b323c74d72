import { Message } from '../../files/protobuf.js';
import type { DType, TypedArray } from '../../graph/types.js';

/* The part of onnx.proto that an export needs; the numbers are its field numbers. */

/** Opset version: the newest that all runtimes of recent years support. */
const OPSET = 17;
/** The matching version of the file format (IR version). */
const IR_VERSION = 8;

const TENSOR_TYPE: Readonly<Record<DType | 'int64', number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  float64: 11,
};
const ATTRIBUTE = { float: 1, int: 2, text: 3, ints: 7 } as const;

/** Value of an attribute. A plain number is written as an integer; floats are wrapped. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

/** A tensor dimension: a size, or a name if it is known only at run time. */
export type Dimension = number | string;

export function node(
  type: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): Message {
  const message = new Message();
  for (const input of inputs) message.string(1, input);
  for (const output of outputs) message.string(2, output);
  message.string(3, name).string(4, type);
  for (const [key, value] of Object.entries(attributes)) message.message(5, attribute(key, value));
  return message;
}

function attribute(name: string, value: Attribute): Message {
  const message = new Message().string(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, ATTRIBUTE.int);
  if (typeof value === 'string') return message.string(4, value).int(20, ATTRIBUTE.text);
  if ('float' in value) return message.float(2, value.float).int(20, ATTRIBUTE.float);
  // Not packed: onnx.proto uses proto2.
  for (const item of value) message.int(8, item);
  return message.int(20, ATTRIBUTE.ints);
}

export function tensor(
  name: string,
  shape: readonly number[],
  dtype: DType | 'int64',
  data: TypedArray | BigInt64Array,
): Message {
  const message = new Message();
  for (const size of shape) message.int(1, size);
  return message
    .int(2, TENSOR_TYPE[dtype])
    .string(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** Name, type and shape of an input or output of a graph. */
export function valueInfo(name: string, shape: readonly Dimension[], dtype: DType): Message {
  const dims = new Message();
  for (const size of shape)
    dims.message(1, typeof size === 'number' ? new Message().int(1, size) : new Message().string(2, size));
  const type = new Message().message(1, new Message().int(1, TENSOR_TYPE[dtype]).message(2, dims));
  return new Message().string(1, name).message(2, type);
}

export interface GraphParts {
  readonly name: string;
  readonly nodes: readonly Message[];
  readonly initializers: readonly Message[];
  readonly inputs: readonly Message[];
  readonly outputs: readonly Message[];
}

export function model(
  parts: GraphParts,
  { version, metadata }: { version: string; metadata: Readonly<Record<string, string>> },
): Message {
  const graph = new Message();
  for (const each of parts.nodes) graph.message(1, each);
  graph.string(2, parts.name);
  for (const each of parts.initializers) graph.message(5, each);
  for (const each of parts.inputs) graph.message(11, each);
  for (const each of parts.outputs) graph.message(12, each);
  const message = new Message()
    .int(1, IR_VERSION)
    .string(2, 'paperweight')
    .string(3, version)
    .message(7, graph)
    .message(8, new Message().string(1, '').int(2, OPSET));
  for (const [key, value] of Object.entries(metadata))
    message.message(14, new Message().string(1, key).string(2, value));
  return message;
}
