import { readFileSync } from 'node:fs';
import { importOnnx } from '../../src/interop/onnx/index.js';
import type { Generator } from '../../src/random.js';
import { bytesOf, joined } from '../bytes.js';
import { pick } from '../mutate.js';
import { must, type Target } from '../target.js';

const FIXTURES = ['onnx-cases.json', 'onnx-operators.json'].map(
  (name) => new URL(`../../../test/fixtures/${name}`, import.meta.url),
);
const MOST = 4096;

/** Operators of the import's own tests, in each version of the format. */
function models(): Uint8Array[] {
  return FIXTURES.flatMap(
    (file) =>
      (JSON.parse(readFileSync(file, 'utf8')) as { models: { onnx: Record<string, string> }[] }).models,
  )
    .flatMap(({ onnx }) => Object.values(onnx).slice(0, 2))
    .map((text) => Uint8Array.from(Buffer.from(text, 'base64')))
    .filter(({ length }) => length <= MOST);
}

/** An encoded field of a message: its tag and its content. */
interface Field {
  readonly tag: Uint8Array;
  readonly wire: number;
  readonly body: Uint8Array;
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** @returns undefined if the bytes are not a message */
function fieldsOf(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const number = (): number => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 2 ** 63) return Number.NaN;
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const begin = at;
    const tag = number();
    const wire = tag % 8;
    const head = bytes.slice(begin, at);
    if (!(tag >= 8)) return undefined;
    const from = at;
    if (wire === 0) number();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = number();
      const start = at;
      if (!(start + length <= bytes.length)) return undefined;
      at = start + length;
      fields.push({ tag: head, wire, body: bytes.slice(start, at) });
      continue;
    } else return undefined;
    if (at > bytes.length) return undefined;
    fields.push({ tag: head, wire, body: bytes.slice(from, at) });
  }
  return fields;
}

const write = (fields: readonly Field[]): Uint8Array =>
  joined(
    ...fields.flatMap(({ tag, wire, body }) =>
      wire === 2 ? [tag, varint(BigInt(body.length)), body] : [tag, body],
    ),
  );

const NUMBERS = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  17n,
  127n,
  255n,
  2n ** 31n,
  2n ** 53n,
  2n ** 62n,
  -1n,
  -2n,
  -(2n ** 63n),
];
const NAMES = [
  'Conv',
  'Gemm',
  'Reshape',
  'Shape',
  'Concat',
  'Slice',
  'Gather',
  'Pad',
  'Clip',
  'Constant',
  'Expand',
  'Split',
  'Where',
  'Tile',
  'Range',
  'ScatterND',
  'GatherElements',
  'LayerNormalization',
  'ConstantOfShape',
  'NonZero',
  'Cast',
];
const WORDS = [
  ...NAMES,
  'x',
  'y',
  '',
  '__proto__',
  'axis',
  'axes',
  'pads',
  'strides',
  'kernel_shape',
  'group',
];

/** Mutates a field of a message or of a nested message, and corrects the enclosing lengths. */
function change(bytes: Uint8Array, random: Generator, depth = 0): Uint8Array {
  const fields = fieldsOf(bytes);
  if (!fields || fields.length === 0) {
    const out = bytes.slice();
    if (out.length > 0) out[random.integer(out.length)] = random.integer(256);
    return out;
  }
  const at = random.integer(fields.length);
  const field = fields[at]!;
  const kind = random.integer(10);
  if (kind === 0) fields.splice(at, 1);
  else if (kind === 1) fields.splice(random.integer(fields.length + 1), 0, field);
  else if (kind === 2)
    fields[at] = { ...field, tag: varint(BigInt(8 * (1 + random.integer(26)) + field.wire)) };
  else if (field.wire === 0) fields[at] = { ...field, body: varint(pick(random, NUMBERS)) };
  else if (field.wire !== 2 || kind === 3)
    fields[at] = {
      ...field,
      body: field.wire === 2 ? bytesOf(pick(random, WORDS)) : field.body.map(() => random.integer(256)),
    };
  else if (kind === 4)
    fields[at] = {
      ...field,
      body: joined(...Array.from({ length: 1 + random.integer(6) }, () => varint(pick(random, NUMBERS)))),
    };
  else if (depth < 8) fields[at] = { ...field, body: change(field.body, random, depth + 1) };
  return write(fields);
}

/** ONNX models: messages, graph and shapes. */
export const onnxTarget: Target = {
  name: 'onnx',
  format: 'bytes',
  most: MOST,
  seeds: models,
  words: WORDS,
  reshape(input, random) {
    let bytes = input;
    for (let left = 1 + random.integer(3); left > 0; left--) bytes = change(bytes, random);
    return bytes;
  },
  run(input) {
    const model = importOnnx(input, { name: 'm.onnx' });
    const { inputShape } = model.description;
    must(Array.isArray(inputShape), 'an input without a shape');
    let numbers = 0;
    for (const [name, { shape, size }] of model.stateDict()) {
      must(
        name !== '' && size === shape.reduce((a, b) => a * b, 1),
        'a parameter of another size than its shape',
      );
      numbers += size;
    }
    // Values stored in the file, and constants that a few bytes can create.
    must(numbers <= 2 ** 24 + input.length, 'parameters out of proportion to the file');
    return `a model of ${Math.min(model.stateDict().size, 3)} parameters`;
  },
};
