import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runNode } from '../support/cli.js';
import { scratch } from '../support/toy.js';

/* The command line where the JavaScript engine has no WebAssembly, or the system gives little memory. */

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const NO_ONEDNN = { PAPERWEIGHT_ONEDNN: '/nonexistent.so' };
/** The device is opened before this file is found not to be weights. */
const PREDICT = ['predict', fileURLToPath(import.meta.url), 'x.png'];
const TRAIN = [
  ...['train', '--paper', 'resnet', '--dataset', 'shapes10', '--batch-size', '4', '--eval-limit', '4'],
  ...['--max-steps', '1', '--run', 'run'],
];

test('without WebAssembly, --device wasm is refused, and auto says why nothing works', async () => {
  const named = await runNode(['--jitless', MAIN, ...PREDICT, '--device', 'wasm']);
  assert.equal(named.code, 1);
  assert.match(named.stderr, /^error: Device "wasm" does not work here\. .*Next: use --device reference/m);
  const auto = await runNode(['--jitless', MAIN, ...PREDICT], { env: NO_ONEDNN });
  assert.equal(auto.code, 1);
  assert.match(
    auto.stderr,
    /^error: Neither onednn nor wasm works here\. Got .*is not installed: .*Device "wasm" .*Next: .*run: .*--device reference/m,
  );
});

const LIMITS = spawnSync('sh', ['-c', 'ulimit -v 8000000']).status === 0;

test('with few addresses each device trains or says what it lacks, and nothing crashes', {
  skip: !LIMITS && 'this system cannot limit addresses',
}, async (t) => {
  const cwd = await scratch(t);
  for (const device of ['onednn', 'wasm']) {
    const args = [MAIN, ...TRAIN.slice(0, -1), join(cwd, device), '--device', device];
    const { status, signal, stderr } = spawnSync(
      'sh',
      ['-c', 'ulimit -v 8000000; exec "$0" "$@"', process.execPath, ...args],
      { cwd, encoding: 'utf8', env: { ...process.env, PAPERWEIGHT_KERNELS: 'fixed' } },
    );
    assert.equal(signal, null, `${device}: ${stderr}`);
    if (status !== 0) assert.match(stderr, /error: The system gives the wasm device no memory\. .*ulimit -v/);
  }
});
