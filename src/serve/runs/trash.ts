import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CheckpointError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { rename } from '../../files/rename.js';
import { removeFolder } from '../../files/system/remove.js';
import { RequestError } from '../http/request-error.js';
import { isSegment } from './path-containment.js';

/** Deleted runs are kept for at least this time. */
const KEEP_MS = 24 * 3600 * 1000;

/** Storage for deleted runs until they are removed for good: `.trash/UNDO/RUN`. */
export class Trash {
  readonly #folder: string;

  /** @param root real path of the runs folder */
  constructor(readonly root: string) {
    this.#folder = join(root, '.trash');
  }

  /** Refuses a `.trash` that is a link, because runs moved there would leave the runs folder. */
  async #checked(): Promise<string> {
    await mkdir(this.#folder, { recursive: true });
    if (!(await lstat(this.#folder)).isSymbolicLink()) return this.#folder;
    throw new RequestError(409, {
      what: 'The runs folder has a .trash that is a link',
      expected: 'a folder',
      next: 'remove the link',
    });
  }

  /**
   * @param folder real path of a run
   * @returns the token for undoing
   */
  async move(folder: string): Promise<string> {
    const undo = randomBytes(8).toString('hex');
    try {
      const place = join(await this.#checked(), undo);
      await mkdir(place);
      await rename(folder, join(place, basename(folder)));
    } catch (error) {
      throw diskError(error, `cannot move ${basename(folder)} to the trash`, CheckpointError);
    }
    return undo;
  }

  /** Restores a deleted run and returns its id. */
  async restore(undo: string): Promise<string> {
    const place = join(await this.#checked(), undo);
    const [id] = /^[0-9a-f]{16}$/.test(undo) ? await readdir(place).catch(() => []) : [];
    if (id === undefined || !isSegment(id))
      throw new RequestError(404, {
        what: 'There is nothing to undo',
        expected: 'a recently deleted run',
        next: 'look into .trash in the runs folder',
      });
    const target = join(this.root, id);
    if (existsSync(target))
      throw new RequestError(409, {
        what: `Another run ${id} exists now`,
        next: `rename that folder, then undo again`,
      });
    try {
      await rename(join(place, id), target);
      await removeFolder(place);
    } catch (error) {
      throw diskError(error, `cannot restore ${id} from the trash`, CheckpointError);
    }
    return id;
  }

  /** Removes runs that were deleted at least a day ago. */
  async empty(): Promise<void> {
    const found = await lstat(this.#folder).catch(() => undefined);
    if (!found?.isDirectory()) return;
    for (const name of await readdir(this.#folder)) {
      const place = join(this.#folder, name);
      const { mtimeMs } = await lstat(place);
      if (/^[0-9a-f]{16}$/.test(name) && Date.now() - mtimeMs > KEEP_MS) await removeFolder(place);
    }
  }
}
