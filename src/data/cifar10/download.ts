import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { makeFolder } from '../../files/make-folder.js';
import { rename } from '../../files/rename.js';
import { removeFolder, removeOld } from '../../files/system/remove.js';
import { withoutCredentials } from '../download/address.js';
import { type DownloadProgress, downloadFile } from '../download/download.js';
import { checkedMd5, fetchAlone, isThere, MAX_ARCHIVE, replaceDamaged } from '../download/fetching.js';
import { type Extracted, extractTarGz } from '../download/untar.js';

/** Where the authors of CIFAR-10 publish the binary archive (about 170 MB). */
const CIFAR10_URL = 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz';
/** MD5 of the archive, as published by the authors. */
export const CIFAR10_MD5 = 'c32a1d4ab5d03f1284b67883e8d87530';
/** Name of the folder inside the archive. */
export const CIFAR10_FOLDER = 'cifar-10-batches-bin';
/** Training files in order, 10,000 images each. */
export const CIFAR10_TRAIN_FILES = [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`);
/** Test file, 10,000 images. */
export const CIFAR10_TEST_FILE = 'test_batch.bin';
/** Class names, one per line. */
export const CIFAR10_META_FILE = 'batches.meta.txt';
const MARKER = '.paperweight-source.json';

/** Contents of the marker file written beside extracted files: the archive they came from. */
export interface SourceMarker {
  url: string;
  archiveMd5: string;
  files: Record<string, Extracted>;
}

/** Reads the marker of a CIFAR-10 folder; undefined if it is missing or not valid. */
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

export interface FetchCIFAR10Options {
  /** Folder in which to create `cifar-10-batches-bin`; created if missing. */
  root: string;
  /** Address of a mirror of the archive. */
  mirror?: string;
  /** Expected MD5 of the archive; default: the official one. */
  md5?: string;
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
}

/** A folder with files of which some are damaged or missing. */
export interface Damaged {
  readonly folder: string;
  /** Reads a file; throws if it is damaged or missing. */
  readonly check: (name: string) => Promise<unknown>;
}

/**
 * Downloads the CIFAR-10 archive, verifies it and extracts it to `root/cifar-10-batches-bin`. An archive that
 * is already at `root/cifar-10-binary.tar.gz` with the right MD5 is used without the network, and kept.
 *
 * @param damaged the files to replace; by default the folder is created, atomically
 * @returns the folder with the .bin files
 * @throws DataError if the download, the archive or a disk operation fails
 */
export async function fetchCIFAR10(options: FetchCIFAR10Options, damaged?: Damaged): Promise<string> {
  const { root, signal } = options;
  const md5 = checkedMd5('fetchCIFAR10', options.md5 ?? CIFAR10_MD5);
  await makeFolder(root).catch((error) => {
    throw diskError(error, `cannot prepare CIFAR-10 in ${root}`, DataError);
  });
  return fetchAlone(root, signal, async (waited) => {
    const folder = path.join(root, CIFAR10_FOLDER);
    if (waited && !damaged && (await isThere(path.join(folder, CIFAR10_TEST_FILE)))) return folder;
    return fetchFiles({ ...options, md5 }, damaged);
  });
}

async function fetchFiles(
  { root, mirror: url = CIFAR10_URL, md5, onProgress, signal }: FetchCIFAR10Options & { md5: string },
  damaged: Damaged | undefined,
): Promise<string> {
  const folder = damaged?.folder ?? path.join(root, CIFAR10_FOLDER);
  const archive = path.join(root, 'cifar-10-binary.tar.gz');
  let temporary: string | undefined;
  try {
    const { fetched } = await downloadFile({
      url,
      to: archive,
      md5,
      maxBytes: MAX_ARCHIVE,
      onProgress,
      signal,
    });
    temporary = await mkdtemp(path.join(root, '.cifar-10-'));
    const wanted = [...CIFAR10_TRAIN_FILES, CIFAR10_TEST_FILE, CIFAR10_META_FILE];
    const files = await extractTarGz({ archive, into: temporary, wanted });
    const marker: SourceMarker = {
      url: withoutCredentials(url),
      archiveMd5: md5,
      files: Object.fromEntries(files),
    };
    await writeFile(path.join(temporary, MARKER), `${JSON.stringify(marker, null, 2)}\n`);
    if (damaged) {
      await replaceDamaged(temporary, folder, wanted, damaged.check);
      await rename(path.join(temporary, MARKER), path.join(folder, MARKER));
    } else
      await rename(temporary, folder).catch(async (error) => {
        // Another process may have created it in the meantime.
        if (!(await isThere(path.join(folder, CIFAR10_TEST_FILE)))) throw error;
      });
    if (fetched) await removeOld(archive);
    return folder;
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError(error, `cannot prepare CIFAR-10 in ${root}`, DataError);
  } finally {
    if (temporary) await removeFolder(temporary);
  }
}
