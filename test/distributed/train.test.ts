import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TrainConfig } from '../../src/run/config.js';
import { scratch } from '../support/toy.js';
import { child, type Launcher, launchers, runChild, skip } from './launch.js';

let root: string;
let remove: () => unknown;
before(async () => {
  root = await scratch({ after: (body) => void (remove = body as () => unknown) });
});
after(() => remove());

interface Result {
  readonly weights: readonly number[];
  readonly metrics: readonly Record<string, unknown>[];
}

type Given = Record<string, unknown> & { readonly config?: Partial<TrainConfig> };

/** Runs the toy training on some ranks; on one without a launcher. */
async function train(name: string, ranks: number, given: Given = {}, launcher?: Launcher): Promise<Result> {
  const path = join(root, name);
  const arg = JSON.stringify({ path, ...given });
  if (ranks === 1) {
    const env = { ...process.env, PAPERWEIGHT_KERNELS: 'fixed' };
    const { status, stderr } = spawnSync(process.execPath, [child('toy'), arg], { env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  } else {
    const { code, stderr } = await runChild(launcher ?? launchers[0]!, ranks, 'toy', [arg]);
    assert.equal(code, 0, stderr);
  }
  return JSON.parse(await readFile(`${path}.json`, 'utf8')) as Result;
}

/** Distance of two runs' weights, relative to how far the first has moved. */
function apart(a: Result, b: Result, start: Result): number {
  const norm = (other: Result) => Math.hypot(...a.weights.map((v, i) => v - other.weights[i]!));
  return norm(b) / norm(start);
}

const evaluations = ({ metrics }: Result) =>
  metrics
    .filter(({ event }) => event === 'epoch')
    .map(({ testAccuracy, testTop5, testImages }) => [testAccuracy, testTop5, testImages]);
/** Dropout, augmentation, momentum, decay, batches that ranks do not divide, a last batch of fewer images than ranks. */
const config = {
  syncBn: true,
  maxSteps: 20,
  epochs: 4,
  batchSize: 10,
  schedule: { kind: 'constant' },
} as const;
const data = { trainImages: 42, testImages: 99 };

describe('training on several ranks', { skip }, () => {
  test('is training on one: same images, augmentation and masks', async () => {
    const start = await train('start', 1, { ...data, config: { ...config, lr: 1e-12, maxSteps: 1 } });
    const one = await train('one', 1, { ...data, config });
    for (const ranks of [2, 3, 4]) {
      const several = await train(`of-${ranks}`, ranks, { ...data, config });
      const distance = apart(one, several, start);
      assert.ok(distance < 1e-4, `${ranks} ranks: ${distance}`);
      assert.deepEqual(evaluations(several), evaluations(one), 'not the same evaluation');
    }
    const mistaken = await train('unshifted', 2, { ...data, config, unshifted: true });
    assert.ok(apart(one, mistaken, start) > 0.1, 'the comparison would not see other augmentation');
    const local = await train('local', 2, { ...data, config: { ...config, syncBn: false } });
    assert.ok(apart(one, local, start) > 1e-3, 'the comparison would not see other statistics');
  });

  test('gives the same bits again, and with another library', async () => {
    const first = await train('again-0', 2, { ...data, config });
    for (const [i, launcher] of launchers.entries()) {
      const again = await train(`again-${i + 1}`, 2, { ...data, config }, launcher);
      assert.deepEqual(again.weights, first.weights);
    }
  });

  test('accumulates gradients, and exchanges them once a step', async () => {
    const accumulate = { ...config, accumulate: 2, maxSteps: 6 };
    const one = await train('accumulate-1', 1, { ...data, config: accumulate });
    const two = await train('accumulate-2', 2, { ...data, config: accumulate });
    const start = await train('accumulate-0', 1, {
      ...data,
      config: { ...accumulate, lr: 1e-12, maxSteps: 1 },
    });
    assert.ok(apart(one, two, start) < 1e-4, `${apart(one, two, start)}`);
  });

  test('moves gradients in 16 bits if asked to', async () => {
    const start = await train('wire-0', 1, { ...data, config: { ...config, lr: 1e-12, maxSteps: 1 } });
    const full = await train('wire-32', 2, { ...data, config });
    const half = await train('wire-16', 2, { ...data, config: { ...config, wire: 'bfloat16' } });
    const distance = apart(full, half, start);
    assert.ok(distance > 1e-5 && distance < 0.1, `${distance}`);
  });

  test('continues on any number of ranks', async () => {
    const whole = await train('whole', 2, { ...data, config });
    const start = await train('begin', 1, { ...data, config: { ...config, lr: 1e-12, maxSteps: 1 } });
    const half = { ...config, maxSteps: 8 };
    await train('half-2', 2, { ...data, config: half });
    for (const ranks of [2, 1, 4]) {
      await cp(join(root, 'half-2'), join(root, `half-2-${ranks}`), { recursive: true });
      const resumed = await train(`half-2-${ranks}`, ranks, { ...data, config, resume: true });
      if (ranks === 2) assert.deepEqual(resumed.weights, whole.weights);
      else assert.ok(apart(whole, resumed, start) < 1e-4, `${ranks}: ${apart(whole, resumed, start)}`);
      assert.equal(resumed.metrics.filter(({ event }) => event === 'step').length, 20);
    }
  });
});
