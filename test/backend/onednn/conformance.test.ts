import { openDevice } from '../../../src/backend/open.js';
import { conformance } from '../../support/conformance.js';

conformance('onednn', async () => (await openDevice('onednn', { threads: 2 })).device, {
  rtol: 2e-5,
  atol: 2e-5,
});
