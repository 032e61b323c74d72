import { readFile } from 'node:fs/promises';
import { checkOptionNames, checkPath, shown } from '../../errors/arguments.js';
import { DataError, UsageError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { textOf } from '../../files/system/text.js';
import { checkIndex, type WorkerSpec } from '../dataset.js';
import type { SampleSet } from '../samples/sample.js';
import { Vocabulary } from './vocabulary.js';

export interface TextOptions {
  /** Characters of a window: the length of the input and of the target. */
  readonly context: number;
  /** Characters from the start of one window to that of the next; default 1. */
  readonly stride?: number;
  /** Default: the distinct characters of the text, by code point. */
  readonly vocabulary?: Vocabulary;
  /** For messages; default "text", or the name of the file. */
  readonly name?: string;
}

interface Contents {
  readonly ids: Int32Array;
  readonly context: number;
  readonly stride: number;
  readonly name: string;
}

const OPTIONS = ['context', 'stride', 'vocabulary', 'name'];

/**
 * Windows of a text, character by character, for a model that predicts the next character: a sample is the ids of
 * `context` characters and those of the same window one character later, both int32.
 *
 * @example
 * const text = await TextCorpus.open('shakespeare.txt', { context: 128 });
 * const [train, test] = text.split(0.9);
 * const loader = new DataLoader(train, { batchSize: 32, shuffle: true });
 * for await (const [inputs, targets] of loader) break; // int32 [32, 128] both
 */
export class TextCorpus implements SampleSet<readonly [inputs: Int32Array, targets: Int32Array]> {
  readonly name: string;
  readonly length: number;
  readonly context: number;
  readonly stride: number;
  readonly vocabulary: Vocabulary;
  /** The whole text as ids. */
  readonly ids: Int32Array;
  readonly workerSpec: WorkerSpec;
  readonly get: (index: number) => readonly [inputs: Int32Array, targets: Int32Array];

  /** @throws UsageError for options that are not valid; DataError for a text without a window or with unknown characters */
  constructor(text: string, options: TextOptions) {
    const own = checked(options);
    if (typeof text !== 'string')
      throw new UsageError({
        what: 'TextCorpus got no text',
        expected: 'a string; TextCorpus.open reads a file',
        got: shown(text),
      });
    const vocabulary = options.vocabulary ?? Vocabulary.of(text);
    this.ids = vocabulary.encode(text);
    const contents: Contents = { ...own, ids: this.ids };
    const windows = openTextWindows(contents);
    ({ name: this.name, length: this.length, get: this.get } = windows);
    ({ context: this.context, stride: this.stride } = own);
    this.workerSpec = { module: import.meta.url, export: 'openTextWindows', options: contents };
    this.vocabulary = vocabulary;
  }

  /** Reads a text file, UTF-8. @throws DataError for a file that cannot be read or is not UTF-8 */
  static async open(file: string, options: TextOptions): Promise<TextCorpus> {
    checkPath('TextCorpus.open', 'file', file);
    checked(options);
    const bytes = await readFile(file).catch((error) => {
      throw diskError(error, `cannot read ${file}`, DataError);
    });
    return new TextCorpus(textOf(file, bytes, DataError), { name: file, ...options });
  }

  /**
   * The first part of the text, and the rest, with the vocabulary of the whole.
   *
   * @param share of the characters in the first part, above 0 and below 1
   */
  split(share: number): [TextCorpus, TextCorpus] {
    if (!(typeof share === 'number' && share > 0 && share < 1))
      throw new UsageError({
        what: 'split got a bad share',
        expected: 'a number above 0 and below 1',
        got: shown(share),
      });
    const { context, stride, vocabulary, name } = this;
    const end = Math.round(share * this.ids.length);
    const part = (from: number, to: number, which: string): TextCorpus =>
      new TextCorpus(vocabulary.decode(this.ids.subarray(from, to)), {
        context,
        stride,
        vocabulary,
        name: `${name}, ${which} part`,
      });
    return [part(0, end, 'first'), part(end, this.ids.length, 'last')];
  }
}

function checked(options: TextOptions): Omit<Contents, 'ids'> {
  checkOptionNames('TextCorpus', options, OPTIONS);
  const { context, stride = 1, vocabulary, name = 'text' } = options;
  for (const [option, value] of Object.entries({ context, stride }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError({
        what: `TextCorpus got a bad ${option}`,
        expected: 'a whole number of characters, at least 1',
        got: shown(value),
      });
  if (vocabulary !== undefined && !(vocabulary instanceof Vocabulary))
    throw new UsageError({
      what: 'TextCorpus got a bad vocabulary',
      expected: 'a Vocabulary, such as that of another corpus',
      got: shown(vocabulary),
    });
  return { context, stride, name };
}

/** Windows by index, without waiting. */
interface Windows extends SampleSet<readonly [inputs: Int32Array, targets: Int32Array]> {
  get(index: number): readonly [inputs: Int32Array, targets: Int32Array];
}

/**
 * The windows of an encoded text. Worker threads open it by the name of this function.
 * @throws DataError for a text without one
 */
export function openTextWindows({ ids, context, stride, name }: Contents): Windows {
  if (ids.length <= context)
    throw new DataError({
      what: `${name} is shorter than one window`,
      expected: `at least ${context + 1} characters for a context of ${context}`,
      got: `${ids.length}`,
      next: 'give more text, or a smaller context',
    });
  const length = Math.floor((ids.length - context - 1) / stride) + 1;
  return {
    name,
    length,
    get: (index) => {
      checkIndex({ name, length }, index, 'window');
      const at = index * stride;
      return [ids.slice(at, at + context), ids.slice(at + 1, at + context + 1)];
    },
  };
}
