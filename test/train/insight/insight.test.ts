import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { type DeviceName, openDevice } from '../../../src/backend/open.js';
import { floats } from '../../../src/interop/numbers.js';
import { readSafetensors } from '../../../src/interop/safetensors/checked.js';
import type { Insight, KernelImage } from '../../../src/run/events.js';
import { kernelSteps, readKernels } from '../../../src/run/kernel-files.js';
import type { RunFolder } from '../../../src/run/run-folder.js';
import { stepsToDrop } from '../../../src/run/step-files.js';
import { describe as describeActivation } from '../../../src/train/insight/probe.js';
import { plainMetrics, scratch, toyConfig, toyRun } from '../../support/toy.js';

const latest = async (folder: RunFolder) => folder.checkpoints.file((await folder.state()).latest!);
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

for (const name of ['reference', 'onednn', 'wasm'] satisfies DeviceName[])
  describe(name, () => {
    let device: Device;
    before(async () => {
      ({ device } = await openDevice(name, { threads: 2 }));
    });
    after(() => device?.close());

    test('insights do not change the bytes of a run', async (t) => {
      const runs = [];
      for (const insightEvery of [0, 1, 3]) {
        const { trainer, folder } = await toyRun(device, await scratch(t), {
          config: toyConfig({ insightEvery }),
        });
        await trainer.run();
        runs.push({
          metrics: await plainMetrics(folder),
          bytes: await readFile(await latest(folder)),
          insights: (await folder.insights()).map(({ step }) => step),
          kernels: await kernelSteps(folder.path),
        });
      }
      const [none, each, some] = runs;
      assert.deepEqual(none!.insights, []);
      assert.deepEqual(none!.kernels, []);
      assert.deepEqual(
        each!.insights,
        Array.from({ length: 18 }, (_, i) => i + 1),
      );
      assert.deepEqual(some!.insights, [1, 3, 6, 9, 12, 15, 18]);
      assert.deepEqual(some!.kernels, some!.insights);
      for (const other of [each, some]) {
        assert.deepEqual(other!.metrics, none!.metrics);
        assert.ok(other!.bytes.equals(none!.bytes));
      }
    });

    test('norms and kernels agree with the checkpoint of the same step', async (t) => {
      const heard: { insights: Insight[]; kernels: KernelImage[] } = { insights: [], kernels: [] };
      const { trainer, folder } = await toyRun(device, await scratch(t), {
        // After one step the momentum is the gradient.
        config: toyConfig({ maxSteps: 1, weightDecay: 0 }),
        hooks: {
          insight: (insight) => heard.insights.push(insight),
          kernels: (kernels) => heard.kernels.push(kernels),
        },
      });
      await trainer.run();
      const { tensors } = await readSafetensors(await latest(folder));
      const [insight] = await folder.insights();
      assert.deepEqual(heard.insights, [insight]);
      assert.equal(insight!.parameters.length, 6);
      for (const { name, gradNorm, norm: own } of insight!.parameters) {
        const [g, p] = [`momentum.${name}`, `model.${name}`].map((key) => norm(floats(tensors.get(key)!)));
        assert.ok(Math.abs(gradNorm! - g!) <= 1e-5 * g! && g! > 0, `${name}: ${gradNorm} and ${g}`);
        assert.ok(Math.abs(own! - p!) <= 1e-5 * p!, `${name}: ${own} and ${p}`);
      }
      const kernels = await readKernels(folder.path, 1);
      assert.deepEqual([kernels.count, kernels.side], [8, 3]);
      assert.deepEqual(kernels.data, tensors.get('model.0.weight')!.data);
      assert.deepEqual(heard.kernels, [kernels]);
      const [relu] = insight!.activations;
      assert.deepEqual([relu!.name, relu!.kind, relu!.units], ['2', 'ReLU', 8]);
      assert.equal(
        relu!.histogram!.counts.reduce((a, b) => a + b, 0),
        16 * 8 * 64,
      );
      assert.ok(relu!.active > 0.05 && relu!.active < 0.95, `${relu!.active}`);
      assert.ok(relu!.mean! > 0 && relu!.std! > 0);
    });

    test('messages are stored with their step, and a resume removes the later ones', async (t) => {
      const path = await scratch(t);
      const abort = new AbortController();
      const first = await toyRun(device, path, {
        signal: abort.signal,
        hooks: { step: ({ step }) => step === 5 && abort.abort() },
      });
      await first.trainer.run();
      const lines = async () =>
        (await readFile(join(path, 'log.jsonl'), 'utf8'))
          .trim()
          .split('\n')
          .map((l) => JSON.parse(l));
      assert.deepEqual(
        await lines(),
        first.recorder.lines.map((text, i) => ({ event: 'line', step: 2 * (i + 1), text })),
      );
      first.folder.say({ event: 'note', step: 17, text: 'from a future that did not come' });
      await toyRun(device, path, { resume: true });
      assert.equal((await lines()).length, first.recorder.lines.length);
    });
  });

test('a unit is dead if no image makes it positive anywhere', () => {
  // Two images, three maps with two positions.
  const values = [0, 1, 0, 0, 2, 3, 0, 0, 0, 0, 4, 0];
  const { units, dead, active, mean, histogram } = describeActivation(values, [2, 3, 2]);
  assert.deepEqual([units, dead, active], [3, 1 / 3, 4 / 12]);
  assert.equal(mean, 10 / 12);
  assert.deepEqual([histogram!.min, histogram!.max], [0, 4]);
  assert.equal(histogram!.counts[0], 8);
  assert.equal(histogram!.counts[31], 1);
});

test('a saturating unit is dead if every image saturates it', () => {
  const { dead, active } = describeActivation([0.999, 0.1, -0.999, 0.2], [2, 2], [-1, 1]);
  assert.deepEqual([dead, active], [0.5, 0.5]);
});

test('outputs with NaN or infinity have no histogram', () => {
  assert.equal(describeActivation([Number.NaN, 1], [1, 2]).histogram, undefined);
  assert.deepEqual(describeActivation([2, 2], [1, 2]).histogram!.counts[0], 2);
});

test('stored kernels are thinned out evenly, keeping the first and the last', () => {
  const kept: number[] = [];
  for (let step = 100; step <= 30_000; step += 100) {
    kept.push(step);
    for (const drop of stepsToDrop(kept, 16)) kept.splice(kept.indexOf(drop), 1);
  }
  assert.equal(kept.length, 16);
  assert.deepEqual([kept[0], kept.at(-1)], [100, 30_000]);
  const gaps = kept.slice(1).map((step, i) => step - kept[i]!);
  assert.ok(Math.max(...gaps) <= 4100, `${gaps}`);
});
