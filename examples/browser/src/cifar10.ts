import type { Dataset } from 'paperweight/core';

const IMAGE = 3 * 32 * 32;
const RECORD = 1 + IMAGE;
const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/** Names of the binary version's files. */
export const isTrainFile = (name: string): boolean => /^data_batch_[1-5]\.bin$/.test(name);
export const isTestFile = (name: string): boolean => name === 'test_batch.bin';

/** CIFAR-10's binary files: in each record a label and 32 × 32 pixels in three planes. */
export class Records implements Dataset {
  readonly classes = CLASSES;
  readonly imageShape = [3, 32, 32] as const;
  readonly length: number;

  constructor(
    readonly name: string,
    readonly bytes: Uint8Array,
  ) {
    this.length = bytes.length / RECORD;
    if (!Number.isInteger(this.length) || this.length === 0)
      throw new Error(
        `${name} is not a file of CIFAR-10's binary version. Expected records of ${RECORD} bytes; got ${bytes.length} bytes.`,
      );
    for (let i = 0; i < this.length; i++)
      if (bytes[i * RECORD]! > 9)
        throw new Error(
          `${name} is not a file of CIFAR-10's binary version. Expected labels from 0 to 9; got ${bytes[i * RECORD]} in record ${i}.`,
        );
  }

  read(index: number, into: Uint8Array, offset: number): number {
    if (!(index >= 0 && index < this.length))
      throw new RangeError(`${this.name} has no image ${index}: it has ${this.length}.`);
    const at = index * RECORD;
    into.set(this.bytes.subarray(at + 1, at + RECORD), offset);
    return this.bytes[at]!;
  }
}

const folder = async (): Promise<FileSystemDirectoryHandle> =>
  (await navigator.storage.getDirectory()).getDirectoryHandle('cifar10', { create: true });

/** Names of the files that the browser keeps for this page. */
export async function storedFiles(): Promise<string[]> {
  const names: string[] = [];
  for await (const [name, handle] of (await folder()).entries()) {
    // A page that was closed while it stored a file leaves an empty one.
    const { size } = await (handle as FileSystemFileHandle).getFile();
    if ((isTrainFile(name) || isTestFile(name)) && size > 0) names.push(name);
  }
  return names.sort();
}

/** Checks a file and keeps it in the page's own storage (OPFS). */
export async function storeFile(file: File): Promise<void> {
  if (!isTrainFile(file.name) && !isTestFile(file.name))
    throw new Error(
      `${file.name} is not a file of CIFAR-10's binary version. Expected data_batch_1.bin to data_batch_5.bin, or test_batch.bin. Next: unpack cifar-10-binary.tar.gz and drop its .bin files.`,
    );
  const bytes = new Uint8Array(await file.arrayBuffer());
  new Records(file.name, bytes);
  try {
    const handle = await (await folder()).getFileHandle(file.name, { create: true });
    // The file changes when the stream is closed: if that fails, one that was stored before stays as it was.
    const stream = await handle.createWritable();
    await stream.write(bytes);
    await stream.close();
  } catch (error) {
    throw new Error(
      `This browser did not store ${file.name}: ${(error as Error).message} Next: free some of its storage, and drop the file again.`,
    );
  }
}

/** The stored training or test images. */
export async function openStored(train: boolean): Promise<Records> {
  const names = (await storedFiles()).filter(train ? isTrainFile : isTestFile);
  if (names.length === 0)
    throw new Error(
      `There are no ${train ? 'training' : 'test'} images of CIFAR-10 in this browser. Next: drop the .bin files of cifar-10-binary.tar.gz on the page.`,
    );
  const parts = await Promise.all(
    names.map(async (name) => {
      const file = await (await (await folder()).getFileHandle(name)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    }),
  );
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new Records(names.join(', '), bytes);
}
