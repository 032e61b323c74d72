import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { scratch } from '../support/toy.js';
import { alexNet, equality, resNet } from './equality.js';
import { child, launchers, runChild, skip } from './launch.js';

// `node dist/bench/ranks/equal.js` does the same with AlexNet's full width, on 4 ranks as well, and resumed.

let root: string;
let remove: () => unknown;
before(async () => {
  root = await scratch({ after: (body) => void (remove = body as () => unknown) });
});
after(() => remove());

describe('the papers’ networks on several ranks', { skip }, () => {
  test('AlexNet with dropout, augmentation, momentum and decay matches a single-rank run', async () => {
    const { apart, unshifted } = await equality(join(root, 'alexnet'), launchers.at(-1)!, alexNet(16, 4), {
      steps: 10,
      ranks: [2],
      resumed: [],
      controls: ['unshifted'],
    });
    assert.ok(apart[2]! < 1e-4, `${apart[2]}`);
    assert.ok(unshifted! > 0.1, `the comparison would not see other masks: ${unshifted}`);
  });

  test('AlexNet in blocks has the same bits on 1, 2 and 4 ranks, also resumed on another number', async () => {
    const given = alexNet(16, 8);
    const config = { ...given.config, blocks: 4 };
    const path = join(root, 'blocks');
    const options = { steps: 4, resumed: [1] };
    const { apart, resumed } = await equality(path, launchers[0]!, { ...given, config }, options);
    assert.deepEqual({ apart, resumed }, { apart: { 2: 0, 4: 0 }, resumed: { 1: 0 } });
  });

  test('20 layers with batch normalisation over all ranks are those of a single rank', async () => {
    const { apart } = await equality(join(root, 'resnet'), launchers[0]!, resNet(4, true), {
      steps: 4,
      ranks: [2],
      resumed: [],
    });
    assert.ok(apart[2]! < 1e-4, `${apart[2]}`);
  });

  test('with ReLU, 20 layers in float64 are those of a single rank', async () => {
    // In float32 a rounding moves values over the kink of ReLU, and the layers amplify it: see docs/distributed.md.
    const args = ['6'];
    const alone = spawnSync(process.execPath, [child('double'), ...args], {
      encoding: 'utf8',
      maxBuffer: 2 ** 27,
    });
    assert.equal(alone.status, 0, alone.stderr);
    const one = JSON.parse(alone.stdout) as { start: number[]; end: number[] };
    const apart = (other: readonly number[]) =>
      Math.sqrt(one.end.reduce((sum, v, i) => sum + (v - other[i]!) ** 2, 0));
    for (const ranks of [2, 4]) {
      const { code, stdout, stderr } = await runChild(launchers.at(-1)!, ranks, 'double', args);
      assert.equal(code, 0, stderr);
      const distance = apart((JSON.parse(stdout) as typeof one).end) / apart(one.start);
      assert.ok(distance < 1e-9, `${ranks} ranks: ${distance}`);
    }
  });

  test('evaluations have the same sums on 1, 2 and 3 ranks, also of a last batch that is smaller', async () => {
    const sizes = ['10000', '9999'];
    const alone = spawnSync(process.execPath, [child('evaluate'), ...sizes], { encoding: 'utf8' });
    assert.equal(alone.status, 0, alone.stderr);
    const found = JSON.parse(alone.stdout) as { images: number }[];
    assert.deepEqual(
      found.map(({ images }) => images),
      [10000, 9999],
    );
    for (const ranks of [2, 3]) {
      const { code, stdout, stderr } = await runChild(
        launchers[ranks % launchers.length]!,
        ranks,
        'evaluate',
        sizes,
      );
      assert.equal(code, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), found);
    }
  });
});
