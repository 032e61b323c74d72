import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { alexnet20Case } from '../../support/nets/alexnet20.js';

for (const variant of ['notes', 'kaiming'] as const)
  test(`20 steps of AlexNet on small images follow PyTorch on the reference device: ${variant}`, async (t) => {
    const { loss, gradient } = await alexnet20Case(referenceDevice(), variant, {
      fixture: 'alexnet20-small.json',
    });
    t.diagnostic(
      `largest relative error: loss ${loss.toExponential(1)}, gradient ${gradient.toExponential(1)}`,
    );
  });
