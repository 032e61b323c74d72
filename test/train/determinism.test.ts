import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ChildRunOptions } from '../support/children/run.js';
import { endingOf, startChild } from '../support/kill.js';
import { scratch } from '../support/toy.js';

/** A network with dropout whose second convolution is large enough for kernel timings, in bfloat16. */
const OPTIONS = { maxSteps: 20, checkpointEvery: 5, channels: 64, batchSize: 32, threads: 2 };

async function trained(run: string, options: Partial<ChildRunOptions>, kernels?: string) {
  const { code, stderr } = await startChild(run, { ...OPTIONS, ...options }, kernels).ended;
  assert.equal(code, 0, stderr);
  return endingOf(run);
}

const kernelsOf = (checkpoint: Buffer): Record<string, string> => {
  const header = checkpoint.toString('utf8', 8, 8 + Number(checkpoint.readBigUInt64LE()));
  return JSON.parse(JSON.parse(header).__metadata__.progress).kernels;
};

for (const precision of ['float32', 'bfloat16'] as const)
  test(`${precision}: two processes train to the same bits, including timed kernel choices`, async (t) => {
    const folder = await scratch(t);
    const cache = join(folder, 'kernels.json');
    const first = await trained(join(folder, 'first'), { precision }, cache);
    const second = await trained(join(folder, 'second'), { precision }, cache);
    assert.ok(first.checkpoint.equals(second.checkpoint), 'the checkpoints differ');
    assert.ok(first.best.equals(second.best), 'the best weights differ');
    assert.equal(first.metrics, second.metrics);
  });

test('a resumed run keeps its kernel choices', async (t) => {
  const folder = await scratch(t);
  const [cache, other] = [join(folder, 'kernels.json'), join(folder, 'other.json')];
  const precision = 'bfloat16';
  const whole = await trained(join(folder, 'whole'), { precision }, cache);
  const chosen = kernelsOf(whole.checkpoint);
  assert.ok(Object.keys(chosen).length > 0, 'no kernel was chosen: the net is too small');
  const known = JSON.parse(readFileSync(cache, 'utf8')) as Record<string, Record<string, string>>;
  for (const choices of Object.values(known))
    for (const [key, name] of Object.entries(choices))
      choices[key] = name === 'bfloat16' ? 'winograd' : 'bfloat16';
  writeFileSync(other, JSON.stringify(known));

  const different = await trained(join(folder, 'different'), { precision }, other);
  if (different.checkpoint.equals(whole.checkpoint))
    return t.skip('this machine has one kernel only for each piece of work');
  assert.notDeepEqual(kernelsOf(different.checkpoint), chosen);

  await trained(join(folder, 'half'), { precision, maxSteps: 10 }, cache);
  cpSync(join(folder, 'half'), join(folder, 'wiped'), { recursive: true });
  for (const [run, kernels] of [
    ['half', other],
    ['wiped', join(folder, 'fresh.json')],
  ] as const) {
    const resumed = await trained(join(folder, run), { precision, resume: true }, kernels);
    assert.ok(whole.checkpoint.equals(resumed.checkpoint), `${run}: the checkpoints differ`);
  }
});
