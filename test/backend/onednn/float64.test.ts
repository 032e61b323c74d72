import { openDevice } from '../../../src/backend/open.js';
import { conformance } from '../../support/conformance.js';

// oneDNN has no float64: every operation is a loop in TypeScript.
conformance('onednn', async () => (await openDevice('onednn', { threads: 2 })).device, {
  dtype: 'float64',
  rtol: 2e-7,
  atol: 2e-8,
});
