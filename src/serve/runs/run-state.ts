import { type RunState, stateSchema } from '../../run/run-files.js';
import { readSmall } from './path-containment.js';
import { parseJson } from './tail.js';

/**
 * The `state.json` of a run; undefined if it is missing or not valid.
 *
 * @param folder real path of the run
 * @throws RequestError 422 if it is too large
 */
export async function readState(folder: string): Promise<RunState | undefined> {
  return stateSchema.safeParse(parseJson((await readSmall(folder, 'state.json')) ?? '')).data;
}
