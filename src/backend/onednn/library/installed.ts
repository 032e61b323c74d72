import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMain } from '../../../files/system/is-main.js';
import { loadOneDnn } from './library.js';
import { oneDnnPlaces } from './places.js';

/** A oneDNN library found on this system. `problem` says why it cannot be used. */
export interface Installed {
  /** The name or path that was passed to the loader. */
  readonly path: string;
  /** The file that the loader opened. */
  readonly file?: string;
  readonly version?: string;
  readonly problem?: string;
}

/**
 * All oneDNN libraries found on this system. Each is loaded in a separate process: two in one process would share symbols
 * and the OpenMP runtime.
 */
export async function installedOneDnn(): Promise<Installed[]> {
  const found = await Promise.all(oneDnnPlaces().map(probe));
  // The unversioned name is a link to one of the other files.
  return found.filter(
    (one, i): one is Installed =>
      one !== undefined && !found.slice(0, i).some((other) => one.file && other?.file === one.file),
  );
}

function probe(path: string): Promise<Installed | undefined> {
  const env = { ...process.env, PAPERWEIGHT_ONEDNN: path };
  return new Promise((resolve) => {
    execFile(process.execPath, [fileURLToPath(import.meta.url)], { env }, (error, stdout) => {
      if (!error) return resolve({ path, ...JSON.parse(stdout) });
      const problem = /^DeviceError: (.*?)(?: Next: .*)?$/m.exec(error.message)?.[1] ?? error.message;
      resolve(problem.includes(`none of ${path}`) ? undefined : { path, problem });
    });
  });
}

if (isMain(import.meta.url)) {
  const { version } = loadOneDnn();
  const mapped = process.platform === 'linux' ? readFileSync('/proc/self/maps', 'utf8') : '';
  const file = /\s(\/\S*dnnl\S*)$/m.exec(mapped)?.[1];
  console.log(JSON.stringify({ version, ...(file ? { file } : {}) }));
}
