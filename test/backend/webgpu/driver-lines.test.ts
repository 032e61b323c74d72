import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { entriesOf, reasonsOf, unknownEntries } from '../../../src/backend/webgpu/node/driver-lines.js';

const src = (path: string): string => new URL(`../../../src/${path}`, import.meta.url).href;
const MAIN = fileURLToPath(src('cli/main.js'));

const TEXT = `error: XDG_RUNTIME_DIR is invalid or not set in the environment.
Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.
 - While initializing adapter (backend=BackendType::Vulkan)
    at InitializeImpl (PhysicalDeviceVk.cpp:257)

Warning: vkCreateInstance: Found no drivers!
Warning: vkCreateInstance: Found no drivers!
MESA: error: the kernel refuses
  with a reason
`;

describe('lines that drivers write', {
  skip: process.platform === 'win32' && 'written as usual there',
}, () => {
  it('are divided into entries, of which the well-known ones are not shown', () => {
    const entries = entriesOf(TEXT);
    assert.equal(entries.length, 5);
    assert.deepEqual(unknownEntries(entries), ['MESA: error: the kernel refuses\n  with a reason']);
    assert.equal(
      reasonsOf(entries),
      'Vulkan shaderUniform*ArrayDynamicIndexing required; vkCreateInstance: Found no drivers',
    );
    assert.deepEqual([entriesOf(''), entriesOf('\n\n')], [[], []]);
  });

  it('are kept while drivers are called, and no other line is', () => {
    const script = `
      const { keepingDriverLines } = await import('${src('backend/webgpu/node/driver-lines.js')}');
      const { openLibc } = await import('${src('files/system/libc.js')}');
      const write = openLibc().func('long write(int, const char *, size_t)');
      console.error('before');
      const { result, entries } = await keepingDriverLines(() => write(2, 'Warning: native\\n', 16));
      console.error('after', Number(result), JSON.stringify(entries));
      const failed = await keepingDriverLines(() => { throw new Error('own'); }).catch((e) => e.message);
      write(2, 'native again\\n', 13);
      console.error(failed);`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    assert.equal(stderr, 'before\nafter 16 ["Warning: native"]\nnative again\nown\n');
    assert.equal(status, 0);
  });

  it('say in the error why there is no adapter', {
    skip: process.platform !== 'linux' && 'Linux only',
  }, () => {
    // The Vulkan loader finds no driver.
    const env = { ...process.env, VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' };
    const args = [MAIN, 'bench', 'train', '--device', 'webgpu', '--peer', 'none'];
    const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^error: Device "webgpu" does not work here\. .*got no adapter \(.+\)\. Next: .*\n$/,
    );
  });
});
