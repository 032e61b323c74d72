/* A reader of ONNX files that shares no code with the writer: enough of protobuf to look into a graph. */

type Field = bigint | number | Uint8Array;

/** Fields of a message, by number, in their order. */
export function decode(bytes: Uint8Array): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63n) throw new Error('a varint that does not end');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const list = fields.get(tag >> 3) ?? [];
    fields.set(tag >> 3, list);
    if ((tag & 7) === 0) list.push(varint());
    else if ((tag & 7) === 5) {
      list.push(view.getFloat32(at, true));
      at += 4;
    } else if ((tag & 7) === 2) {
      const length = Number(varint());
      if (at + length > bytes.length) throw new Error('a field that goes beyond its message');
      list.push(bytes.subarray(at, at + length));
      at += length;
    } else throw new Error(`wire type ${tag & 7}`);
  }
  return fields;
}

const all = (message: Map<number, Field[]>, field: number): Field[] => message.get(field) ?? [];
const texts = (message: Map<number, Field[]>, field: number): string[] =>
  all(message, field).map((bytes) => new TextDecoder().decode(bytes as Uint8Array));
const messages = (message: Map<number, Field[]>, field: number) =>
  all(message, field).map((bytes) => decode(bytes as Uint8Array));

export function readOnnx(bytes: Uint8Array) {
  const model = decode(bytes);
  const [graph] = messages(model, 7);
  const shapeOf = (info: Map<number, Field[]>) => {
    const [type] = messages(info, 2);
    const [tensor] = messages(type!, 1);
    const [shape] = messages(tensor!, 2);
    return messages(shape!, 1).map((d) => (d.has(2) ? texts(d, 2)[0]! : Number(all(d, 1)[0])));
  };
  return {
    irVersion: Number(all(model, 1)[0]),
    opset: messages(model, 8).map((m) => Number(all(m, 2)[0])),
    metadata: Object.fromEntries(messages(model, 14).map((m) => [texts(m, 1)[0]!, texts(m, 2)[0]!])),
    input: messages(graph!, 11).map((m) => ({ name: texts(m, 1)[0]!, shape: shapeOf(m) })),
    output: messages(graph!, 12).map((m) => ({ name: texts(m, 1)[0]!, shape: shapeOf(m) })),
    initializers: new Map(
      messages(graph!, 5).map((m) => {
        const raw = all(m, 9)[0] as Uint8Array;
        return [
          texts(m, 8)[0]!,
          { shape: all(m, 1).map(Number), type: Number(all(m, 2)[0]), raw: Uint8Array.from(raw) },
        ];
      }),
    ),
    nodes: messages(graph!, 1).map((m) => ({
      type: texts(m, 4)[0]!,
      inputs: texts(m, 1),
      outputs: texts(m, 2),
      attributes: Object.fromEntries(
        messages(m, 5).map((a) => {
          const kind = Number(all(a, 20)[0]);
          const value =
            kind === 1 ? (all(a, 2)[0] as number) : kind === 2 ? Number(all(a, 3)[0]) : all(a, 8).map(Number);
          return [texts(a, 1)[0]!, value];
        }),
      ),
    })),
  };
}
