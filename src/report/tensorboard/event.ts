import type { Values } from '../../display/run-query.js';
import { Message } from '../../files/protobuf.js';
import type { ActivationInsight } from '../../run/events.js';
import { encodePng, type Pixels } from '../drawing/png.js';
import { maskedCrc32c } from './crc32c.js';

/** Field numbers of `tensorflow.Event` and its messages (tensorflow/core/util/event.proto, framework/summary.proto). */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2, image: 4, histogram: 5, tensor: 8, metadata: 9 } as const;
const IMAGE = { height: 1, width: 2, colorspace: 3, encoded: 4 } as const;
const HISTOGRAM = { min: 1, max: 2, num: 3, sum: 4, sumSquares: 5, limit: 6, bucket: 7 } as const;
const SESSION = { status: 1 } as const;
const SESSION_START = 1;
/** Of a summary's metadata, and of TensorBoard's plugin for settings (plugins/hparams/plugin_data.proto). */
const METADATA = { plugin: 1 } as const;
const PLUGIN = { name: 1, content: 2 } as const;
const HPARAMS = { sessionStart: 3, settings: 1, key: 1, value: 2 } as const;
const ANY = { number: 2, string: 3, bool: 4 } as const;
const TENSOR = { type: 1, shape: 2, dimension: 2, size: 1 } as const;
const FLOAT = 1;
const RGB = 3;

/** One tagged value of a summary. */
export type Value = (summary: Message) => void;

const tagged =
  (tag: string, fill: (value: Message) => Message): Value =>
  (summary) => {
    summary.message(SUMMARY.value, fill(new Message().string(VALUE.tag, tag)));
  };

export const scalar = (tag: string, value: number): Value =>
  tagged(tag, (v) => v.float(VALUE.simpleValue, value));

export const image = (tag: string, pixels: Pixels): Value =>
  tagged(tag, (v) =>
    v.message(
      VALUE.image,
      new Message()
        .int(IMAGE.height, pixels.height)
        .int(IMAGE.width, pixels.width)
        .int(IMAGE.colorspace, RGB)
        .bytes(IMAGE.encoded, encodePng(pixels)),
    ),
  );

export const histogram = (
  tag: string,
  { counts, min, max }: NonNullable<ActivationInsight['histogram']>,
  { mean, std }: Pick<ActivationInsight, 'mean' | 'std'>,
): Value => {
  const num = counts.reduce((a, b) => a + b, 0);
  // Upper limits of the bins; the last is exactly the maximum, free of rounding.
  const limits = counts.map((_, i) =>
    i === counts.length - 1 ? max : min + ((i + 1) * (max - min)) / counts.length,
  );
  return tagged(tag, (v) =>
    v.message(
      VALUE.histogram,
      new Message()
        .double(HISTOGRAM.min, min)
        .double(HISTOGRAM.max, max)
        .double(HISTOGRAM.num, num)
        .double(HISTOGRAM.sum, (mean ?? Number.NaN) * num)
        .double(HISTOGRAM.sumSquares, ((std ?? Number.NaN) ** 2 + (mean ?? Number.NaN) ** 2) * num)
        .doubles(HISTOGRAM.limit, limits)
        .doubles(HISTOGRAM.bucket, counts),
    ),
  );
};

/** The settings of a run, by name. */
export const settings = (values: Values): Value => {
  const start = new Message();
  for (const [name, value] of Object.entries(values)) {
    const any = new Message();
    if (typeof value === 'number') any.double(ANY.number, value);
    else if (typeof value === 'boolean') any.int(ANY.bool, Number(value));
    else any.string(ANY.string, value);
    start.message(HPARAMS.settings, new Message().string(HPARAMS.key, name).message(HPARAMS.value, any));
  }
  const content = new Message().message(HPARAMS.sessionStart, start).encode();
  const plugin = new Message().string(PLUGIN.name, 'hparams').bytes(PLUGIN.content, content);
  // The plugin wants a tensor, which is empty.
  const shape = new Message().message(TENSOR.dimension, new Message().int(TENSOR.size, 0));
  return tagged('_hparams_/session_start_info', (v) =>
    v
      .message(VALUE.metadata, new Message().message(METADATA.plugin, plugin))
      .message(VALUE.tensor, new Message().int(TENSOR.type, FLOAT).message(TENSOR.shape, shape)),
  );
};

/** @param wallTime seconds since 1970 */
export function summaryEvent(wallTime: number, step: number, values: readonly Value[]): Uint8Array {
  const summary = new Message();
  for (const add of values) add(summary);
  return at(wallTime, step).message(EVENT.summary, summary).encode();
}

/** The first event of every file. */
export const versionEvent = (wallTime: number): Uint8Array =>
  at(wallTime, 0).string(EVENT.fileVersion, 'brain.Event:2').encode();

/** Marks a resumed run: TensorBoard discards events of earlier files from `step` on. */
export const restartEvent = (wallTime: number, step: number): Uint8Array =>
  at(wallTime, step).message(EVENT.sessionLog, new Message().int(SESSION.status, SESSION_START)).encode();

const at = (wallTime: number, step: number): Message =>
  new Message().double(EVENT.wallTime, wallTime).int(EVENT.step, step);

/** A record of a TFRecord file: length, its checksum, the bytes, their checksum. */
export function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + data.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
}
