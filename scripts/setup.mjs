// @ts-check
/*
 * Brings a bare clone to where `npm start` and `npm test` can run: packages, compiled code, the oneDNN library.
 * Node's built-in modules only, and nothing that an old Node could not read: it must be able to say that it is old.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fetchOneDnn, NO_PIP, WHEEL, windowsFolder } from './windows-onednn.mjs';

export const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const MIN_NODE = [20, 9];

/** An error that the user can fix: printed without a stack. */
export class SetupError extends Error {}

/** @param {string} line */
const say = (line) => process.stderr.write(`${line}\n`);

// ── Node ────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * @param {string} version such as `20.11.0`
 * @returns {string | undefined} a sentence when it is too old
 */
export function nodeComplaint(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return undefined;
  return `Paperweight needs Node.js ${MIN_NODE.join('.')} or newer, and this is ${version}. Next: install a newer one from https://nodejs.org and run the command again.`;
}

// ── Packages ────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * @typedef {{ version?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockEntry
 * @typedef {{ platform: string, arch: string, libc?: string }} Machine
 */

/** @returns {Machine} */
function thisMachine() {
  const report = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (
    process.report?.getReport() ?? {}
  );
  const libc =
    process.platform !== 'linux' ? undefined : report.header?.glibcVersionRuntime ? 'glibc' : 'musl';
  return { platform: process.platform, arch: process.arch, ...(libc ? { libc } : {}) };
}

/**
 * The first package of the lock file that is not installed as it should be. Optional packages count when they
 * are made for this machine.
 *
 * @param {Record<string, LockEntry>} locked "packages" of package-lock.json
 * @param {Record<string, LockEntry>} installed "packages" of node_modules/.package-lock.json
 * @param {Machine} machine
 * @returns {string | undefined}
 */
export function missingPackage(locked, installed, { platform, arch, libc }) {
  const wanted = Object.entries(locked).filter(([name, entry]) => {
    if (name === '') return false;
    if (!entry.optional) return true;
    return (
      entry.os?.includes(platform) &&
      entry.cpu?.includes(arch) &&
      (!entry.libc || (libc !== undefined && entry.libc.includes(libc)))
    );
  });
  return wanted.find(([name, { version }]) => installed[name]?.version !== version)?.[0];
}

/**
 * Why the packages have to be installed; undefined when they are all there.
 *
 * @param {string} root
 * @returns {string | undefined}
 */
export function installReason(root, machine = thisMachine()) {
  const modules = path.join(root, 'node_modules');
  if (!existsSync(modules)) return 'they are not there';
  const hidden = path.join(modules, '.package-lock.json');
  if (existsSync(hidden)) {
    const missing = missingPackage(readLock(path.join(root, 'package-lock.json')), readLock(hidden), machine);
    return (
      missing &&
      `${missing.replace(/^node_modules\//, '')} is missing or not the version of package-lock.json`
    );
  }
  // Another package manager has made the folder: look at what the project asks for by name.
  const { dependencies, devDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const missing = Object.entries({ ...dependencies, ...devDependencies }).find(([name, version]) => {
    const file = path.join(modules, name, 'package.json');
    return !existsSync(file) || JSON.parse(readFileSync(file, 'utf8')).version !== version;
  });
  return missing && `${missing[0]} ${missing[1]} is missing`;
}

/** @param {string} file @returns {Record<string, LockEntry>} */
function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch {
    return {};
  }
}

/**
 * Runs npm: the one that runs this script, else the one in the PATH.
 *
 * @param {string} root
 * @param {string[]} args
 */
