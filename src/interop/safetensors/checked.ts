import { checkPath, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { writeFileAtomic } from '../../files/atomic.js';
import { CHECKSUM_ROOM } from '../../files/checksum.js';
import { CHECKSUM_KEY } from '../../files/checksum-key.js';
import type { FileArray } from '../numbers.js';
import { type ArraySource, safetensorsPieces } from './index.js';

export type { FileArray as SafetensorsArray } from '../numbers.js';
export {
  type ArraySource as SafetensorsSource,
  readSafetensors,
  type SafetensorsFile,
} from './index.js';

/**
 * Writes a .safetensors file atomically, with a checksum (`src/files/checksum.ts`) in its metadata. Equal input gives
 * equal bytes; the order of the map does not matter.
 *
 * @param tensors by name; their data must not change until the promise settles
 * @param metadata strings to store beside the tensors
 * @returns the number of bytes written
 * @throws UsageError for wrong arguments; CheckpointError if the shape, dtype and data of a tensor disagree, or for a
 *   disk error
 */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, FileArray | ArraySource>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<number> {
  checkPath('writeSafetensors', 'file', file);
  if (!(tensors instanceof Map))
    throw new UsageError({
      what: 'writeSafetensors writes tensors by name',
      expected: 'a Map from names to { shape, dtype, data }',
      got: shown(tensors),
    });
  const notes = { ...metadata, [CHECKSUM_KEY]: CHECKSUM_ROOM };
  return writeFileAtomic(file, safetensorsPieces(tensors, notes), { checksum: true });
}
