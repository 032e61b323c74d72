import { verifyChecksum } from '../../files/checksum.js';
import { withFile } from '../../files/file-source.js';
import type { FileArray } from '../numbers.js';
import { openSafetensors } from './read.js';

/** What {@link readSafetensors} returns. */
export interface SafetensorsFile {
  /** In the order of the bytes in the file. */
  tensors: Map<string, FileArray>;
  metadata: Record<string, string>;
}

/**
 * Reads a whole .safetensors file.
 *
 * @throws CheckpointError that names the file and the fault, such as a checksum mismatch
 */
export async function readSafetensors(file: string): Promise<SafetensorsFile> {
  return withFile(file, async (source) => {
    const reader = await openSafetensors(source);
    await verifyChecksum(file);
    const tensors = new Map<string, FileArray>();
    for (const name of reader.tensors.keys()) tensors.set(name, await reader.read(name));
    return { tensors, metadata: { ...reader.metadata } };
  });
}
