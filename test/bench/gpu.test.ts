import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { GpuResult } from '../../src/bench/result.js';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const elsewhere = process.platform === 'linux' ? false : 'drivers can be hidden on Linux only';

/** The Vulkan loader finds no driver. */
const env = { ...process.env, VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' };

for (const what of ['train', 'infer', 'suite'])
  test(`without an adapter bench ${what} says so before it looks for a peer`, { skip: elsewhere }, () => {
    const args = [MAIN, 'bench', what, '--device', 'webgpu', '--python', '/no/such/python'];
    const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    assert.equal(status, 1, stderr);
    assert.match(stderr, /error: Device "webgpu" does not work here.*got no adapter/);
    assert.doesNotMatch(stderr, /python/i);
  });

test('without an adapter every row says that there is no GPU', { skip: elsewhere }, () => {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, 'bench', 'gpu', '--json'], {
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0);
  const { adapter, rows } = JSON.parse(stdout) as GpuResult;
  assert.equal(adapter, null);
  assert.ok(rows.length > 5);
  for (const row of rows) assert.equal('missing' in row && row.missing, 'no GPU', row.name);
});
