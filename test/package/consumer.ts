import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc');

/** What `npm pack` and `npm ci` read. */
const SOURCES = [
  'src',
  'scripts',
  'bench/peers',
  'examples/browser',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.package.json',
  'README.md',
  'README.zh-CN.md',
  'LICENSE',
];
/** Other packages that the examples need, by their package.json. */
const EXAMPLE_PACKAGES = ['hono@4.13.19', '@hono/node-server@2.1.9'];
/** No package may run scripts, and a package in npm's cache is not fetched again. */
const FLAGS = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, in an environment without variables of Paperweight, npm or the test runner. */
export function run(
  command: string,
  args: readonly string[],
  { cwd, env = {}, timeoutMs = 180_000 }: { cwd: string; env?: NodeJS.ProcessEnv; timeoutMs?: number },
): Promise<Ran> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^PAPERWEIGHT_|^npm_|^NODE_TEST_CONTEXT$|^NODE_OPTIONS$/i.test(name),
  );
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      {
        cwd,
        env: { ...Object.fromEntries(inherited), PAPERWEIGHT_KERNELS: 'fixed', ...env },
        timeout: timeoutMs,
        maxBuffer: 2 ** 26,
      },
      (error, stdout, stderr) =>
        resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr }),
    );
  });
}

export const node = (args: readonly string[], options: Parameters<typeof run>[2]): Promise<Ran> =>
  run(process.execPath, args, options);

export const npm = (args: readonly string[], cwd: string): Promise<Ran> => run('npm', args, { cwd });

/** A project that has the packed package installed, as a user's would. */
export interface Consumer {
  /** Folder of the project, which contains `node_modules/paperweight`. */
  readonly folder: string;
  /** The copy of the sources that was packed. */
  readonly sources: string;
  /** Paths in the package. */
  readonly files: readonly string[];
  /** Bytes of the archive, and of its files. */
  readonly packed: number;
  readonly unpacked: number;
  /** Reason why packages could not be installed from a registry; they are then linked to those of this clone. */
  readonly offline: string | false;
  readonly remove: () => Promise<void>;
}

/** Copies the sources, installs their packages without scripts, packs them, and installs the archive elsewhere. */
export async function makeConsumer(): Promise<Consumer> {
  const base = await mkdtemp(path.join(tmpdir(), 'paperweight-package-'));
  const remove = () => rm(base, { recursive: true, force: true });
  try {
    const [sources, folder] = [path.join(base, 'sources'), path.join(base, 'consumer')];
    for (const name of SOURCES)
      await cp(path.join(ROOT, name), path.join(sources, name), { recursive: true });
    const installed = await npm(['ci', ...FLAGS], sources);
    let offline = installed.code === 0 ? false : reasonOf(installed);
    if (offline) {
      await rm(path.join(sources, 'node_modules'), { recursive: true, force: true });
      await symlink(path.join(ROOT, 'node_modules'), path.join(sources, 'node_modules'), 'junction');
    }
    const packing = await npm(['pack', '--json', '--pack-destination', base], sources);
    if (packing.code !== 0) throw new Error(`npm pack: ${packing.stderr}`);
    const listed: unknown = JSON.parse(packing.stdout);
    // npm 12 gives the packages by name.
    const [pack] = Object.values(listed as object) as {
      filename: string;
      size: number;
      unpackedSize: number;
      files: { path: string }[];
    }[];
    const archive = path.join(base, pack!.filename);
    await mkdir(folder);
    await writeFile(path.join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    const added = await npm(['install', archive, ...EXAMPLE_PACKAGES, ...FLAGS], folder);
    if (added.code !== 0) {
      offline = reasonOf(added);
      await unpackBeside(archive, folder);
    }
    await linkTypes(folder);
    return {
      folder,
      sources,
      files: pack!.files.map(({ path }) => path),
      packed: pack!.size,
      unpacked: pack!.unpackedSize,
      offline,
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

const reasonOf = ({ stderr }: Ran): string =>
  `npm could not install packages here: ${stderr.trim().split('\n')[0] ?? 'no reason given'}`;

/** Without a registry: the package's own files, and links to the packages of this clone. */
async function unpackBeside(archive: string, folder: string): Promise<void> {
  const modules = path.join(folder, 'node_modules');
  await rm(modules, { recursive: true, force: true });
  await mkdir(path.join(modules, 'paperweight'), { recursive: true });
  const into = path.join(modules, 'paperweight');
  const { code, stderr } = await run('tar', ['-xzf', archive, '--strip-components=1', '-C', into], {
    cwd: folder,
  });
  if (code !== 0) throw new Error(`tar: ${stderr}`);
  for (const name of ['commander', 'koffi', 'sharp', '@img', 'zod', 'detect-libc', 'semver'])
    await symlink(path.join(ROOT, 'node_modules', name), path.join(modules, name), 'junction');
  await mkdir(path.join(modules, '.bin'));
  await symlink('../paperweight/dist/src/cli/main.js', path.join(modules, '.bin/paperweight'));
}

/** Node's types come from this clone; a project can use any version. */
async function linkTypes(folder: string): Promise<void> {
  for (const name of ['@types', 'undici-types'])
    await symlink(path.join(ROOT, 'node_modules', name), path.join(folder, 'node_modules', name), 'junction');
}

/** All files below a folder, as paths relative to it. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}
