import { openDevice } from '../../../src/backend/open.js';
import { conformance } from '../../support/conformance.js';

conformance('wasm', async () => (await openDevice('wasm', { threads: 2 })).device, {
  rtol: 2e-5,
  atol: 2e-5,
});
