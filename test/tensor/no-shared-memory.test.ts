import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CHILD = fileURLToPath(new URL('../support/children/no-shared-memory.js', import.meta.url));

// As on a page without cross-origin isolation.
for (const device of ['reference', 'wasm'])
  test(`paperweight/core works without SharedArrayBuffer on the ${device} device`, async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CHILD, device]);
    assert.equal(stderr, '');
    // A convolution, a batch norm with its statistics, a linear layer.
    assert.equal(Number(stdout), 3 * 4 * 9 + 4 + 4 * 4 + 16 * 10 + 10);
  });
