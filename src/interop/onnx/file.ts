import { lstat, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CheckpointError } from '../../errors/errors.js';
import { quoted } from '../../errors/excerpt.js';
import { diskError } from '../../files/disk-error.js';
import { importOnnxWith } from './import/index.js';
import type { OnnxModel } from './import/model.js';

/** Maximum size of a protobuf message; larger models keep weights in external files. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * Reads an ONNX model from a file, in evaluation mode. External weights are read only from files in the same folder.
 *
 * @throws CheckpointError like {@link importOnnx}, and for a file that cannot be read
 * @example
 * const model = await readOnnx('model.onnx');
 */
export async function readOnnx(path: string): Promise<OnnxModel> {
  try {
    const bytes = await readWhole(path, await stat(path));
    return await importOnnxWith(bytes, path, (location) => readBeside(path, location));
  } catch (error) {
    throw diskError(error, `cannot read ${path}`, CheckpointError);
  }
}

async function readBeside(path: string, location: string): Promise<Uint8Array> {
  const what = `${path} keeps weights in ${quoted(location)}`;
  if (!/^[^/\\\p{Cc}]{1,255}$/u.test(location) || location === '.' || location === '..')
    throw new CheckpointError({
      what,
      expected: 'the plain name of a file in the same folder',
      got: quoted(location),
      next: 'save the model as one file',
    });
  const file = join(dirname(path), location);
  try {
    // Links are not followed, since they could lead out of the folder.
    return await readWhole(file, await lstat(file));
  } catch (error) {
    throw diskError(error, `${what}, and cannot read that file`, CheckpointError);
  }
}

async function readWhole(path: string, info: { isFile(): boolean; size: number }): Promise<Uint8Array> {
  if (!info.isFile() || info.size > MAX_BYTES)
    throw new CheckpointError({
      what: `${path} cannot be read as an ONNX model`,
      expected: `a file of at most ${MAX_BYTES} bytes`,
      got: info.isFile() ? `${info.size} bytes` : 'something that is not a file',
    });
  return readFile(path);
}
