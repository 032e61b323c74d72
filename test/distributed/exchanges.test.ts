import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { launchers, runChild, skip } from './launch.js';

describe('exchanges between ranks', { skip }, () => {
  for (const launcher of launchers)
    for (const ranks of [2, 3])
      test(`are what they should be on ${ranks} ranks of ${launcher.name}`, async () => {
        const { code, stdout, stderr } = await runChild(launcher, ranks, 'collectives', [
          ranks === 2 ? 'inline,onednn' : 'reference',
        ]);
        assert.equal(code, 0, stderr);
        assert.match(stdout, new RegExp(`all is well on ${ranks} ranks`));
        assert.equal(stderr, '', 'the library has no complaints');
      });

  test('give the same bits with every library', async () => {
    if (launchers.length < 2) return;
    const found = await Promise.all(launchers.map((one) => runChild(one, 2, 'collectives', ['reference'])));
    const numbers = found.map(({ stdout }) =>
      stdout.split('\n').find((line) => line.startsWith('reference:')),
    );
    assert.equal(new Set(numbers).size, 1, numbers.join('\n'));
    assert.match(numbers[0]!, /reference: [\d.-]+/);
  });
});
