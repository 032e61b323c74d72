import type { World } from '../../distributed/index.js';
import { type ArrayInfo, blank, viewBytes } from '../../interop/numbers.js';
import type { SafetensorsFile } from '../../interop/safetensors/checked.js';

/** A checkpoint without the values of its arrays, which are sent separately. */
interface Head {
  readonly name: string;
  readonly metadata: Record<string, string>;
  readonly arrays: readonly (readonly [name: string, info: ArrayInfo])[];
}

/** Sends the other ranks the checkpoint from which a run resumes; without one, that it starts from the beginning. */
export async function sendCheckpoint(world: World, name?: string, file?: SafetensorsFile): Promise<void> {
  if (name === undefined || !file) {
    await world.broadcastValue<Head | null>(null);
    return;
  }
  const arrays = [...file.tensors].map(([one, { dtype, shape }]) => [one, { dtype, shape }] as const);
  await world.broadcastValue<Head | null>({ name, metadata: file.metadata, arrays });
  for (const { data } of file.tensors.values()) await world.broadcastBytes(viewBytes(data));
}

/** What rank 0 sends; undefined without a checkpoint. */
export async function receiveCheckpoint(
  world: World,
): Promise<{ readonly name: string; readonly file: SafetensorsFile } | undefined> {
  const head = await world.broadcastValue<Head | null>(null);
  if (!head) return undefined;
  const tensors: SafetensorsFile['tensors'] = new Map();
  for (const [name, { dtype, shape }] of head.arrays) {
    const array = blank(dtype, shape);
    viewBytes(array.data).set(await world.broadcastBytes(new Uint8Array()));
    tensors.set(name, array);
  }
  return { name: head.name, file: { tensors, metadata: head.metadata } };
}
