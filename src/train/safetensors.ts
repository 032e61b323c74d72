import type { FileArray } from '../interop/numbers.js';
import { type ArraySource, safetensorsPieces } from '../interop/safetensors/index.js';
import { writeFileAtomic } from './atomic.js';

export type { FileArray as SafetensorsArray } from '../interop/numbers.js';
export {
  type ArraySource as SafetensorsSource,
  readSafetensors,
  type SafetensorsFile,
} from '../interop/safetensors/index.js';

/**
 * Writes a .safetensors file atomically. Equal input gives equal bytes, whatever the order of the map.
 *
 * @param tensors by name; their data must not change until the promise settles
 * @param metadata texts kept beside the tensors
 * @throws CheckpointError for a tensor whose shape, dtype and data disagree, or when the disk refuses
 */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, FileArray | ArraySource>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(file, safetensorsPieces(tensors, metadata));
}
