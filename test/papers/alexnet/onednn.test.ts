import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { alexnet20Case } from '../../support/nets/alexnet20.js';
import { smallnetCase } from '../../support/nets/smallnet.js';

describe('the onednn device follows PyTorch over 20 steps', () => {
  let device: Device;
  before(async () => {
    ({ device } = await openDevice('onednn', { threads: 2 }));
  });
  after(() => device.close());

  for (const fixture of ['alexnet20.json', 'alexnet20-small.json'] as const)
    for (const variant of ['notes', 'kaiming'] as const)
      it(`of AlexNet, ${variant}, ${fixture}`, async (t) => {
        const { loss, gradient } = await alexnet20Case(device, variant, { fixture });
        t.diagnostic(
          `largest relative error: loss ${loss.toExponential(1)}, gradient ${gradient.toExponential(1)}`,
        );
      });

  it('of the small network, in one plan', async () => {
    const { plans } = await smallnetCase(device);
    // The first step's own outputs make a plan, all other steps share one.
    assert.equal(plans, 2);
  });
});
