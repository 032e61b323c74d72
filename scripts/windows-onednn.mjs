// @ts-check
/*
 * oneDNN for Windows, which has no package manager that offers it: a Python wheel with the library, the same version as
 * Debian 12's, fetched by the machine's own pip, checked, and unpacked into the cache, where src/backend/onednn/library/
 * looks for it. Its licence and notices lie beside it. Nothing is installed into Python.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inflateRawSync } from 'node:zlib';

export const WHEEL = {
  requirement: 'onednn-cpu-vcomp==2022.2.1',
  sha256: '1cb0cf3defa73da34b7dad40a894e098f401310d4f11c6fb9bc48a3c7ac0e7dc',
  version: '2.6.0',
  licence: 'Apache-2.0',
};

/** Files of the wheel that are kept, by the end of their path in it. */
const KEPT = ['bin/dnnl.dll', 'onednn/LICENSE', 'onednn/README', 'onednn/THIRD-PARTY-PROGRAMS'];

/** As in src/backend/onednn/library/places.ts. */
export const windowsFolder = (env = process.env) =>
  path.join(
    path.isAbsolute(env.XDG_CACHE_HOME ?? '') ? env.XDG_CACHE_HOME : path.join(os.homedir(), '.cache'),
    'paperweight',
    `onednn-${WHEEL.version}-win32-x64`,
  );

/** Ways to call pip on Windows and elsewhere. @type {readonly (readonly string[])[]} */
const PIPS = [
  ['py', '-3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['python3', '-m', 'pip'],
  // A python.bat, which only the shell starts.
  ['cmd', '/d', '/c', 'python', '-m', 'pip'],
];

/** Why nothing is fetched on a machine without Python. */
export const NO_PIP = 'there is no pip, which comes with Python';

/** After this time the folder of an interrupted download is removed. */
const LEFT_MS = 3600_000;
/** Pauses before the folder is renamed again: on Windows a virus scanner may have its files open for a moment. */
const PAUSES = [50, 200, 500, 1000, 2000];

/**
 * Fetches the library into a folder.
 *
 * @param {string} folder which then holds dnnl.dll and its licence; it appears complete or not at all, also if several
 *   processes fetch it at the same time
 * @param {(command: string, args: string[]) => Promise<{ code: number | string, output: string }>} run
 * @param {string} [sha256] of the wheel
 * @returns {Promise<string | undefined>} why it was not fetched
 */
export async function fetchOneDnn(folder, run, sha256 = WHEEL.sha256) {
  let part = '';
  try {
    mkdirSync(path.dirname(folder), { recursive: true });
    removeLeft(folder);
    part = mkdtempSync(`${folder}.`);
    const pip = await firstPip(run);
    if (!pip) return NO_PIP;
    const [command, ...args] = pip;
    const { code, output } = await run(command, [
      ...args,
      ...['download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'],
      ...['--platform', 'win_amd64', '--dest', part, WHEEL.requirement],
    ]);
    if (code !== 0) return `pip ended with ${code}: ${output.trim().split('\n').at(-1)}`;
    const wheel = readdirSync(part).find((name) => name.endsWith('.whl'));
    if (!wheel) return 'pip brought no wheel';
    const bytes = readFileSync(path.join(part, wheel));
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== sha256) return `the wheel is not the expected one: its SHA-256 is ${found}, not ${sha256}`;
    rmSync(path.join(part, wheel));
    for (const [name, content] of unzip(bytes))
      if (KEPT.some((end) => name.endsWith(end)))
        writeFileSync(path.join(part, path.posix.basename(name)), content);
    if (!existsSync(path.join(part, 'dnnl.dll'))) return 'the wheel has no dnnl.dll';
    await putInPlace(part, folder);
    return undefined;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  } finally {
    if (part !== '') rmSync(part, { recursive: true, force: true });
  }
}

/** Removes what downloads that were interrupted have left. @param {string} folder */
function removeLeft(folder) {
  for (const name of readdirSync(path.dirname(folder))) {
    const left = path.join(path.dirname(folder), name);
    if (left.startsWith(`${folder}.`) && Date.now() - statSync(left).mtimeMs > LEFT_MS)
      rmSync(left, { recursive: true, force: true });
  }
}

/** @param {string} part @param {string} folder */
async function putInPlace(part, folder) {
  for (let attempt = 0; ; attempt++) {
    // Another process has fetched it meanwhile, and may use it.
    if (existsSync(path.join(folder, 'dnnl.dll'))) return;
    try {
      rmSync(folder, { recursive: true, force: true });
      return renameSync(part, folder);
    } catch (error) {
      const pause = PAUSES[attempt];
      if (pause === undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** @param {(command: string, args: string[]) => Promise<{ code: number | string }>} run */
async function firstPip(run) {
  for (const [command, ...args] of PIPS)
    if ((await run(command, [...args, '--version'])).code === 0) return [command, ...args];
  return undefined;
}

const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50];

/**
 * The files of a zip archive whose checksum is known to be right.
 *
 * @param {Buffer} zip
 * @returns {Generator<[string, Buffer]>}
 */
function* unzip(zip) {
  let end = zip.length - 22;
  while (zip.readUInt32LE(end) !== END) end--;
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0 && zip.readUInt32LE(at) === CENTRAL; left--) {
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset));
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    const local = zip.readUInt32LE(at + 42);
    if (zip.readUInt32LE(local) !== LOCAL) throw new Error(`the archive's entry ${name} is damaged`);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const packed = zip.subarray(start, start + zip.readUInt32LE(at + 20));
    yield [name, zip.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed)];
    at += 46 + nameLength + extra + comment;
  }
}
