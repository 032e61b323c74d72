import { existsSync } from 'node:fs';
import { posix, win32 } from 'node:path';
import { cacheFolder } from '../../../files/cache-folder.js';

/** The folder, below {@link cacheFolder}, into which setup unpacks the library for Windows. */
export const WINDOWS_FOLDER = 'onednn-2.6.0-win32-x64';

/** What the places depend on. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  readonly cache: string;
  readonly exists: (file: string) => boolean;
}

const thisMachine = (): Machine => ({
  platform: process.platform,
  env: process.env,
  cache: cacheFolder(),
  exists: existsSync,
});

/**
 * The oneDNN libraries to try on this system, in order: names that the loader searches for, or paths. Version 2 comes
 * first, since it has Winograd convolutions. `PAPERWEIGHT_ONEDNN` replaces them all.
 */
export function oneDnnPlaces(machine: Machine = thisMachine()): readonly string[] {
  const { platform, env } = machine;
  if (env.PAPERWEIGHT_ONEDNN) return [env.PAPERWEIGHT_ONEDNN];
  if (platform === 'linux') return ['libdnnl.so.2', 'libdnnl.so.3', 'libdnnl.so', ...condaOnLinux(machine)];
  if (platform === 'darwin') return onMac(machine);
  if (platform === 'win32') return onWindows(machine);
  return [];
}

const condaOnLinux = ({ env, exists }: Machine): string[] =>
  ['so.2', 'so.3'].flatMap((end) => {
    const file = env.CONDA_PREFIX && posix.join(env.CONDA_PREFIX, 'lib', `libdnnl.${end}`);
    return file && exists(file) ? [file] : [];
  });

/** Homebrew (ARM, Intel, or elsewhere), MacPorts, conda. The loader itself searches none of their folders. */
function onMac({ env, exists }: Machine): string[] {
  const brews = [env.HOMEBREW_PREFIX, '/opt/homebrew', '/usr/local'].filter((one) => one !== undefined);
  const folders = [
    ...brews.flatMap((brew) => [`${brew}/lib`, `${brew}/opt/onednn/lib`]),
    '/opt/local/lib',
    ...(env.CONDA_PREFIX ? [`${env.CONDA_PREFIX}/lib`] : []),
  ];
  const all = ['2.dylib', '3.dylib', 'dylib'].flatMap((end) =>
    [...new Set(folders)].map((folder) => `${folder}/libdnnl.${end}`),
  );
  const found = all.filter(exists);
  return found.length > 0 ? found : all.filter((file) => /\/opt\/homebrew\/lib|\/usr\/local\/lib/.test(file));
}

/**
 * The library that setup fetched, then `dnnl.dll` in the folders of Python's environments and of PATH. As paths, so that a file that does
 * not load is distinguished from no file: Windows' error is the same.
 */
function onWindows({ env, cache, exists }: Machine): string[] {
  const fetched = win32.join(cache, WINDOWS_FOLDER, 'dnnl.dll');
  const inPath = (env.PATH ?? env.Path ?? '').split(';').filter((folder) => folder !== '');
  const wheelsOf = (prefix: string): string => win32.join(prefix, 'Library', 'bin');
  const folders = [
    ...[env.CONDA_PREFIX, env.VIRTUAL_ENV].filter((one) => one !== undefined).map(wheelsOf),
    // `pip install` puts the wheel's library below the folder of python.exe.
    ...inPath.filter((folder) => exists(win32.join(folder, 'python.exe'))).map(wheelsOf),
    // And below the user's own folder, if that of python.exe is not writable.
    ...(env.APPDATA ? [wheelsOf(win32.join(env.APPDATA, 'Python'))] : []),
    ...inPath,
  ];
  const found = folders.map((folder) => win32.join(folder, 'dnnl.dll')).filter(exists);
  return [fetched, ...new Set(found)];
}
