import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { type DeviceName, openDevice } from '../../src/backend/open.js';
import { DivergedError } from '../../src/errors/errors.js';
import { readSafetensors } from '../../src/interop/safetensors/checked.js';
import { BatchNorm2d, Conv2d, Flatten, Linear, Module, ReLU, Sequential } from '../../src/nn/index.js';
import type { RunFolder } from '../../src/run/run-folder.js';
import { full, type Tensor } from '../../src/tensor/tensor.js';
import { MAX_SKIPS } from '../../src/train/trouble/divergence.js';
import { withoutGpu } from '../backend/webgpu/open.js';
import { plainMetrics, scratch, toyConfig, toyRun } from '../support/toy.js';

/** Adds 0 to its input, but infinity in the training passes chosen by `when`, counted from 1. */
class Faulty extends Module {
  passes = 0;

  constructor(
    readonly when: (pass: number) => boolean,
    /** The diagnosis is an additional pass, in which the fault occurs too. */
    readonly value = Number.POSITIVE_INFINITY,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    if (!this.training) return x;
    this.passes++;
    const bad = this.when(this.passes) || (this.passes > 1 && this.when(this.passes - 1));
    // Fed, so that good and bad passes share one plan.
    return x.add(full([1], bad ? this.value : 0));
  }
}

/** A convolutional network with a fault after its batch norm. */
const faultyNet = (fault: () => Faulty) => () =>
  new Sequential(
    new Conv2d(3, 8, 3, { padding: 1 }),
    new BatchNorm2d(8),
    new ReLU(),
    fault(),
    new Flatten(),
    new Linear(512, 10),
  );

const notFinite = (data: ArrayLike<number | bigint>): boolean =>
  Array.from(data).some((v) => !Number.isFinite(Number(v)));

/** Asserts that all files of weights of a run have finite values. */
async function assertSound(folder: RunFolder): Promise<string[]> {
  const files = await readdir(join(folder.path, 'checkpoints'));
  for (const file of files)
    for (const [name, { data }] of (await readSafetensors(folder.checkpoints.file(file))).tensors)
      assert.ok(!notFinite(data), `${file}: ${name}`);
  return files;
}

const withoutWebGpu = await withoutGpu();

