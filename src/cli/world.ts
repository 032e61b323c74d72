import { launcherOf, open, type World } from '../distributed/index.js';
import { JoinError } from '../distributed/mpi/join-error.js';
import { printableLines } from '../errors/printable.js';
import { describeError, Told } from './print-error.js';
import { fallSilent } from './terminal/output.js';

/**
 * Runs a command on all ranks of a world, or on one process if no launcher has started it. Only the first rank prints. An
 * error on one rank ends all ranks, with a message that names the rank; an error that occurs on all ranks is printed once.
 */
export async function withWorld(body: (world: World | undefined) => Promise<void>): Promise<void> {
  const world = await joined();
  if (world.size === 1) return body(undefined);
  if (!world.first) fallSilent();
  try {
    await body(world);
    await world.close();
  } catch (error) {
    throw await failed(world, error);
  }
}

/** How long a rank that cannot join waits for the first one to print the same error, in milliseconds. */
const FIRST_MS = 4000;

/** Joins the other ranks. If they do not find each other, all ranks get the same error, and the first one prints it. */
async function joined(): Promise<World> {
  try {
    return await open();
  } catch (error) {
    const { rank = 0 } = launcherOf() ?? {};
    if (error instanceof JoinError) throw error.first ? error : new Told(describeError(error).code);
    // If the first rank has the same error, it ends the job now; if not, it does not know this one. Signals of the launcher
    // are not handled meanwhile.
    if (rank !== 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FIRST_MS);
    throw error;
  }
}

/** Ends the world with an error, unless that has been done. @returns the error to throw on */
export async function failed(world: World | undefined, error: unknown): Promise<unknown> {
  if (!world || error instanceof Told) return error;
  const { code, text } = describeError(error, process.env.PAPERWEIGHT_DEBUG === '1');
  await world.fail(code, text, (prefix) => process.stderr.write(`${printableLines(`${prefix}${text}`)}\n`));
  return new Told(code);
}
