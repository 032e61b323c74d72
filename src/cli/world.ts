import { launcherOf, open, type World } from '../distributed/index.js';
import { printableLines } from '../errors/printable.js';
import { describeError, Told } from './print-error.js';
import { fallSilent } from './terminal/output.js';

/**
 * Runs a command on all ranks of a world; alone, where no launcher has started several. Ranks other than the first print
 * nothing. An error of one rank ends all of them, with a message that names it; one that all ranks have is printed once.
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

/** Where ranks do not find each other, each of them meets the same error: the first one reports it. */
async function joined(): Promise<World> {
  try {
    return await open();
  } catch (error) {
    const { rank = 0, size } = launcherOf() ?? {};
    // Where the launcher does not say how many there are, the first one may be alone and go on.
    throw rank === 0 || size === undefined ? error : new Told(describeError(error).code);
  }
}

/** Ends the world with an error, unless that has been done. @returns the error to throw on */
export async function failed(world: World | undefined, error: unknown): Promise<unknown> {
  if (!world || error instanceof Told) return error;
  const { code, text } = describeError(error, process.env.PAPERWEIGHT_DEBUG === '1');
  await world.fail(code, text, (prefix) => process.stderr.write(`${printableLines(`${prefix}${text}`)}\n`));
  return new Told(code);
}
