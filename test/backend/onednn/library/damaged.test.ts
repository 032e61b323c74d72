import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadOneDnn } from '../../../../src/backend/onednn/library/library.js';
import { openDnnl } from '../../../../src/backend/onednn/library/open.js';
import { openDevice } from '../../../../src/backend/open.js';
import { temporaryFolder } from '../../../data/support.js';

const [THIS, OTHER] = process.arch === 'arm64' ? [183, 62] : [62, 183];

/** The start of a library whose one segment ends at `end`. */
function elf(machine: number, end: number): Buffer {
  const bytes = Buffer.alloc(120);
  bytes.writeUInt32BE(0x7f454c46, 0);
  bytes.writeUInt8(2, 4);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(1, 56);
  bytes.writeUInt32LE(1, 64);
  bytes.writeBigUInt64LE(BigInt(end), 64 + 32);
  return bytes;
}

describe('a damaged oneDNN', { skip: process.platform !== 'linux' && 'only Linux loads it' }, () => {
  const { PAPERWEIGHT_ONEDNN: named, LD_LIBRARY_PATH: searched } = process.env;
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  before(() => set('PAPERWEIGHT_ONEDNN', undefined));
  after(() => {
    set('PAPERWEIGHT_ONEDNN', named);
    set('LD_LIBRARY_PATH', searched);
  });

  it('whose file is cut off, or is for another processor, is refused instead of ending the process', async (t) => {
    const folder = await temporaryFolder(t);
    for (const [bytes, reason] of [
      [elf(THIS, 9000), /does not load.*the file is cut off.*has 120 bytes instead of 9000.*--device wasm/],
      [elf(OTHER, 120), /does not load.*it is for another processor than this one/],
      [elf(THIS, 120).subarray(0, 40), /does not load/],
    ] as const) {
      process.env.PAPERWEIGHT_ONEDNN = path.join(folder, 'libdnnl.so.2');
      await writeFile(process.env.PAPERWEIGHT_ONEDNN, bytes);
      assert.throws(() => loadOneDnn(), { name: 'DeviceError', message: reason });
    }
  });

  it('is found by its name, too', async (t) => {
    const folder = path.join(await temporaryFolder(t), 'lib');
    await mkdir(folder);
    for (const end of ['.2', '.3', ''])
      await writeFile(path.join(folder, `libdnnl.so${end}`), elf(THIS, 9000));
    process.env.LD_LIBRARY_PATH = folder;
    set('PAPERWEIGHT_ONEDNN', undefined);
    assert.throws(() => loadOneDnn(), /libdnnl\.so\.2: the file is cut off/);
  });

  it('without some of its functions is refused, and auto takes wasm', async (t) => {
    const folder = await temporaryFolder(t);
    const [source, file] = [path.join(folder, 'v.c'), path.join(folder, 'libdnnl.so.2')];
    await writeFile(
      source,
      'static struct { int v[3]; const char *hash; unsigned cpu, gpu; } v = {{2, 6, 3}, "", 2, 0}; const void *dnnl_version(void) { return &v; }',
    );
    if (spawnSync('cc', ['-shared', '-fPIC', '-o', file, source]).status !== 0)
      return t.skip('there is no C compiler');
    process.env.PAPERWEIGHT_ONEDNN = file;
    const message =
      /cannot be used. Expected a complete oneDNN 2\.6\.3; got a library without the function dnnl_engine_create/;
    assert.throws(() => openDnnl(), { name: 'DeviceError', message });
    const { device, why } = await openDevice('auto');
    assert.equal(device.name, 'wasm');
    assert.match(why, message);
    await device.close();
  });
});
