import assert from 'node:assert/strict';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { cpuFeatures } from '../../src/cli/doctor.js';
import { jsonLines, runCli } from '../support/cli.js';

const MISSING = { PAPERWEIGHT_ONEDNN: '/nonexistent.so' };

test('doctor describes the device of this machine', async () => {
  const { code, stdout, stderr } = await runCli(['doctor', '--json', '--threads', '1']);
  assert.equal(code, 0, stderr);
  const [found, ...rest] = jsonLines(stdout);
  assert.deepEqual(rest, []);
  for (const field of ['device', 'engine', 'version', 'cpu', 'node', 'platform', 'why'])
    assert.equal(typeof found![field], 'string', field);
  assert.equal(found!.threads, 1);
  assert.ok((found!.cores as number) >= 1);
  assert.ok((found!.memoryBytes as number) > 2 ** 20);
  assert.ok(Array.isArray(found!.cpuFeatures));
  const devices = found!.devices as { device: string; gflops: number | null; problem: string | null }[];
  assert.deepEqual(
    devices.map(({ device }) => device),
    ['onednn', 'wasm', 'reference'],
  );
  for (const { device, gflops, problem } of devices)
    assert.ok(problem === null ? gflops! > 0 : gflops === null, `${device}: ${gflops}, ${problem}`);
  assert.ok((found!.sgemmGflops as number) > 0);
  if (found!.device === 'onednn') {
    assert.equal(found!.install, null);
    // All oneDNN libraries found, including the one in use.
    const libraries = found!.libraries as { path: string; version: string }[];
    assert.equal(libraries.find(({ path }) => path === found!.library)?.version, found!.version);
  }
});

test('without oneDNN, doctor says what to install', async () => {
  const { code, stdout } = await runCli(['doctor'], { env: MISSING });
  assert.equal(code, 0);
  assert.match(stdout, /^device +wasm \(used by --device auto\)/m);
  assert.match(stdout, /^a small plan +onednn: does not work here$/m);
  assert.match(stdout, /^ +wasm: [\d.]+ GFLOP\/s$/m);
  assert.match(
    stdout,
    /The fastest device does not work here: .*\/nonexistent\.so.*Next: .*run: .*(onednn|dnnl)/i,
  );
  const json = await runCli(['doctor', '--json'], { env: MISSING });
  const [found] = jsonLines(json.stdout);
  assert.equal(found!.device, 'wasm');
  assert.match(found!.install as string, /onednn|dnnl/i);
});

const ELSEWHERE = process.platform === 'linux' ? false : 'the names of libraries are those of Linux';

test('a library that does not load, or is not oneDNN, is reported', { skip: ELSEWHERE }, async () => {
  for (const [library, problem] of [
    [process.execPath, /a library that does not load/],
    ['libm.so.6', /another library: it has no function dnnl_version/],
  ] as const) {
    const { code, stdout } = await runCli(['doctor'], { env: { PAPERWEIGHT_ONEDNN: library } });
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^oneDNN found +cannot be used: .*${problem.source}`, 'm'));
    assert.match(stdout, new RegExp(`The fastest device does not work here: .*${problem.source}`));
  }
});

test('without oneDNN, --device onednn fails with the install command, and auto continues with a message', async () => {
  // An existing file: the device is opened before the file is read.
  const file = fileURLToPath(import.meta.url);
  const named = await runCli(['predict', file, file, '--device', 'onednn'], { env: MISSING });
  assert.equal(named.code, 1);
  assert.match(named.stderr, /^error: The oneDNN library.* Next: .*run: [^\n]*(onednn|dnnl)[^\n]*\n$/i);
  const auto = await runCli(['predict', file, file], { env: MISSING });
  assert.match(
    auto.stderr,
    /^Device: wasm \(.*\), since onednn, which is faster, does not work here\. .*Next: .*run: [^\n]*(onednn|dnnl)/i,
  );
});

test('CPU features are read on Intel, AMD and ARM', () => {
  assert.deepEqual(cpuFeatures('model\t: 1\nflags\t\t: fpu avx2 avx fma avx512f_x\nflags : amx_tile\n'), [
    'avx',
    'avx2',
    'fma',
  ]);
  assert.deepEqual(cpuFeatures('Features\t: fp asimd bf16\n'), ['asimd', 'bf16']);
  assert.deepEqual(cpuFeatures(''), []);
});
