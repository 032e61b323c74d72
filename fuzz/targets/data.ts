import { readFileSync } from 'node:fs';
import { CLASSES, checkLabels, checkSize, parseClasses, RECORD } from '../../src/data/cifar10/format.js';
import { recordsFrom } from '../../src/data/cifar10/pickle.js';
import { type Extracted, parseTarHeader, TAR_BLOCK, unpackTar } from '../../src/data/download/untar.js';
import { parseSynsets } from '../../src/data/images/class-list.js';
import { linesOf, named } from '../../src/data/images/layout.js';
import { labelled, parseIndex } from '../../src/data/images/tar/tar.js';
import { listMembers } from '../../src/data/images/tar/tar-index.js';
import { DataError } from '../../src/errors/errors.js';
import type { Generator } from '../../src/random.js';
import { bytesOf, joined, sourceOf, textOf } from '../bytes.js';
import { pick } from '../mutate.js';
import { must, type Target } from '../target.js';
import { PARTS, patched } from './pickle-grammar.js';

/** Writes the correct checksum into a tar header. */
function seal(block: Uint8Array): Uint8Array {
  block.fill(32, 148, 156);
  const sum = block.reduce((a, b) => a + b, 0);
  block.set(bytesOf(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

function entry(name: string, contents: Uint8Array, type = '0'): Uint8Array {
  const header = new Uint8Array(TAR_BLOCK);
  header.set(bytesOf(name).subarray(0, 100), 0);
  header.set(bytesOf(`${contents.length.toString(8).padStart(11, '0')}\0`), 124);
  header.set(bytesOf('ustar\u000000'), 257);
  header[156] = type.charCodeAt(0);
  const padding = new Uint8Array((TAR_BLOCK - (contents.length % TAR_BLOCK)) % TAR_BLOCK);
  return joined(seal(header), contents, padding);
}

const END = new Uint8Array(2 * TAR_BLOCK);
const long = `d/${'n'.repeat(120)}.png`;
const archives = (): Uint8Array[] => [
  joined(entry('a.jpg', Uint8Array.of(1, 2)), entry('a.cls', bytesOf('3')), END),
  joined(entry('x', bytesOf(`30 path=${long}\n`), 'x'), entry('x', new Uint8Array(3)), END),
  joined(entry('././@LongLink', bytesOf(`${long}\0`), 'L'), entry('x', new Uint8Array(3)), END),
  joined(entry('d', new Uint8Array(0), '5'), entry('d/wanted.bin', new Uint8Array(700)), END),
];

/** Changes fields of tar headers and corrects their checksums. */
function reshapeTar(input: Uint8Array, random: Generator): Uint8Array {
  const blocks = Math.floor(input.length / TAR_BLOCK);
  if (blocks === 0) return input;
  for (let left = 1 + random.integer(4); left > 0; left--) {
    const at = random.integer(blocks) * TAR_BLOCK;
    const block = input.subarray(at, at + TAR_BLOCK);
    const [from, length] = pick(random, [
      [0, 100],
      [124, 12],
      [156, 1],
      [257, 6],
      [345, 155],
    ] as const);
    const size = pick(random, [
      '00000000000',
      '77777777777',
      '00000000001',
      '00004000000',
      '7777777',
      ' 12 ',
      '-1',
      '9',
    ]);
    const by = pick(random, [
      size,
      'x',
      'L',
      '5',
      '7',
      '../a',
      '/wanted.bin',
      'wanted.bin',
      'a.cls',
      'b.jpg',
      '\0',
    ]);
    block.set(bytesOf(by).subarray(0, length), from + (length > 20 ? random.integer(20) : 0));
    if (random.integer(8) !== 0) seal(block);
  }
  return input;
}

/** Files of two images as the archive for Python holds them. */
const pickles = (): Uint8Array[] => {
  const url = new URL('../../../test/fixtures/cifar10-pickles.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(url, 'utf8')) as { cases: { file: string }[] };
  return cases.map(({ file }) => Uint8Array.from(Buffer.from(file, 'base64')));
};

const broken = (got: string): DataError => new DataError({ what: 'a.tar.gz cannot be unpacked', got });

const WANTED = ['wanted.bin', 'a.jpg'];

export const dataTargets: readonly Target[] = [
  {
    name: 'cifar10',
    format: 'bytes',
    most: 4 * RECORD,
    seeds: () => [new Uint8Array(RECORD).fill(5), new Uint8Array(2 * RECORD).fill(9)],
    reshape(input, random) {
      const records = 1 + random.integer(3);
      const file = new Uint8Array(records * RECORD + (random.integer(4) === 0 ? 1 : 0));
      file.set(input.subarray(0, file.length));
      for (let r = 0; r < records; r++) file[r * RECORD] = random.integer(random.integer(2) === 0 ? 12 : 256);
      return file;
    },
    run(input) {
      checkSize('f.bin', input.length, true);
      checkLabels('f.bin', input);
      must(input.length % RECORD === 0 && input.length > 0, 'incomplete records');
      for (let at = 0; at < input.length; at += RECORD)
        must(input[at]! < CLASSES.length, 'a label out of range');
      return String(input.length / RECORD);
    },
  },
  {
    name: 'cifar10-pickle',
    format: 'bytes',
    most: 2 ** 13,
    seeds: pickles,
    words: [
      ...PARTS,
      'cnumpy\ndtype\n',
      'cnumpy\nndarray\n',
      'cnumpy.core.multiarray\n_reconstruct\n',
      'cnumpy._core.numeric\n_frombuffer\n',
      'c_codecs\nencode\n',
      'data',
      'labels',
    ],
    reshape: (input, random) => patched(input, random, random.integer(2) === 0),
    run(input) {
      const records = recordsFrom('data_batch_1', input);
      must(records.length % RECORD === 0, 'incomplete records');
      for (let at = 0; at < records.length; at += RECORD)
        must(records[at]! < CLASSES.length, 'a label out of range');
      return String(records.length / RECORD);
    },
  },
  {
    name: 'class-names',
    format: 'bytes',
    most: 2 ** 17,
    seeds: () => [
      bytesOf(CLASSES.join('\n')),
      bytesOf('n01440764 tench, Tinca tinca\nn01443537 goldfish\r\n'),
    ],
    words: ['\n', '\r\n', ' ', '\t', '\u2028', '\u00a0', 'n01440764', '\ufeff'],
    run(input) {
      const lines = linesOf(textOf(input));
      const synsets = parseSynsets(lines);
      for (const [synset, name] of synsets) must(synset !== '' && name !== '', 'a class without a name');
      const classes = named([...synsets.keys()], { synsets, list: undefined });
      must(classes.length === synsets.size, 'a wrong number of class names');
      return `${Math.min(synsets.size, 2)} ${parseClasses('batches.meta.txt', textOf(input)).length}`;
    },
  },
  {
    name: 'tar',
    format: 'bytes',
    most: 8192,
    seeds: archives,
    words: ['ustar\0', 'path=', '11 path=a\n', 'a.cls', 'b.png', '77777777777'],
    reshape: reshapeTar,
    async run(input) {
      const images = await labelled('a.tar', (wants, small) =>
        listMembers('a.tar', sourceOf(input), input.length, wants, small),
      );
      for (const [{ offset, size }, label] of images) {
        must(offset >= TAR_BLOCK && offset + size <= input.length, 'an image outside of the archive');
        must(Number.isSafeInteger(label) && label >= 0, 'an invalid label');
      }
      return String(Math.min(images.length, 3));
    },
  },
  {
    name: 'tar-stream',
    format: 'bytes',
    most: 8192,
    seeds: archives,
    words: ['ustar\0', 'wanted.bin', '77777777777'],
    reshape: reshapeTar,
    async run(input) {
      const found = new Map<string, Extracted>();
      const written = new Map<string, number>();
      async function* pieces(): AsyncGenerator<Buffer> {
        for (let at = 0; at < input.length; at += 1000) yield Buffer.from(input.subarray(at, at + 1000));
      }
      await unpackTar(pieces(), {
        wanted: WANTED,
        maxFileBytes: 2000,
        broken,
        found,
        open: async (name) => ({
          write: async (piece) => void written.set(name, (written.get(name) ?? 0) + piece.length),
          sync: async () => {},
          close: async () => {},
        }),
      });
      for (const [name, { bytes }] of found) {
        must(WANTED.includes(name), 'a file that was not requested');
        must((written.get(name) ?? 0) === bytes && bytes <= 2000, 'a file of another size');
      }
      return [...found.keys()].sort().join();
    },
  },
  {
    name: 'tar-header',
    format: 'bytes',
    most: TAR_BLOCK,
    seeds: () => archives().map((archive) => archive.slice(0, TAR_BLOCK)),
    words: ['ustar\0', '77777777777', ' '],
    reshape: (input, random) => {
      const block = new Uint8Array(TAR_BLOCK);
      block.set(input.subarray(0, TAR_BLOCK));
      return reshapeTar(block, random);
    },
    run(input) {
      if (input.length < TAR_BLOCK) return 'short';
      const header = parseTarHeader(Buffer.from(input));
      if (typeof header === 'string') return header.slice(0, 20);
      must(Number.isSafeInteger(header.size) && header.size >= 0, 'an invalid size');
      return header.type === '0' ? 'file' : 'other';
    },
  },
  {
    name: 'tar-index',
    format: 'json',
    seeds: () => [
      bytesOf(
        JSON.stringify({
          version: 1,
          shards: [{ name: 'a.tar', size: 4096, mtimeMs: 5 }],
          images: [
            [0, 512, 10, 1, 'a.jpg'],
            [0, 1024, 5, 0, 'b.jpg'],
          ],
        }),
      ),
    ],
    run(input) {
      const shards = [{ name: 'a.tar', size: 4096, mtimeMs: 5 }];
      const index = parseIndex(textOf(input), shards);
      for (const [shard, offset, size, label] of index?.images ?? []) {
        must(shards[shard] !== undefined, 'an image in no archive');
        must(offset + size <= 4096, 'an image outside of its archive');
        must(label <= 999_999, 'a label that no archive can hold');
      }
      return index ? 'read' : 'none';
    },
  },
];
