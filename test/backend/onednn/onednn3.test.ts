import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openDevice } from '../../../src/backend/open.js';

/*
 * All tests of the onednn device again, with oneDNN 3. A separate process loads it, since two versions in one process
 * would share the OpenMP runtime and symbols.
 */
const library = process.env.PAPERWEIGHT_ONEDNN_V3;

if (!library)
  it('the onednn device on oneDNN 3', {
    skip: 'PAPERWEIGHT_ONEDNN_V3 is not set to a library file of oneDNN 3',
  }, () => {});
else {
  process.env.PAPERWEIGHT_ONEDNN = library;
  it('the library is oneDNN 3', async () => {
    const { device } = await openDevice('onednn', { threads: 2 });
    try {
      const info = await device.info();
      assert.match(info.version, /^3\./);
      assert.equal(info.library, library);
    } finally {
      await device.close();
    }
  });
  await import('./dnnl.test.js');
  await import('./conformance.test.js');
  await import('./float64.test.js');
  await import('./onednn.test.js');
  await import('./special-values.test.js');
  await import('./beyond-range.test.js');
  await import('./onednn-errors.test.js');
  await import('../../papers/alexnet/onednn.test.js');
}
