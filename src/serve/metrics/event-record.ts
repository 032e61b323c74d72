import type { Value, Values } from '../../display/run-query.js';
import { fields } from '../../interop/onnx/import/wire.js';

/** Field numbers of `tensorflow.Event` and its messages. */
const EVENT = { wallTime: 1, step: 2, summary: 5, sessionLog: 7 } as const;
const VALUE = { tag: 1, simple: 2, image: 4, histogram: 5, tensor: 8, metadata: 9 } as const;
const HPARAMS = { sessionStart: 3, settings: 1, key: 1, value: 2 } as const;
const ANY = { number: 2, string: 3, bool: 4 } as const;
/** Settings of a run that are kept, and characters of each text. */
const MOST_SETTINGS = 500;
const LONGEST_SETTING = 200;
const TENSOR = { dtype: 1, content: 4, floats: 5, doubles: 6, strings: 8 } as const;
const HISTOGRAM = { limits: 6, counts: 7 } as const;
const IMAGE_BYTES = 4;
const SESSION_START = 1;
const [DT_FLOAT, DT_DOUBLE, DT_STRING] = [1, 2, 7];
/** Bars of a histogram that are kept. */
const MOST_BARS = 1000;
/** Bins with larger limits or counts are left out, so that sums and differences stay finite. */
const LARGEST = 1e300;
const utf8 = new TextDecoder();

export interface HistogramValue {
  readonly min: number;
  readonly max: number;
  readonly counts: readonly number[];
}

/** One value of an event. */
export type EventValue =
  | { readonly kind: 'scalar'; readonly tag: string; readonly value: number }
  | { readonly kind: 'histogram'; readonly tag: string; readonly histogram: HistogramValue }
  | { readonly kind: 'image'; readonly tag: string; readonly bytes: Uint8Array }
  | { readonly kind: 'settings'; readonly tag: string; readonly settings: Values };

export interface EventRecord {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** The program started again: values from this step on are repeated. */
  readonly restart: boolean;
  readonly values: readonly EventValue[];
}

/** Parses a record of an event file. @throws CheckpointError for bytes that are not an event */
export function parseEvent(bytes: Uint8Array): EventRecord {
  let [wallTime, step, restart] = [0, 0, false];
  const values: EventValue[] = [];
  for (const field of fields(bytes, 'the event')) {
    if (field.number === EVENT.wallTime) wallTime = oneDouble(field);
    else if (field.number === EVENT.step) step = field.int();
    else if (field.number === EVENT.sessionLog) restart = startsIn(field.bytes());
    else if (field.number === EVENT.summary)
      for (const each of fields(field.bytes(), 'the summary'))
        if (each.number === 1) values.push(...valueIn(each.bytes()));
  }
  return { wallTime, step, restart, values };
}

function oneDouble(field: { doubles(to: number[]): void }): number {
  const list: number[] = [];
  field.doubles(list);
  return list[0] ?? 0;
}

function startsIn(bytes: Uint8Array): boolean {
  for (const field of fields(bytes, 'the session log'))
    if (field.number === 1) return field.int() === SESSION_START;
  return false;
}

function valueIn(bytes: Uint8Array): EventValue[] {
  let tag = '';
  let plugin: Plugin = { name: '' };
  let value: EventValue | undefined;
  let tensor: Uint8Array | undefined;
  for (const field of fields(bytes, 'the value')) {
    if (field.number === VALUE.tag) tag = printableName(field.bytes());
    else if (field.number === VALUE.simple) value = { kind: 'scalar', tag, value: field.float() };
    else if (field.number === VALUE.image) value = imageIn(field.bytes());
    else if (field.number === VALUE.histogram) value = histogramIn(field.bytes());
    else if (field.number === VALUE.tensor) tensor = field.bytes();
    else if (field.number === VALUE.metadata) plugin = pluginIn(field.bytes());
  }
  value ??=
    plugin.name === 'hparams'
      ? plugin.content && settingsIn(plugin.content)
      : tensor && tensorIn(tensor, plugin.name);
  return value && tag !== '' ? [{ ...value, tag }] : [];
}

const printableName = (bytes: Uint8Array): string =>
  utf8
    .decode(bytes.subarray(0, 1000))
    .replaceAll(/\p{Cc}/gu, ' ')
    .trim();

function imageIn(bytes: Uint8Array): EventValue | undefined {
  for (const field of fields(bytes, 'the image'))
    if (field.number === IMAGE_BYTES) return { kind: 'image', tag: '', bytes: field.bytes() };
  return undefined;
}

/** The plugin of TensorBoard that a value is for. */
interface Plugin {
  readonly name: string;
  readonly content?: Uint8Array;
}

function pluginIn(bytes: Uint8Array): Plugin {
  let plugin: Plugin = { name: '' };
  for (const field of fields(bytes, 'the metadata'))
    if (field.number === 1)
      for (const each of fields(field.bytes(), 'the plugin')) {
        if (each.number === 1) plugin = { ...plugin, name: utf8.decode(each.bytes().subarray(0, 100)) };
        if (each.number === 2) plugin = { ...plugin, content: each.bytes() };
      }
  return plugin;
}