for (const name of ['reference', 'onednn', 'wasm', 'webgpu'] satisfies DeviceName[])
  describe(`NaN and infinity on ${name}`, { skip: name === 'webgpu' && withoutWebGpu }, () => {
    let device: Device;
    before(async () => {
      ({ device } = await openDevice(name, { threads: 2 }));
    });
    after(() => device?.close());

    test('stop the run before they reach a weight, and the error names the layer', async (t) => {
      const config = toyConfig({ checkpointEvery: 2, insightEvery: 0 });
      const net = faultyNet(() => new Faulty((pass) => pass >= 6));
      const { trainer, model, folder, recorder } = await toyRun(device, await scratch(t), { config, net });
      await assert.rejects(trainer.run(), (error) => {
        assert.ok(error instanceof DivergedError);
        assert.match(
          error.message,
          /^Training diverged at step 6: 3 \(Faulty\): its output has 2,048 infinities\. .*The last good checkpoint is .*step-00000004\.safetensors\.$/,
        );
        return true;
      });
      assert.equal(recorder.steps.length, 5);
      for (const [key, p] of model.stateDict()) assert.ok(!notFinite(await p.data()), key);
      assert.equal((await folder.state()).latest, 'step-00000004.safetensors');
      assert.equal((await assertSound(folder)).length, 2);
    });

    test('in the weights are found before saving, even if no loss shows them', async (t) => {
      const config = toyConfig({ checkpointEvery: 2, insightEvery: 0 });
      const hooks = {
        step: async ({ step }: { step: number }) => {
          if (step !== 3) return;
          // ReLUs of the fast device turn NaN into zero, so NaN in the first layer can be hidden by one.
          const bias = run.model.stateDict().get('0.bias')!;
          bias.load(new Float32Array(8).fill(Number.NaN));
        },
      };
      const net = () =>
        new Sequential(new Conv2d(3, 8, 3, { padding: 1 }), new ReLU(), new Flatten(), new Linear(512, 10));
      const run = await toyRun(device, await scratch(t), { config, net, hooks });
      await assert.rejects(
        run.trainer.run(),
        /Training diverged at step [45]: .*(0\.bias|momentum).* has \d+ NaN/,
      );
      assert.equal((await run.folder.state()).latest, 'step-00000002.safetensors');
      await assertSound(run.folder);
    });

    test('are skipped with their step under skip, without any trace', async (t) => {
      const config = toyConfig({ onNan: 'skip', epochs: 1, insightEvery: 0, sgd: 'rate-in-velocity' });
      // The fourth pass is bad, and the fifth is its diagnosis.
      const net = faultyNet(() => new Faulty((pass) => pass === 4));
      const { trainer, folder, recorder } = await toyRun(device, await scratch(t), { config, net });
      assert.ok(await trainer.run());
      assert.deepEqual(
        recorder.steps.map(({ step }) => step),
        [1, 2, 3, 5, 6],
      );
      assert.match(
        recorder.notes[0]!,
        /^Step 4 was skipped \(--on-nan skip\): 3 \(Faulty\): its output has 4,096 infinities\.$/,
      );
      const skip = (await plainMetrics(folder)).find((e) => (e as { event: string }).event === 'skip');
      assert.deepEqual(skip, {
        event: 'skip',
        epoch: 1,
        step: 4,
        where: '3 (Faulty): its output has 4,096 infinities',
      });
      await assertSound(folder);
    });

    test('end a run under skip if they persist', async (t) => {
      const config = toyConfig({ onNan: 'skip', insightEvery: 0, checkpointEvery: 100 });
      const net = faultyNet(() => new Faulty((pass) => pass >= 3));
      const { trainer, folder, recorder } = await toyRun(device, await scratch(t), { config, net });
      await assert.rejects(
        trainer.run(),
        new RegExp(`at step ${3 + MAX_SKIPS}: .*${MAX_SKIPS} steps in a row`),
      );
      assert.equal(recorder.notes.length, MAX_SKIPS);
      await assertSound(folder);
    });

    test('send a run back to its checkpoint with a lower learning rate under rollback, at most three times', async (t) => {
      const config = toyConfig({
        onNan: 'rollback',
        checkpointEvery: 4,
        insightEvery: 0,
        schedule: { kind: 'constant' },
      });
      let faults = 2;
      const net = faultyNet(() => {
        const faulty = new Faulty(() => faults > 0 && faulty.passes % 7 >= 6);
        return faulty;
      });
      let bad = 0;
      const hooks = {
        note: (text: string) => {
          if (/^Step \d+ was bad/.test(text) && ++bad === 2) faults = 0;
        },
      };
      const { trainer, folder, recorder } = await toyRun(device, await scratch(t), { config, net, hooks });
      assert.ok(await trainer.run());
      const metrics = (await plainMetrics(folder)) as {
        event: string;
        step: number;
        lr: number;
        from: number;
      }[];
      const rollbacks = metrics.filter(({ event }) => event === 'rollback');
      assert.deepEqual(
        rollbacks.map(({ lr }) => lr),
        [0.05 / 4, 0.05 / 16],
      );
      assert.match(
        recorder.notes.join('\n'),
        /Back at step 4 with a learning rate of 0\.0125 \(--on-nan rollback, 1\)/,
      );
      // Every step once, in order, later ones with the lower learning rate.
      const steps = metrics.filter(({ event }) => event === 'step');
      assert.deepEqual(
        steps.map(({ step }) => step),
        Array.from({ length: 18 }, (_, i) => i + 1),
      );
      assert.equal(steps.at(-1)!.lr, 0.05 / 16);
      await assertSound(folder);

      const hopeless = faultyNet(() => new Faulty(() => true));
      const second = await toyRun(device, await scratch(t), { config, net: hopeless });
      await assert.rejects(second.trainer.run(), /at step 1: .*already lowered 3 times.*step-00000000/);
      assert.equal(second.recorder.notes.length, 3);
    });

    test('in one batch of a step skip the whole step', async (t) => {
      const config = toyConfig({ onNan: 'skip', batchSize: 4, accumulate: 2, epochs: 1, insightEvery: 0 });
      const net = faultyNet(() => new Faulty((pass) => pass === 3));
      const { trainer, folder, recorder } = await toyRun(device, await scratch(t), { config, net });
      assert.ok(await trainer.run());
      assert.deepEqual(
        recorder.steps.map(({ step }) => step),
        [1, 3, 4, 5, 6],
      );
      await assertSound(folder);
    });
  });
