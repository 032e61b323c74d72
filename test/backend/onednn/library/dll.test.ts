import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { importsOf, missingImports, openMpOf } from '../../../../src/backend/onednn/library/dll.js';
import { loadOneDnn } from '../../../../src/backend/onednn/library/library.js';
import { temporaryFolder } from '../../../data/support.js';

/** A 64-bit DLL of one section at address 0x1000, which holds only a table of imports. */
function dll(names: readonly string[]): Buffer {
  const [address, offset] = [0x1000, 0x400];
  const bytes = Buffer.alloc(0x1000);
  bytes.write('MZ');
  bytes.writeUInt32LE(0x80, 0x3c);
  bytes.writeUInt32LE(0x4550, 0x80);
  bytes.writeUInt16LE(1, 0x86);
  bytes.writeUInt16LE(240, 0x94);
  bytes.writeUInt16LE(0x20b, 0x98);
  bytes.writeUInt32LE(address, 0x98 + 120);
  const section = 0x98 + 240;
  bytes.writeUInt32LE(address, section + 12);
  bytes.writeUInt32LE(0xc00, section + 16);
  bytes.writeUInt32LE(offset, section + 20);
  for (const [i, name] of names.entries()) {
    const at = 0x200 + 64 * i;
    bytes.writeUInt32LE(address + at, offset + 20 * i + 12);
    bytes.write(`${name}\0`, offset + at);
  }
  return bytes;
}

test('the imports of a DLL are read; which are missing, and which is its OpenMP, follows', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'dnnl.dll');
  const names = ['KERNEL32.dll', 'vcomp140.dll', 'api-ms-win-crt-math-l1-1-0.dll', 'no-such-runtime.dll'];
  await writeFile(file, dll(names));
  assert.deepEqual(
    importsOf(file),
    names.map((name) => name.toLowerCase()),
  );
  assert.equal(openMpOf(file), 'vcomp140.dll');
  const missing = missingImports(file);
  assert.ok(missing.includes('no-such-runtime.dll'));
  assert.ok(!missing.some((name) => name.startsWith('api-ms-')), 'no files');
});

test('a file that is not a DLL, is truncated or has wrong offsets has no imports', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'x.dll');
  assert.deepEqual(importsOf(file), [], 'no file');
  const whole = dll(['a.dll']);
  for (const length of [0, 10, 0x90, 0x120]) {
    await writeFile(file, whole.subarray(0, length));
    assert.deepEqual(importsOf(file), [], `${length} bytes`);
  }
  const lies = Buffer.from(whole);
  lies.writeUInt32LE(0xffffff00, 0x3c);
  await writeFile(file, lies);
  assert.deepEqual(importsOf(file), []);
  await writeFile(file, 'text');
  assert.equal(openMpOf(file), undefined);
});

test('a library that lacks another one is not taken for one that is not installed', {
  skip: process.platform !== 'win32' && 'other systems name what is missing themselves',
}, async (t) => {
  const file = join(await temporaryFolder(t), 'dnnl.dll');
  const before = process.env.PAPERWEIGHT_ONEDNN;
  process.env.PAPERWEIGHT_ONEDNN = file;
  t.after(() => {
    if (before === undefined) delete process.env.PAPERWEIGHT_ONEDNN;
    else process.env.PAPERWEIGHT_ONEDNN = before;
  });
  for (const [name, next] of [
    ['vcomp999.dll', 'run: winget'],
    ['no-such-runtime.dll', 'install what it needs'],
  ] as const) {
    await writeFile(file, dll(['KERNEL32.dll', name]));
    assert.throws(loadOneDnn, {
      name: 'DeviceError',
      message: new RegExp(
        `does not load\\. .*dnnl\\.dll: it needs ${name}, which is not installed.*Next: ${next}`,
      ),
    });
  }
});
