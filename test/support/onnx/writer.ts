import { Message } from '../../../src/files/protobuf.js';

/* Writes ONNX files as they should not be; the exporter writes only good ones. */

export interface WrittenNode {
  readonly type: string;
  readonly name?: string;
  readonly domain?: string;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly attributes?: readonly Message[];
}

export interface Written {
  readonly opset?: number;
  readonly ir?: number;
  readonly nodes?: readonly WrittenNode[];
  readonly tensors?: readonly Message[];
  readonly input?: readonly (number | string)[];
  readonly inputs?: readonly Message[];
  readonly output?: readonly (number | string)[];
  readonly outputs?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  /** More fields of the graph. */
  readonly graph?: (graph: Message) => void;
}

/** An attribute; its value and type stand in `fill`. */
export const attribute = (name: string, fill: (message: Message) => Message): Message =>
  fill(new Message().string(1, name));
export const ints = (name: string, values: readonly number[]): Message =>
  attribute(name, (m) => m.ints(8, values).int(20, 7));
export const int = (name: string, value: number): Message =>
  attribute(name, (m) => m.int(3, value).int(20, 2));

export const word = (name: string, value: string): Message =>
  attribute(name, (m) => m.string(4, value).int(20, 3));
export const words = (name: string, values: readonly string[]): Message =>
  attribute(name, (m) => values.reduce((all, value) => all.string(9, value), m).int(20, 8));

/** A float32 tensor. */
export const floats = (name: string, shape: readonly number[], data: Float32Array): Message =>
  shape
    .reduce((m, size) => m.int(1, size), new Message())
    .int(2, 1)
    .string(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));

/** A float32 tensor of `count` times the same value, whatever the shape says. */
export function weights(name: string, shape: readonly number[], count: number, value = 0.5): Message {
  return floats(name, shape, new Float32Array(count).fill(value));
}

/** Whole numbers, as int64. */
export function numbers(name: string, values: readonly number[]): Message {
  return values.reduce(
    (m, value) => m.int(7, value),
    new Message().int(1, values.length).int(2, 7).string(8, name),
  );
}

export function value(name: string, shape: readonly (number | string)[] | undefined, type = 1): Message {
  const dims = new Message();
  for (const size of shape ?? [])
    dims.message(1, typeof size === 'number' ? new Message().int(1, size) : new Message().string(2, size));
  const tensor = new Message().int(1, type);
  if (shape) tensor.message(2, dims);
  return new Message().string(1, name).message(2, new Message().message(1, tensor));
}

function nodeMessage({
  type,
  name = '',
  domain,
  inputs = ['x'],
  outputs = ['y'],
  attributes = [],
}: WrittenNode): Message {
  const message = new Message();
  for (const input of inputs) message.string(1, input);
  for (const output of outputs) message.string(2, output);
  message.string(3, name).string(4, type);
  if (domain) message.string(7, domain);
  for (const each of attributes) message.message(5, each);
  return message;
}

/** A model that reads "x" and gives "y": by default one Relu on images of 2 channels and 4 × 4 pixels. */
export function writeOnnx({
  opset = 17,
  ir = 8,
  nodes = [{ type: 'Relu' }],
  tensors = [],
  input = ['n', 2, 4, 4],
  inputs = [value('x', input)],
  output,
  outputs = ['y'],
  metadata = {},
  graph: more = () => {},
}: Written = {}): Uint8Array {
  const graph = new Message();
  for (const each of nodes) graph.message(1, nodeMessage(each));
  for (const each of tensors) graph.message(5, each);
  for (const each of inputs) graph.message(11, each);
  for (const each of outputs) graph.message(12, value(each, output));
  more(graph);
  const model = new Message().int(1, ir).message(7, graph).message(8, new Message().int(2, opset));
  for (const [key, text] of Object.entries(metadata))
    model.message(14, new Message().string(1, key).string(2, text));
  return model.encode();
}