/** The settings with which a run began, of the plugin HParams. */
function settingsIn(bytes: Uint8Array): EventValue | undefined {
  const found: [string, Value][] = [];
  for (const part of fields(bytes, 'the settings')) {
    if (part.number !== HPARAMS.sessionStart) continue;
    for (const entry of fields(part.bytes(), 'the settings')) {
      if (entry.number !== HPARAMS.settings || found.length >= MOST_SETTINGS) continue;
      let name = '';
      let value: Value | undefined;
      for (const each of fields(entry.bytes(), 'a setting')) {
        if (each.number === HPARAMS.key) name = printableName(each.bytes());
        if (each.number === HPARAMS.value) value = settingIn(each.bytes());
      }
      if (name !== '' && value !== undefined) found.push([name, value]);
    }
  }
  return found.length > 0 ? { kind: 'settings', tag: '', settings: Object.fromEntries(found) } : undefined;
}

function settingIn(bytes: Uint8Array): Value | undefined {
  for (const field of fields(bytes, 'a setting')) {
    if (field.number === ANY.number) {
      const number = oneDouble(field);
      return Number.isFinite(number) ? number : String(number);
    }
    if (field.number === ANY.string) return utf8.decode(field.bytes()).slice(0, LONGEST_SETTING);
    if (field.number === ANY.bool) return field.int() !== 0;
  }
  return undefined;
}

/** Bins with upper limits, of which the first and the last may be infinite. */
function histogramIn(bytes: Uint8Array): EventValue | undefined {
  const [limits, counts]: [number[], number[]] = [[], []];
  for (const field of fields(bytes, 'the histogram')) {
    if (field.number === HISTOGRAM.limits) field.doubles(limits);
    if (field.number === HISTOGRAM.counts) field.doubles(counts);
  }
  const edges = limits.map((right, i) => ({
    left: i === 0 ? right : limits[i - 1]!,
    right,
    count: counts[i] ?? 0,
  }));
  return histogramOf(edges);
}

interface Bin {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

/** Bins of any widths as bars of equal width. */
function histogramOf(bins: readonly Bin[]): EventValue | undefined {
  const known = bins.filter(
    ({ left, right, count }) =>
      Math.abs(left) < LARGEST && Math.abs(right) < LARGEST && count > 0 && count < LARGEST,
  );
  if (known.length === 0) return undefined;
  const [min, max] = [
    Math.min(...known.map(({ left }) => left)),
    Math.max(...known.map(({ right }) => right)),
  ];
  const bars = Math.max(1, Math.min(MOST_BARS, known.length, 64));
  const counts: number[] = new Array(bars).fill(0);
  for (const { left, right, count } of known) {
    const middle = (left + right) / 2;
    counts[max > min ? Math.min(bars - 1, Math.floor(((middle - min) / (max - min)) * bars)) : 0]! += count;
  }
  return { kind: 'histogram', tag: '', histogram: { min, max, counts } };
}

/** TensorFlow 2 stores values as tensors; the name of a plugin says how to read them. */
function tensorIn(bytes: Uint8Array, plugin: string): EventValue | undefined {
  let dtype = 0;
  const numbers: number[] = [];
  const strings: Uint8Array[] = [];
  let content: Uint8Array | undefined;
  for (const field of fields(bytes, 'the tensor')) {
    if (field.number === TENSOR.dtype) dtype = field.int();
    else if (field.number === TENSOR.content) content = field.bytes();
    else if (field.number === TENSOR.floats) field.floats(numbers);
    else if (field.number === TENSOR.doubles) field.doubles(numbers);
    else if (field.number === TENSOR.strings && strings.length < 3) strings.push(field.bytes());
  }
  if (dtype === DT_STRING)
    // Width, height and the first encoded image.
    return plugin === 'images' && strings[2] ? { kind: 'image', tag: '', bytes: strings[2] } : undefined;
  if (content && numbers.length === 0) numbers.push(...numbersIn(content, dtype));
  if (plugin === 'histograms') {
    const bins = Array.from({ length: Math.floor(numbers.length / 3) }, (_, i) => ({
      left: numbers[3 * i]!,
      right: numbers[3 * i + 1]!,
      count: numbers[3 * i + 2]!,
    }));
    return histogramOf(bins);
  }
  if ((plugin === 'scalars' || plugin === '') && numbers.length === 1)
    return { kind: 'scalar', tag: '', value: numbers[0]! };
  return undefined;
}

function numbersIn(content: Uint8Array, dtype: number): number[] {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const width = dtype === DT_FLOAT ? 4 : dtype === DT_DOUBLE ? 8 : 0;
  if (width === 0) return [];
  const count = Math.min(3 * MOST_BARS, Math.floor(content.length / width));
  return Array.from({ length: count }, (_, i) =>
    width === 4 ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true),
  );
}
