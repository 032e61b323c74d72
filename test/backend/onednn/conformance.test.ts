import { openDevice } from '../../../src/backend/open.js';
import { conformance } from '../../support/conformance.js';

const nan = 'oneDNN uses the maximum instruction, which ignores NaN; the trainer checks the loss itself';

conformance('onednn', async () => (await openDevice('onednn', { threads: 2 })).device, {
  rtol: 2e-5,
  atol: 2e-5,
  skip: { 'maxPool2d lets NaN through': nan, 'relu lets NaN through': nan },
});
