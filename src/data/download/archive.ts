import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { makeFolder } from '../../files/make-folder.js';
import { rename } from '../../files/rename.js';
import { removeFolder, removeOld } from '../../files/system/remove.js';
import { withoutCredentials } from './address.js';
import { type DownloadProgress, downloadFile } from './download.js';
import { checkedMd5, fetchAlone, isThere, replaceDamaged } from './fetching.js';
import { type Extracted, extractTarGz } from './untar.js';

/** Largest archive in bytes: more than CIFAR-10 or CIFAR-100 has, also in other compressions. */
const MAX_ARCHIVE = 2 ** 28;

const MARKER = '.paperweight-source.json';

/** A data set that is published as one .tar.gz file. */
export interface Archive {
  /** Name of the data set, for messages. */
  readonly name: string;
  /** Where its authors publish it. */
  readonly url: string;
  /** MD5 of the official archive. */
  readonly md5: string;
  /** Name of the folder to create. */
  readonly folder: string;
  /** Names of the files to extract. */
  readonly files: readonly string[];
  /** Reads a file of the data set; throws if it is damaged or missing. */
  readonly check: (file: string) => Promise<unknown>;
}

export interface FetchOptions {
  /** Folder in which to create that of the data set; created if missing. */
  root: string;
  /** Address of a mirror of the archive. */
  mirror?: string;
  /** Expected MD5 of the archive; default: that of the official one. */
  md5?: string;
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
}

/** Contents of the marker file written beside extracted files: the archive they came from. */
export interface SourceMarker {
  url: string;
  archiveMd5: string;
  files: Record<string, Extracted>;
}

/** Reads the marker of a folder; undefined if it is missing or not valid. */
export async function readSourceMarker(folder: string): Promise<SourceMarker | undefined> {
  return parseSourceMarker(await readFile(path.join(folder, MARKER), 'utf8').catch(() => ''));
}

/** Parses a marker; undefined if it is not valid. */
export function parseSourceMarker(text: string): SourceMarker | undefined {
  try {
    const marker = JSON.parse(text) as Partial<SourceMarker> | null;
    if (typeof marker?.archiveMd5 !== 'string' || typeof marker.files !== 'object' || marker.files === null)
      return undefined;
    return marker as SourceMarker;
  } catch {
    return undefined;
  }
}

/**
 * Downloads an archive, verifies it and extracts it. One that is already in `root` with the right MD5 is used without
 * the network, and kept.
 *
 * @param folder whose damaged or missing files are replaced; by default that of the archive's name in `root`, which is
 *   created atomically if it is missing
 * @returns the folder
 * @throws DataError if the download, the archive or a disk operation fails
 */
export async function fetchArchive(
  archive: Archive,
  options: FetchOptions,
  folder: string = path.join(options.root, archive.folder),
): Promise<string> {
  const { root, signal } = options;
  const md5 = checkedMd5('fetchArchive', options.md5 ?? archive.md5);
  const failed = (error: unknown) => {
    signal?.throwIfAborted();
    throw diskError(error, `cannot prepare ${archive.name} in ${root}`, DataError);
  };
  await makeFolder(root).catch(failed);
  await fetchAlone(root, signal, async (waited) => {
    if (!waited || !(await isWhole(archive, folder)))
      await fetchFiles(archive, { ...options, md5 }, folder).catch(failed);
  });
  return folder;
}

async function isWhole({ files, check }: Archive, folder: string): Promise<boolean> {
  try {
    for (const name of files) await check(path.join(folder, name));
    return true;
  } catch {
    return false;
  }
}

async function fetchFiles(
  archive: Archive,
  { root, mirror: url = archive.url, md5, onProgress, signal }: FetchOptions & { md5: string },
  folder: string,
): Promise<void> {
  const { files, check } = archive;
  const file = path.join(root, path.posix.basename(archive.url));
  const { fetched } = await downloadFile({ url, to: file, md5, maxBytes: MAX_ARCHIVE, onProgress, signal });
  const temporary = await mkdtemp(path.join(root, `.${archive.folder}-`));
  try {
    const extracted = await extractTarGz({ archive: file, into: temporary, wanted: files });
    const marker: SourceMarker = {
      url: withoutCredentials(url),
      archiveMd5: md5,
      files: Object.fromEntries(extracted),
    };
    await writeFile(path.join(temporary, MARKER), `${JSON.stringify(marker, null, 2)}\n`);
    if (await isThere(folder)) {
      await replaceDamaged(temporary, folder, files, (name) => check(path.join(folder, name)));
      await rename(path.join(temporary, MARKER), path.join(folder, MARKER));
    } else await rename(temporary, folder);
    if (fetched) await removeOld(file);
  } finally {
    await removeFolder(temporary);
  }
}
