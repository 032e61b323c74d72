import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { bufferSource } from '../../files/byte-source.js';
import { Module } from '../../nn/module.js';
import { modelWeights } from '../model-weights.js';
import type { FileArray } from '../numbers.js';
import { openSafetensors } from './read.js';
import { safetensorsPieces } from './write.js';

/**
 * A model's parameters and buffers as the bytes of a .safetensors file, for a program without files such as a page.
 *
 * @param metadata strings to store beside the tensors
 */
export async function encodeWeights(
  model: Module<unknown>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  if (!(model instanceof Module))
    throw new UsageError({ what: 'encodeWeights needs a model', expected: 'a module', got: shown(model) });
  const pieces: Uint8Array[] = [];
  let length = 0;
  // A piece is valid until the next one is requested.
  for await (const piece of safetensorsPieces(modelWeights(model), { format: 'pt', ...metadata })) {
    pieces.push(piece.slice());
    length += piece.length;
  }
  const bytes = new Uint8Array(length);
  for (let at = 0; pieces.length > 0; ) {
    const piece = pieces.shift()!;
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * Reads the bytes of a .safetensors file, for `loadStateDict`.
 *
 * @param name name of the file, for messages
 * @throws CheckpointError that names the file and the fault
 */
export async function decodeWeights(
  bytes: Uint8Array,
  name = 'the file',
): Promise<{ tensors: Map<string, FileArray>; metadata: Readonly<Record<string, string>> }> {
  if (!(bytes instanceof Uint8Array))
    throw new UsageError({ what: 'decodeWeights needs bytes', expected: 'a Uint8Array', got: shown(bytes) });
  const { tensors: entries, metadata, read } = await openSafetensors(bufferSource(name, bytes));
  const tensors = new Map<string, FileArray>();
  for (const entry of entries.keys()) tensors.set(entry, await read(entry));
  return { tensors, metadata };
}
