import { strict as assert } from 'node:assert';
import { crc32c } from '../../src/report/tensorboard/crc32c.js';

/** A field of a protocol buffer as it lies in the bytes. */
type Field = { readonly number: number; readonly value: number | Uint8Array; readonly bytes: Uint8Array };

/** Reads event files by the formats' own description, apart from the code that writes them. */
export function readRecords(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const records: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    assert.equal(view.getUint32(at + 8, true), mask(crc32c(file.subarray(at, at + 8))), 'length');
    const data = file.subarray(at + 12, at + 12 + length);
    assert.equal(view.getUint32(at + 12 + length, true), mask(crc32c(data)), 'data');
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** In arithmetic, not with shifts: ((crc >> 15) | (crc << 17)) + 0xa282ead8 modulo 2³². */
const mask = (crc: number): number =>
  (Math.floor(crc / 2 ** 15) + (crc % 2 ** 15) * 2 ** 17 + 0xa282ead8) % 2 ** 32;

function fieldsOf(bytes: Uint8Array): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = bytes[at++]!;
      value += (byte % 128) * scale;
      scale *= 128;
      if (byte < 128) return value;
    }
  };
  const fields: Field[] = [];
  while (at < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const start = at;
    let value: number | Uint8Array;
    if (key % 8 === 0) value = varint();
    else if (key % 8 === 1) {
      value = view.getFloat64(at, true);
      at += 8;
    } else if (key % 8 === 5) {
      value = view.getFloat32(at, true);
      at += 4;
    } else {
      assert.equal(key % 8, 2);
      const length = varint();
      value = bytes.subarray(at, at + length);
      at += length;
    }
    fields.push({ number, value, bytes: bytes.subarray(start, at) });
  }
  assert.equal(at, bytes.length);
  return fields;
}

const get = (bytes: Uint8Array, number: number): number | Uint8Array | undefined =>
  fieldsOf(bytes).find((field) => field.number === number)?.value;
const text = (value: unknown): string => new TextDecoder().decode(value as Uint8Array);

function doubles(value: unknown): number[] {
  const bytes = value as Uint8Array;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
}

export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly version?: string;
  readonly start?: boolean;
  readonly scalars: Record<string, number>;
  readonly images: Record<string, { width: number; height: number; png: Uint8Array }>;
  readonly histograms: Record<
    string,
    {
      min: number;
      max: number;
      num: number;
      sum: number;
      sum_squares: number;
      limits: number[];
      counts: number[];
    }
  >;
}

export function readEvents(file: Uint8Array): ReadEvent[] {
  return readRecords(file).map((event) => {
    const [version, summary, session] = [get(event, 3), get(event, 5), get(event, 7)];
    const read: ReadEvent = {
      wallTime: get(event, 1) as number,
      step: get(event, 2) as number,
      ...(version === undefined ? {} : { version: text(version) }),
      ...(session === undefined ? {} : { start: get(session as Uint8Array, 1) === 1 }),
      scalars: {},
      images: {},
      histograms: {},
    };
    for (const { value } of summary === undefined ? [] : fieldsOf(summary as Uint8Array)) {
      const bytes = value as Uint8Array;
      const tag = text(get(bytes, 1));
      const [simple, image, histogram] = [get(bytes, 2), get(bytes, 4), get(bytes, 5)];
      if (simple !== undefined) read.scalars[tag] = simple as number;
      if (image !== undefined) {
        const [height, width, space, png] = [1, 2, 3, 4].map((n) => get(image as Uint8Array, n));
        assert.equal(space, 3);
        read.images[tag] = { width: width as number, height: height as number, png: png as Uint8Array };
      }
      if (histogram !== undefined) {
        const [min, max, num, sum, squares] = [1, 2, 3, 4, 5].map(
          (n) => get(histogram as Uint8Array, n) as number,
        );
        const [limits, counts] = [6, 7].map((n) => doubles(get(histogram as Uint8Array, n)));
        read.histograms[tag] = {
          min: min!,
          max: max!,
          num: num!,
          sum: sum!,
          sum_squares: squares!,
          limits: limits!,
          counts: counts!,
        };
      }
    }
    return read;
  });
}