function npm(root, args) {
  const running = process.env.npm_execpath;
  const label = `Installing packages (npm ${args[0]})`;
  // No package needs its install script, so none gets to run code on this machine.
  const all = [...args, '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
  return running !== undefined && /npm-cli\.[cm]?js$/.test(running)
    ? quietly(label, process.execPath, [running, ...all], { cwd: root })
    : quietly(label, 'npm', all, { cwd: root, shell: process.platform === 'win32' });
}

/** @param {string} root */
async function installPackages(root) {
  if (!installReason(root)) return;
  let result = await npm(root, ['ci']);
  // Versions of npm differ in what they require of a lock file; its contents are installed in any case.
  if (result.code !== 0 && /EUSAGE/.test(result.output)) result = await npm(root, ['install', '--no-save']);
  if (result.code === 0) return;
  say(firstLines(result.output, 20));
  throw new SetupError(npmComplaint(result.code, result.output));
}

/**
 * @param {number | string} code how npm ended
 * @param {string} output what it printed
 */
export function npmComplaint(code, output) {
  // On Windows a shell starts npm, and says this itself.
  if (code === 'ENOENT' || code === 9009 || /is not recognized as an internal/.test(output))
    return 'The packages cannot be installed: there is no npm. Expected npm beside Node.js, where its installer puts it. Next: install npm (on Debian: apt-get install npm; on Windows it comes with Node.js), then run the command again.';
  const next = /ENOSPC/.test(output)
    ? 'free some space on the disk'
    : /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|network|socket hang up/i.test(output)
      ? 'check the connection to the package registry (npm ping; behind a proxy: npm config set proxy …)'
      : 'see the lines above';
  return `The packages could not be installed: npm ended with ${code}. Next: ${next}, then run the command again.`;
}

// ── Compiled code ───────────────────────────────────────────────────────────────────────────────────────────

const SOURCES = ['src', 'test'];

/**
 * All files below some folders, as paths relative to the root; a folder that is not there has none.
 *
 * @param {string} root
 * @param {readonly string[]} folders
 * @returns {string[]}
 */
export function filesBelow(root, folders) {
  return folders
    .flatMap((folder) => {
      const from = path.join(root, folder);
      if (!existsSync(from)) return [];
      return readdirSync(from, { withFileTypes: true }).flatMap((entry) => {
        const name = `${folder}/${entry.name}`;
        return entry.isDirectory() ? filesBelow(root, [name]) : [name];
      });
    })
    .sort();
}

/**
 * Changes when any source file does: name, size or time.
 *
 * @param {string} root
 */
export function fingerprint(root) {
  const hash = createHash('sha256');
  const sources = filesBelow(root, [...SOURCES, 'scripts']).filter(
    (file) => file.endsWith('.ts') || file.startsWith('src/web/') || file === 'scripts/build-web.mjs',
  );
  for (const file of [...sources, 'tsconfig.json', 'package-lock.json']) {
    const { size, mtimeMs } = statSync(path.join(root, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * Compiled files whose sources are gone.
 *
 * @param {readonly string[]} compiled paths such as `dist/src/a.js`
 * @param {ReadonlySet<string>} sources paths such as `src/a.ts`
 * @returns {string[]}
 */
export function staleFiles(compiled, sources) {
  return compiled.filter((file) => {
    const match = /^dist\/(.*?)(\.d)?\.([cm]?)[jt]s(\.map)?$/.exec(file);
    return match !== null && !sources.has(`${match[1]}.${match[3]}ts`);
  });
}

/** @param {string} root */
async function build(root) {
  const stamp = path.join(root, 'dist/.paperweight-build');
  const entry = path.join(root, 'dist/src/cli/main.js');
  const page = path.join(root, 'dist/web/index.html');
  const now = fingerprint(root);
  if (existsSync(entry) && existsSync(page) && existsSync(stamp) && readFileSync(stamp, 'utf8') === now)
    return;
  // An incremental compilation does not restore deleted output files.
  if (!existsSync(entry)) rmSync(path.join(root, 'dist/.tsbuildinfo'), { force: true });
  const folders = SOURCES.map((folder) => `dist/${folder}`);
  for (const file of staleFiles(filesBelow(root, folders), new Set(filesBelow(root, SOURCES))))
    rmSync(path.join(root, file));
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const { code, output } = await quietly('Compiling', process.execPath, [tsc, '-p', 'tsconfig.json'], {
    cwd: root,
  });
  if (code !== 0) {
    say(output.trim());
    throw new SetupError(
      'The code does not compile. Next: fix the errors above, then run the command again.',
    );
  }
  await buildPages(root);
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
}

/** The dashboard's pages. Loaded late: the bundler is one of the packages that had to be installed first. */
async function buildPages(/** @type {string} */ root) {
  const { buildWeb } = await import('./build-web.mjs');
  try {
    await buildWeb(root);
  } catch (error) {
    say(String(/** @type {Error} */ (error).message));
    throw new SetupError(
      "The dashboard's pages do not build. Next: fix the errors above, then run the command again.",
    );
  }
}

// ── oneDNN ──────────────────────────────────────────────────────────────────────────────────────────────────

const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/lib',
  '/usr/local/lib64',
  '/opt/homebrew/lib',
];

/**
 * Path of a oneDNN, version 2 before version 3.
 *
 * @param {string} ldconfig what `ldconfig -p` prints
 * @param {(file: string) => boolean} exists
 * @returns {string | undefined}
 */
export function findOneDnn(ldconfig, exists) {
  const known = [2, 3].map(
    (version) => new RegExp(`^\\s*libdnnl\\.so\\.${version} .*=> (.+)$`, 'm').exec(ldconfig)?.[1],
  );
  return (
    known.find((file) => file !== undefined) ??
    [2, 3]
      .flatMap((version) =>
        LIBRARY_FOLDERS.flatMap((folder) => [
          `${folder}/libdnnl.so.${version}`,
          `${folder}/libdnnl.${version}.dylib`,
        ]),
      )
      .find(exists)
  );
}

/**
 * @typedef {object} System
 * @property {string} platform
 * @property {string} arch
 * @property {'debian' | 'fedora' | 'arch' | 'alpine' | undefined} family
 * @property {boolean} root
 */

/** @returns {System} */
function thisSystem() {
  const family = existsSync('/etc/debian_version')
    ? 'debian'
    : existsSync('/etc/fedora-release')
      ? 'fedora'
      : existsSync('/etc/arch-release')
        ? 'arch'
        : existsSync('/etc/alpine-release')
          ? 'alpine'
          : undefined;
  return { platform: process.platform, arch: process.arch, family, root: process.getuid?.() === 0 };
}

/** Debian's packages, the faster one first: version 2 in Debian 12, version 3 in Debian 13. */
const DEBIAN_PACKAGES = ['libdnnl2', 'libdnnl3'];
/** libjpeg-turbo, with which JPEGs are decoded more than twice as fast as without. */
const TURBOJPEG = {
  debian: 'libturbojpeg0',
  fedora: 'turbojpeg',
  arch: 'libjpeg-turbo',
  alpine: 'libturbojpeg',
  homebrew: 'jpeg-turbo',
};

/**
 * The command that installs oneDNN, to be shown to the user.
 *
 * @param {System} system
 */
export function oneDnnCommand({ platform, family, root }) {
  if (platform === 'darwin') return 'brew install onednn';
  const sudo = root ? '' : 'sudo ';
  if (family === 'debian')
    return DEBIAN_PACKAGES.map((name) => `${sudo}apt-get install -y ${name}`).join(' || ');
  if (family === 'fedora') return `${sudo}dnf install -y onednn`;
  if (family === 'arch') return `${sudo}pacman -S onednn`;
  if (family === 'alpine') return `${sudo}apk add onednn`;
  return undefined;
}

/**
 * What to say where libjpeg-turbo is not installed; undefined where it is, or where its command is not known.
 *
 * @param {System} system
 * @param {string} ldconfig what `ldconfig -p` prints
 * @param {(file: string) => boolean} exists
 */
export function turboJpegAdvice({ platform, family, root }, ldconfig, exists) {
  const there =
    /^\s*libturbojpeg\.so\b/m.test(ldconfig) ||
    LIBRARY_FOLDERS.some((folder) =>
      ['so.0', 'dylib'].some((end) => exists(`${folder}/libturbojpeg.${end}`)),
    );
  const install = {
    debian: 'apt-get install -y',
    fedora: 'dnf install -y',
    arch: 'pacman -S',
    alpine: 'apk add',
  };
  const command =
    platform === 'darwin'
      ? `brew install ${TURBOJPEG.homebrew}`
      : family && `${root ? '' : 'sudo '}${install[family]} ${TURBOJPEG[family]}`;
  if (there || !command) return undefined;
  return `JPEGs are decoded more than twice as fast with libjpeg-turbo, which is not installed. Optional: run: ${command}`;
}

const SLOW = 'Until then the device "wasm" is used, which is slower.';

/**
 * Whether one of the libraries that the compiled program looks for is there.
 *
 * @param {string} root
 * @returns {Promise<boolean>}
 */
async function hasOneDnn(root) {
  if (process.platform === 'linux' && findOneDnn(await ldconfigText(), existsSync)) return true;
  const places = path.join(root, 'dist/src/backend/onednn/library/places.js');
  const { oneDnnPlaces } = await import(pathToFileURL(places).href);
  return oneDnnPlaces().some((/** @type {string} */ file) => path.isAbsolute(file) && existsSync(file));
}

/** Installs Microsoft's runtime, with which the library for Windows is built. */
const RUNTIME_COMMAND = 'winget install --exact --id Microsoft.VCRedist.2015+.x64';
const PYTHON_COMMAND = 'winget install --exact --id Python.Python.3.13';

/**
 * What to do about oneDNN on Windows where pip has not fetched it.
 *
 * @param {string | undefined} problem why not; undefined if it was not to
 */
export function windowsAdvice(problem) {
  const next =
    problem === NO_PIP
      ? `install Python (run: ${PYTHON_COMMAND}), open a new terminal, and run the command again`
      : `run: python -m pip install ${WHEEL.requirement}`;
  return `oneDNN, the fast device's library, is not there${problem ? `, and was not fetched: ${problem}` : ''}. Next: ${next}. ${SLOW}`;
}

/**
 * Fetches oneDNN into the cache, announced, unless a library is there that loads.
 *
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 */
async function ensureOneDnnOnWindows(root, env) {
  const file = (/** @type {string} */ name) =>
    import(pathToFileURL(path.join(root, 'dist/src/backend/onednn/library', name)).href);
  const folder = windowsFolder(env);
  const fetched = path.join(folder, 'dnnl.dll');
  const { importsOf, missingImports } = await file('dll.js');
  // A DLL that imports nothing is damaged, as after a full disk.
  if (importsOf(fetched).length === 0) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    if (await hasOneDnn(root)) {
      // Other programs bring a dnnl.dll too, of versions and builds that cannot be used.
      const found = await (await file('installed.js')).installedOneDnn();
      if (found.some((/** @type {{ problem?: string }} */ { problem }) => problem === undefined)) return;
    }
    // There is no build for other processors.
    if (process.arch !== 'x64') return;
    if (env.PAPERWEIGHT_NO_SYSTEM_INSTALL === '1') return say(windowsAdvice(undefined));
    const label = `Fetching oneDNN ${WHEEL.version} (pip download ${WHEEL.requirement}, ${WHEEL.licence}, into ${folder})`;
    const problem = await fetchOneDnn(folder, (program, args) =>
      args.includes('download') ? quietly(label, program, args) : collect(program, args),
    );
    if (problem) return say(windowsAdvice(problem));
  }
  const missing = missingImports(fetched);
  if (missing.length > 0)
    say(
      `oneDNN needs ${missing.join(', ')} of Microsoft's Visual C++ runtime, which is not installed. Next: run: ${RUNTIME_COMMAND}. ${SLOW}`,
    );
}

/** @param {string} root @param {NodeJS.ProcessEnv} env */
async function ensureOneDnn(root, env) {
  if (env.PAPERWEIGHT_ONEDNN) return;
  if (process.platform === 'win32') return ensureOneDnnOnWindows(root, env);
  if (await hasOneDnn(root)) return;
  const system = thisSystem();
  const command = oneDnnCommand(system);
  const advice = `oneDNN, the fast device's library, is not installed. Next: ${command ? `run: ${command}` : 'install oneDNN with your package manager'}. ${SLOW}`;
  const prefix = system.root ? [] : ['sudo', '-n'];
  const may =
    system.family === 'debian' &&
    env.PAPERWEIGHT_NO_SYSTEM_INSTALL !== '1' &&
    (system.root || (await succeeds('sudo', ['-n', 'true'])));
  if (!may) return say(advice);

  /** @param {string} label @param {string[]} args */
  const apt = (label, args) => {
    const all = [
      ...prefix,
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      '-o',
      'DPkg::Lock::Timeout=60',
    ];
    return quietly(label, all[0], [...all.slice(1), '-o', 'Acquire::Retries=1', ...args]);
  };
  const updated = await apt('Updating the list of system packages (apt-get update)', ['update', '-qq']);
  const offered = await Promise.all(DEBIAN_PACKAGES.map(hasPackage));
  const chosen = DEBIAN_PACKAGES.find((_, i) => offered[i]) ?? DEBIAN_PACKAGES[0];
  const optional = (await hasPackage(TURBOJPEG.debian)) ? [TURBOJPEG.debian] : [];
  const installed = await apt(`Installing oneDNN (apt-get install ${[chosen, ...optional].join(' ')})`, [
    'install',
    '-y',
    '-qq',
    '--no-install-recommends',
    chosen,
    ...optional,
  ]);
  if (installed.code === 0 && (await hasOneDnn(root))) return;
  say(lastLines(updated.code === 0 ? installed.output : updated.output + installed.output, 10));
  say(advice);
}

/** Says how to install libjpeg-turbo where it is not. @param {NodeJS.ProcessEnv} env */
async function adviseTurboJpeg(env) {
  if (env.PAPERWEIGHT_TURBOJPEG || process.platform === 'win32') return;
  const ldconfig = process.platform === 'linux' ? await ldconfigText() : '';
  const advice = turboJpegAdvice(thisSystem(), ldconfig, existsSync);
  if (advice) say(advice);
}

/** Debian's candidate for a package. @param {string} name */
async function hasPackage(name) {
  const { output } = await collect('apt-cache', ['policy', name]);
  return /Candidate: (?!\(none\))/.test(output);
}

/** `ldconfig -p`, which is not in everybody's PATH. */
async function ldconfigText() {
  for (const command of ['ldconfig', '/sbin/ldconfig', '/usr/sbin/ldconfig']) {
    const { code, output } = await collect(command, ['-p']);
    if (code === 0) return output;
  }
  return '';
}

// ── Child processes ─────────────────────────────────────────────────────────────────────────────────────────

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<{ code: number | string, output: string }>}
 */
const collect = (command, args) =>
  new Promise((resolve) => {
    execFile(command, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }, (error, stdout) =>
      resolve({ code: error ? (error.code ?? 1) : 0, output: stdout }),
    );
  });

/** @param {string} command @param {string[]} args */
const succeeds = async (command, args) => (await collect(command, args)).code === 0;

/** @param {string} text @param {number} count */
const firstLines = (text, count) => text.trim().split('\n').slice(0, count).join('\n');

/** @param {string} text @param {number} count */
const lastLines = (text, count) => text.trim().split('\n').slice(-count).join('\n');

/**
 * Runs a command without its output, and shows that time goes by.
 *
 * @param {string} label
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<{ code: number | string, output: string }>} exit code, or the signal or error that ended it
 */
function quietly(label, command, args, options = {}) {
  const terminal = process.stderr.isTTY === true && process.env.TERM !== 'dumb';
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  process.stderr.write(terminal ? `${label} …` : `${label} …\n`);
  const tick = terminal
    ? setInterval(() => process.stderr.write(`\r${label} … ${seconds()} s`), 1000)
    : setInterval(() => say(`${label} … ${seconds()} s`), 30_000);
  return new Promise((resolve) => {
    let output = '';
    /** @param {number | string} code */
    const end = (code) => {
      clearInterval(tick);
      const result = code === 0 ? 'done' : 'failed';
      process.stderr.write(`${terminal ? '\r' : ''}${label} … ${result} in ${seconds()} s\n`);
      resolve({ code, output });
    };
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        output += chunk;
      });
    child.once('error', (error) => {
      output += error.message;
      end(/** @type {NodeJS.ErrnoException} */ (error).code ?? 'error');
    });
    child.once('close', (code, signal) => {
      if (code === null || code >= 0) end(code ?? signal ?? 1);
    });
  });
}

// ── All of it ───────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Installs what is missing, and prints nothing when all is there.
 *
 * @throws {SetupError} with a sentence for the user
 */
export async function setup(root = ROOT, env = process.env) {
  const complaint = nodeComplaint(process.versions.node);
  if (complaint) throw new SetupError(complaint);
  await installPackages(root);
  await build(root);
  await ensureOneDnn(root, env);
  await adviseTurboJpeg(env);
}

/**
 * Whether node was started with this file, by whatever path: `import.meta.url` has links resolved and an ending, the
 * command line need not.
 *
 * @param {string} url the file's `import.meta.url`
 * @param {string} [started]
 */
export function isMain(url, started = process.argv[1]) {
  if (started === undefined) return false;
  try {
    return createRequire(url).resolve(started) === fileURLToPath(url);
  } catch {
    return false;
  }
}

/**
 * Runs a script's body; an error becomes a sentence and exit code 1.
 *
 * @param {() => Promise<void>} body
 */
export async function script(body) {
  // A full disk below the log is no reason to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    await body();
  } catch (error) {
    say(error instanceof SetupError ? `error: ${error.message}` : String(/** @type {Error} */ (error).stack));
    process.exitCode = 1;
  }
}

if (isMain(import.meta.url)) await script(() => setup());
