import { isInteger } from '../../../errors/arguments.js';
import { refuse } from './refuse.js';
import { append, type Field, fields } from './wire.js';

/* The part of onnx.proto that an import reads; the numbers are its field numbers. Other fields are skipped. */

export interface TensorProto {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: number;
  /** All elements, little-endian; undefined if one of the lists has them. */
  readonly raw: Uint8Array | undefined;
  readonly floats: readonly number[];
  readonly int32s: readonly number[];
  readonly int64s: readonly number[];
  readonly doubles: readonly number[];
  readonly uint64s: readonly number[];
  /** For external data: the entries `location`, `offset` and `length`. */
  readonly external: ReadonlyMap<string, string> | undefined;
}

/** Value of an attribute by its declared kind; `other` is the number of an unsupported kind. */
export interface AttributeKinds {
  readonly float: number;
  readonly int: number;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly string: string;
  readonly strings: readonly string[];
  readonly tensor: TensorProto;
  readonly graph: GraphProto;
  readonly other: number;
}

export type AttributeValue = {
  [K in keyof AttributeKinds]: { readonly kind: K; readonly value: AttributeKinds[K] };
}[keyof AttributeKinds];

export interface NodeProto {
  readonly name: string;
  readonly type: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

/** An input or output of a graph. A free dimension has its name, or ''. */
export interface ValueProto {
  readonly name: string;
  /** Element type; undefined if the value is not a tensor or has no type. */
  readonly type: number | undefined;
  readonly shape: readonly (number | string)[] | undefined;
}

export interface GraphProto {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  readonly inputs: readonly ValueProto[];
  readonly outputs: readonly ValueProto[];
}

export interface ModelProto {
  readonly irVersion: number;
  readonly producer: string;
  /** Opset version of each domain; '' is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: GraphProto;
}

/** Maximum nesting of graphs, which are the branches of an If. */
const MAX_DEPTH = 4;

const list = <T>(field: Field, to: T[], read: (bytes: Uint8Array) => T): void =>
  append(to, read(field.bytes()), field.what);

/** @throws CheckpointError for bytes that are not an ONNX model */
export function readModel(bytes: Uint8Array): ModelProto {
  let graph: GraphProto | undefined;
  let [irVersion, producer] = [0, ''];
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  for (const field of fields(bytes, 'the model')) {
    if (field.number === 1) irVersion = field.int();
    else if (field.number === 2) producer = field.text();
    else if (field.number === 7) {
      if (graph) refuse('there are two graphs', 'one');
      graph = readGraph(field.bytes(), 0);
    } else if (field.number === 8) {
      const [domain, version] = readOpset(field.bytes());
      if (opsets.has(domain)) refuse(`the operators of "${domain}" have two versions`, 'one');
      opsets.set(domain, version);
    } else if (field.number === 14) {
      const [key, value] = readEntry(field.bytes());
      metadata.set(key, value);
    }
  }
  if (!graph) refuse('there is no graph', 'an ONNX model', `${bytes.length} bytes of something else`);
  return { irVersion, producer, opsets, metadata, graph };
}

function readOpset(bytes: Uint8Array): [domain: string, version: number] {
  let [domain, version] = ['', 0];
  for (const field of fields(bytes, 'an opset'))
    if (field.number === 1) domain = field.name();
    else if (field.number === 2) version = field.int();
  return [domain === 'ai.onnx' ? '' : domain, version];
}

function readEntry(bytes: Uint8Array): [key: string, value: string] {
  let [key, value] = ['', ''];
  for (const field of fields(bytes, 'a metadata entry'))
    if (field.number === 1) key = field.text();
    else if (field.number === 2) value = field.text();
  return [key, value];
}

function readGraph(bytes: Uint8Array, depth: number): GraphProto {
  if (depth > MAX_DEPTH) refuse('its graphs are nested too deeply', `at most ${MAX_DEPTH} levels`, 'more');
  let name = '';
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  const inputs: ValueProto[] = [];
  const outputs: ValueProto[] = [];
  for (const field of fields(bytes, 'the graph')) {
    if (field.number === 1) list(field, nodes, (node) => readNode(node, depth));
    else if (field.number === 2) name = field.text();
    else if (field.number === 5) list(field, initializers, readTensor);
    else if (field.number === 11) list(field, inputs, readValue);
    else if (field.number === 12) list(field, outputs, readValue);
    else if (field.number === 15) refuse('it has sparse weights', 'dense tensors', 'a sparse one');
  }
  return { name, nodes, initializers, inputs, outputs };
}

function readNode(bytes: Uint8Array, depth: number): NodeProto {
  let [name, type, domain] = ['', '', ''];
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, AttributeValue>();
  for (const field of fields(bytes, 'a node')) {
    if (field.number === 1) append(inputs, field.name(), field.what);
    else if (field.number === 2) append(outputs, field.name(), field.what);
    else if (field.number === 3) name = field.name();
    else if (field.number === 4) type = field.name();
    else if (field.number === 5) {
      const [key, value] = readAttribute(field.bytes(), depth);
      if (attributes.has(key)) refuse(`a node has two attributes named "${key}"`, 'one');
      attributes.set(key, value);
    } else if (field.number === 7) domain = field.name();
  }
  return { name, type, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes };
}

function readAttribute(bytes: Uint8Array, depth: number): [string, AttributeValue] {
  let [name, type, float, int, string, reference] = ['', 0, 0, 0, '', ''];
  let tensor: TensorProto | undefined;
  let graph: GraphProto | undefined;
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  for (const field of fields(bytes, 'an attribute')) {
    if (field.number === 1) name = field.name();
    else if (field.number === 2) float = field.float();
    else if (field.number === 3) int = field.int();
    else if (field.number === 4) string = textOrNothing(field);
    else if (field.number === 5) tensor = readTensor(field.bytes());
    else if (field.number === 6) graph = readGraph(field.bytes(), depth + 1);
    else if (field.number === 7) field.floats(floats);
    else if (field.number === 8) field.ints(ints);
    else if (field.number === 9) strings.push(textOrNothing(field));
    else if (field.number === 20) type = field.int();
    else if (field.number === 21) reference = field.name();
  }
  if (reference) refuse(`attribute "${name}" belongs to a function`, 'a value of its own', reference);
  if (type === 1) return [name, { kind: 'float', value: float }];
  if (type === 2) return [name, { kind: 'int', value: int }];
  if (type === 3) return [name, { kind: 'string', value: string }];
  if (type === 4 && tensor) return [name, { kind: 'tensor', value: tensor }];
  if (type === 5 && graph) return [name, { kind: 'graph', value: graph }];
  if (type === 6) return [name, { kind: 'floats', value: floats }];
  if (type === 7) return [name, { kind: 'ints', value: ints }];
  if (type === 8) return [name, { kind: 'strings', value: strings }];
  return [name, { kind: 'other', value: type }];
}

/** String attributes are bytes in the format; the supported ones are ASCII. */
const textOrNothing = (field: Field): string => {
  const bytes = field.bytes();
  return bytes.length <= 1000 ? String.fromCharCode(...bytes) : '';
};

function readTensor(bytes: Uint8Array): TensorProto {
  let [name, type, outside] = ['', 0, false];
  let raw: Uint8Array | undefined;
  const dims: number[] = [];
  const floats: number[] = [];
  const int32s: number[] = [];
  const int64s: number[] = [];
  const doubles: number[] = [];
  const uint64s: number[] = [];
  const external = new Map<string, string>();
  for (const field of fields(bytes, 'a tensor')) {
    if (field.number === 1) field.ints(dims);
    else if (field.number === 2) type = field.int();
    else if (field.number === 3) refuse('a tensor comes in segments', 'a whole one', 'a part');
    else if (field.number === 4) field.floats(floats);
    else if (field.number === 5) field.ints(int32s);
    else if (field.number === 7) field.ints(int64s);
    else if (field.number === 8) name = field.name();
    else if (field.number === 9) raw = field.bytes();
    else if (field.number === 10) field.doubles(doubles);
    else if (field.number === 11) field.ints(uint64s);
    else if (field.number === 13) {
      const [key, value] = readEntry(field.bytes());
      external.set(key, value);
    } else if (field.number === 14) outside = field.int() === 1;
  }
  if (dims.length > 16 || !dims.every((size) => isInteger(size)))
    refuse(`tensor "${name}"`, 'at most 16 sizes of at least 0', `${dims.slice(0, 20).join(' × ')}`);
  return {
    name,
    dims,
    type,
    raw,
    floats,
    int32s,
    int64s,
    doubles,
    uint64s,
    external: outside ? external : undefined,
  };
}

function readValue(bytes: Uint8Array): ValueProto {
  let name = '';
  let type: number | undefined;
  let shape: (number | string)[] | undefined;
  for (const field of fields(bytes, 'a value')) {
    if (field.number === 1) name = field.name();
    if (field.number !== 2) continue;
    // Only tensors (field 1) are read; sequences, maps and optionals are not supported.
    for (const kind of fields(field.bytes(), 'a type'))
      if (kind.number === 1)
        for (const part of fields(kind.bytes(), 'a tensor type'))
          if (part.number === 1) type = part.int();
          else if (part.number === 2) shape = readShape(part.bytes());
  }
  return { name, type, shape };
}

function readShape(bytes: Uint8Array): (number | string)[] {
  const shape: (number | string)[] = [];
  for (const field of fields(bytes, 'a shape')) {
    if (field.number !== 1) continue;
    let size: number | string = '';
    for (const part of fields(field.bytes(), 'a dimension'))
      if (part.number === 1) size = part.int();
      else if (part.number === 2) size = part.name();
    if (typeof size === 'number' && !isInteger(size))
      refuse('a dimension of a value', 'a size of at least 0, or a name', String(size));
    append(shape, size, field.what);
  }
  return shape;
}
