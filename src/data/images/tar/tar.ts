import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { DataError } from '../../../errors/errors.js';
import { diskError } from '../../../files/disk-error.js';
import { makeFolder } from '../../../files/make-folder.js';
import { rename } from '../../../files/rename.js';
import { IMAGE_NAME } from '../formats/format.js';
import type { ImageSource } from '../source.js';
import { listTar, type Member, type SmallMembers } from './tar-index.js';

const count = z.number().int().nonnegative();
/** Index of the images of a set of archives; rebuilt if an archive has changed. */
const indexSchema = z.object({
  version: z.literal(1),
  shards: z.array(z.object({ name: z.string(), size: count, mtimeMs: z.number() })),
  /** Shard, offset, size, label, name in the archive. */
  images: z.array(z.tuple([count, count, count, count, z.string()])),
});
type Index = z.infer<typeof indexSchema>;

/** Maximum size of a class file: a number and an optional line end. */
const MAX_LABEL_BYTES = 32;
/** Largest label. */
const MAX_LABEL = 999_999;

export interface TarOptions {
  /** Folder for the index. */
  readonly cache: string;
  /** Class names; default: "class 0" to the largest label. */
  readonly classes?: readonly string[];
}

/**
 * Images in .tar archives in WebDataset's layout: `KEY.jpg` beside `KEY.cls`, which holds the label as a number. The
 * position of each image is determined once and stored in the cache folder.
 *
 * @throws DataError for archives that are missing or damaged, and for images without a label
 */
export async function openTars(root: string, options: TarOptions): Promise<ImageSource> {
  const names = (await readdir(root)).filter((name) => /^[^.].*\.tar$/i.test(name)).sort();
  const shards = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(path.join(root, name));
      return { name, size, mtimeMs };
    }),
  );
  const index = await indexOf(root, shards, options.cache);
  const largest = index.images.reduce((most, [, , , label]) => Math.max(most, label), -1);
  if (largest < 0)
    throw new DataError({
      what: `${root} has no images`,
      expected: 'archives with KEY.jpg beside KEY.cls',
      got: `none in ${names.length} archives`,
    });
  const classes = options.classes ?? Array.from({ length: largest + 1 }, (_, i) => `class ${i}`);
  if (largest >= classes.length)
    throw new DataError({
      what: `${root} has a label out of range`,
      expected: `labels from 0 to ${classes.length - 1}`,
      got: String(largest),
    });
  const nameOf = (i: number) => {
    const [shard, , , , name] = index.images[i]!;
    return `${path.join(root, names[shard]!)}: ${name}`;
  };
  return {
    place: root,
    length: index.images.length,
    classes,
    labels: Int32Array.from(index.images, ([, , , label]) => label),
    remarks: [],
    nameOf,
    partOf(i) {
      const [shard, offset, size] = index.images[i]!;
      return { file: path.join(root, names[shard]!), range: { offset, size } };
    },
    async fingerprint() {
      const hash = createHash('sha256');
      for (const [shard, offset, size, label, name] of index.images)
        hash.update(`${label} ${size} ${names[shard]} ${offset} ${name}\n`);
      return hash.digest('hex');
    },
  };
}

async function indexOf(root: string, shards: Index['shards'], cache: string): Promise<Index> {
  const file = path.join(cache, 'tar-index.json');
  const kept = parseIndex(await readFile(file, 'utf8').catch(() => ''), shards);
  if (kept) return kept;
  const images: Index['images'] = [];
  for (const [i, { name }] of shards.entries())
    for (const [image, label] of await labelledIn(path.join(root, name)))
      images.push([i, image.offset, image.size, label, image.name]);
  const index: Index = { version: 1, shards, images };
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await makeFolder(cache);
    await writeFile(temporary, JSON.stringify(index));
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw diskError(error, `cannot write ${file}`, DataError);
  }
  return index;
}

/** Parses an index; undefined if it is not valid or belongs to other archives. */
export function parseIndex(text: string, shards: Index['shards']): Index | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { data } = indexSchema.safeParse(value);
  if (JSON.stringify(data?.shards) !== JSON.stringify(shards)) return undefined;
  const fits = data?.images.every(
    ([shard, offset, bytes, label]) => offset + bytes <= (shards[shard]?.size ?? -1) && label <= MAX_LABEL,
  );
  return fits ? data : undefined;
}

/** The key of a sample: the name without extensions. */
const keyOf = (name: string): string => {
  const folder = path.posix.dirname(name);
  return `${folder}/${path.posix.basename(name).split('.')[0]}`;
};

const labelledIn = (archive: string): Promise<[Member, number][]> =>
  labelled(archive, (wants, small) => listTar(archive, wants, small));

/** The images of an archive with their labels. @param list lists the archive's files */
export async function labelled(
  archive: string,
  list: (...small: SmallMembers) => Promise<Member[]>,
): Promise<[Member, number][]> {
  const labels = new Map<string, number>();
  const members = await list(
    (name, size) => name.endsWith('.cls') && size <= MAX_LABEL_BYTES,
    ({ name }, contents) => {
      const text = contents.toString('utf8').trim();
      if (!/^\d{1,6}$/.test(text))
        throw new DataError({
          what: `${name} in ${archive} is not a label`,
          expected: 'a whole number of at least 0',
          got: JSON.stringify(text),
        });
      labels.set(keyOf(name), Number(text));
    },
  );
  return members
    .filter(({ name }) => IMAGE_NAME.test(name))
    .map((member) => {
      const label = labels.get(keyOf(member.name));
      if (label !== undefined) return [member, label];
      throw new DataError({
        what: `${member.name} in ${archive} has no label`,
        expected: `${keyOf(member.name).replace(/^\.\//, '')}.cls beside it`,
        got: 'no such file',
      });
    });
}
