import { isTestFile, isTrainFile, Records } from './cifar10.js';
import { PageError } from './protocol.js';

/* CIFAR-10's files in the page's own storage (OPFS). It works in a worker, where every browser can write files. */

/** Part of a file's handle in a worker, which Safari has had for longer than streams. */
interface SyncHandle {
  write(bytes: Uint8Array): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
interface Handle {
  createWritable?(): Promise<FileSystemWritableFileStream>;
  createSyncAccessHandle(): Promise<SyncHandle>;
}

/** Files that the browser does not keep, such as in a private window: they are there until the page is closed. */
const held = new Map<string, Uint8Array<ArrayBuffer>>();

const folder = async (): Promise<FileSystemDirectoryHandle> =>
  (await navigator.storage.getDirectory()).getDirectoryHandle('cifar10', { create: true });

async function keptNames(): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const [name, handle] of (await folder()).entries()) {
      // A page that was closed while it stored a file leaves an empty one.
      const { size } = await (handle as FileSystemFileHandle).getFile();
      if ((isTrainFile(name) || isTestFile(name)) && size > 0) names.push(name);
    }
  } catch {
    // Without a storage nothing is kept.
  }
  return names;
}

/** Names of the files that are there. */
export const storedFiles = async (): Promise<string[]> =>
  [...new Set([...(await keptNames()), ...held.keys()])].sort();

/** Names of files that the browser does not keep. */
export const heldFiles = (): string[] => [...held.keys()].sort();

async function write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const found: unknown = await (await folder()).getFileHandle(name, { create: true });
  const handle = found as Handle;
  if (handle.createWritable) {
    // The file changes when the stream is closed: if that fails, one that was stored before stays as it was.
    const stream = await handle.createWritable();
    try {
      await stream.write(bytes);
      await stream.close();
    } catch (error) {
      await stream.abort().catch(() => {});
      throw error;
    }
    return;
  }
  const file = await handle.createSyncAccessHandle();
  try {
    file.truncate(0);
    const written = file.write(bytes);
    if (written < bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes fitted`);
    file.flush();
  } catch (error) {
    // Half a file must not stay.
    file.truncate(0);
    throw error;
  } finally {
    file.close();
  }
}

/** Checks a file and keeps it. @throws PageError if it is not one of CIFAR-10's */
export async function storeFile(file: File): Promise<void> {
  const { name } = file;
  if (!isTrainFile(name) && !isTestFile(name)) throw new PageError('notCifar', { name });
  const bytes = new Uint8Array(await file.arrayBuffer());
  new Records(name, bytes);
  held.delete(name);
  try {
    await write(name, bytes);
  } catch {
    // No room, or no storage.
    held.set(name, bytes);
  }
}

async function read(name: string): Promise<Uint8Array> {
  const known = held.get(name);
  if (known) return known;
  const file = await (await (await folder()).getFileHandle(name)).getFile();
  return new Uint8Array(await file.arrayBuffer());
}

/** The stored training or test images. @throws PageError if there are none */
export async function openStored(train: boolean): Promise<Records> {
  const names = (await storedFiles()).filter(train ? isTrainFile : isTestFile);
  if (names.length === 0) throw new PageError(train ? 'noTrainImages' : 'noTestImages');
  const parts = await Promise.all(names.map(read));
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new Records(names.join(', '), bytes);
}
