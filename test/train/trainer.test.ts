import assert from 'node:assert/strict';
import { appendFileSync, cpSync } from 'node:fs';
import { appendFile, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { type DeviceName, openDevice } from '../../src/backend/open.js';
import { describeError } from '../../src/cli/print-error.js';
import type { Dataset } from '../../src/data/dataset.js';
import { sampleOf } from '../../src/data/stratified-sample.js';
import { Subset } from '../../src/data/subset.js';
import { CheckpointError, DataError, PaperweightError } from '../../src/errors/errors.js';
import { readSafetensors } from '../../src/interop/safetensors/checked.js';
import { Linear, type Module, Sequential } from '../../src/nn/index.js';
import { Generator } from '../../src/random.js';
import { putWeights } from '../../src/run/checkpoint.js';
import type { Observer } from '../../src/run/events.js';
import { kernelSteps, readKernels } from '../../src/run/kernel-files.js';
import { RunFolder } from '../../src/run/run-folder.js';
import { tensor } from '../../src/tensor/tensor.js';
import { evaluateModel } from '../../src/train/evaluate.js';
import { trim } from '../../src/train/reporter.js';
import { smallDisk } from '../support/system/disk.js';
import {
  makeToyNet,
  plainMetrics,
  scratch,
  ToySet,
  toyConfig,
  toyRun,
  toyTransform,
} from '../support/toy.js';

/** Weights, momentum, random state and position: equal bytes mean equal runs. */
async function latestBytes(folder: RunFolder): Promise<Buffer> {
  return readFile(folder.checkpoints.file((await folder.state()).latest!));
}

/** The stored kernels of a run, by step. */
const films = async ({ path }: RunFolder) =>
  Promise.all((await kernelSteps(path)).map((step) => readKernels(path, step)));

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Accuracy and loss, computed without the library's evaluation. */
async function directly(model: Module, set: Dataset, count: number) {
  model.eval();
  let [top1, top5, loss] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const bytes = new Uint8Array(192);
    const label = set.read(i, bytes, 0);
    const input = toyTransform.apply(tensor(bytes, { shape: [1, 3, 8, 8] }), { generator: new Generator(0) });
    const logits = [...(await model.forward(input).data())];
    const order = logits.map((_, c) => c).sort((a, b) => logits[b]! - logits[a]!);
    top1 += order[0] === label ? 1 : 0;
    top5 += order.slice(0, 5).includes(label) ? 1 : 0;
    loss += Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0)) - logits[label]!;
  }
  return { accuracy: (100 * top1) / count, top5: (100 * top5) / count, loss: loss / count };
}

for (const name of ['reference', 'onednn', 'wasm'] satisfies DeviceName[])
  describe(name, () => {
    let device: Device;
    before(async () => {
      ({ device } = await openDevice(name, { threads: 2 }));
    });
    after(() => device?.close());

    test('the network learns, and the run prints the lines of the notes', async (t) => {
      const config = toyConfig({ epochs: 6, lr: 0.02, checkpointEvery: 1000, evalLimit: 100, logEvery: 4 });
      const trainSet = new ToySet(156);
      const testSet = new ToySet(120, 2);
      const path = await scratch(t);
      const { trainer, folder, recorder } = await toyRun(device, path, { config, trainSet, testSet });
      assert.equal(trainer.stepsTotal, 120);
      const done = await trainer.run();

      const losses = recorder.steps.map(({ loss }) => loss);
      assert.equal(losses.length, 120);
      assert.ok(mean(losses.slice(0, 5)) > 1.8, `${losses.slice(0, 5)}`);
      assert.ok(mean(losses.slice(-20)) < 0.6, `${losses.slice(-20)}`);
      assert.deepEqual(
        recorder.steps.map(({ step, epoch }) => [step, epoch]),
        losses.map((_, i) => [i + 1, Math.floor(i / 20) + 1]),
      );
      // Warm-up over 4 steps, and decay over the last 6 to almost zero.
      const rates = recorder.steps.map(({ lr }) => lr);
      assert.deepEqual(rates.slice(0, 5), [0.005, 0.01, 0.015, 0.02, 0.02]);
      assert.ok(rates.at(-1)! < 0.002 && rates.at(-7) === 0.02, `${rates.slice(-7)}`);

      const lines = [1, 2, 3, 4, 5, 6].flatMap((epoch) =>
        [4, 8, 12, 16, 20].map((batch) => {
          const end = (epoch - 1) * 20 + batch;
          return `[${epoch}, ${batch}] loss: ${mean(losses.slice(end - 4, end)).toFixed(3)}`;
        }),
      );
      const accuracy = recorder.epochs.at(-1)!.testAccuracy;
      assert.ok(accuracy > 70, `${accuracy}`);
      assert.deepEqual(recorder.lines, [
        ...lines,
        'Finished Training',
        `Accuracy on test set: ${trim(accuracy)}% (a random sample of 100 of the 120 test images, spread over the classes)`,
      ]);
      assert.deepEqual(recorder.notes, []);

      assert.equal(recorder.epochs.length, 6);
      for (const [i, event] of recorder.epochs.entries()) {
        // The last batch has 4 images instead of 8.
        const own = losses.slice(20 * i, 20 * i + 20);
        const weighted = (8 * own.reduce((a, b) => a + b, 0) - 4 * own.at(-1)!) / 156;
        assert.ok(Math.abs(event.trainLoss - weighted) < 1e-9);
        assert.ok(event.trainAccuracy >= 0 && event.trainAccuracy <= 100);
        assert.ok(
          Math.abs((event.trainAccuracy * 156) / 100 - Math.round(event.trainAccuracy * 1.56)) < 1e-9,
        );
        assert.deepEqual([event.testImages, event.testTotal], [100, 120]);
        assert.ok(event.testTop5! >= event.testAccuracy);
        assert.deepEqual([event.epoch, event.step], [i + 1, 20 * (i + 1)]);
      }
      assert.ok(recorder.epochs.at(-1)!.trainAccuracy > recorder.epochs[0]!.trainAccuracy);

      const { seconds, ...rest } = done!;
      assert.ok(seconds > 0);
      assert.deepEqual(rest, {
        event: 'done',
        run: path,
        step: 120,
        testAccuracy: accuracy,
        testTop5: recorder.epochs.at(-1)!.testTop5,
        testImages: 100,
        testTotal: 120,
      });
      const metrics = await folder.metrics();
      assert.deepEqual(
        metrics.map(({ event }) => event),
        [
          ...Array.from({ length: 6 }, () => [...Array.from({ length: 20 }, () => 'step'), 'epoch']).flat(),
          'done',
        ],
      );
      assert.deepEqual(metrics[0], { ...recorder.steps[0] });
      const { imagesPerSecond, stepSeconds, dataSeconds, rssMiB } = recorder.steps[3]!;
      assert.ok(Math.abs(imagesPerSecond * stepSeconds - 8) < 1e-9);
      assert.ok(dataSeconds >= 0 && rssMiB > 10);
    });

    test('a loss that stays at chance level is reported', async (t) => {
      const zeroed = () => {
        const net = makeToyNet();
        const last = net.stateDict().get('6.weight')!;
        net.loadStateDict(
          new Map([
            ['6.weight', { data: new Float32Array(last.size), shape: last.shape }],
            ['6.bias', { data: new Float32Array(10), shape: [10] }],
          ]),
          { strict: false },
        );
        return net;
      };
      const config = toyConfig({ lr: 1e-12, schedule: { kind: 'constant' }, maxSteps: 10 });
      const given = { config, net: zeroed, flatSteps: 4 };
      const { trainer, recorder } = await toyRun(device, await scratch(t), given);
      await trainer.run();
      assert.equal(recorder.lines[0], '[1, 2] loss: 2.303');
      // Once, although the loss stays there longer.
      assert.equal(recorder.notes.length, 2);
      assert.match(
        recorder.notes[0]!,
        /^After 4 steps the loss is still at chance level \(ln 10 = 2\.303\)\./,
      );
      assert.match(recorder.notes.at(-1)!, /^The loss on the test images is at chance level/);
    });

    describe('a resumed run is the uninterrupted one, bit for bit', () => {
      let folder: RunFolder;
      let lines: readonly string[];
      let bytes: Buffer;
      const folders: (() => unknown)[] = [];
      before(async () => {
        const path = await scratch({ after: (body) => void folders.push(body as () => unknown) });
        const { trainer, folder: made, recorder } = await toyRun(device, path);
        assert.ok(await trainer.run());
        folder = made;
        lines = recorder.lines;
        bytes = await latestBytes(folder);
      });
      after(() => Promise.all(folders.map((remove) => remove())));

      async function same(path: string, heard: readonly string[]): Promise<void> {
        const other = RunFolder.open(path);
        assert.deepEqual(heard, lines);
        assert.deepEqual(await plainMetrics(other), await plainMetrics(folder));
        assert.deepEqual(await other.state(), await folder.state());
        assert.deepEqual(await other.insights(), await folder.insights());
        assert.deepEqual(await films(other), await films(folder));
        assert.ok(bytes.equals(await latestBytes(other)), 'the last checkpoints differ');
        const { best } = await folder.state();
        const [a, b] = await Promise.all(
          [folder, other].map((f) => readFile(f.checkpoints.file(best!.file))),
        );
        assert.ok(a!.equals(b!), 'the best weights differ');
      }

      /** Aborts as defined by `when`, resumes as often as needed, and compares. */
      async function interrupted(
        t: { after(body: () => unknown): void },
        when: (abort: () => void) => Observer,
        at?: number,
      ): Promise<void> {
        const path = await scratch(t as Parameters<typeof scratch>[0]);
        const abort = new AbortController();
        const hooks = when(() => abort.abort());
        const first = await toyRun(device, path, { hooks, signal: abort.signal });
        assert.equal(await first.trainer.run(), undefined);
        if (at !== undefined) assert.equal(first.trainer.step, at);
        const second = await toyRun(device, path, { resume: true });
        assert.equal(second.trainer.step, first.trainer.step);
        assert.ok(await second.trainer.run());
        await same(path, [...first.recorder.lines, ...second.recorder.lines]);
      }
      const atStep =
        (n: number) =>
        (abort: () => void): Observer =>
          ({ step: ({ step }) => step === n && abort() }) as Observer;

      test('when restarted from the beginning', async (t) => {
        const path = await scratch(t);
        const { trainer, recorder } = await toyRun(device, path);
        await trainer.run();
        await same(path, recorder.lines);
      });

      // When the signal arrives, one more step is already queued, except after a step with an insight.
      test('interrupted in the middle of an epoch', (t) => interrupted(t, atStep(9), 10));
      test('interrupted in the first step', (t) => interrupted(t, atStep(1), 1));
      test('interrupted with the last step of an epoch', (t) => interrupted(t, atStep(6)));
      test('interrupted before the last step', (t) => interrupted(t, atStep(17), 18));
      test('interrupted by the last step', (t) => interrupted(t, atStep(18), 18));

      for (const epoch of [1, 3])
        test(`interrupted while epoch ${epoch} is being evaluated`, (t) => {
          let measured = 0;
          return interrupted(
            t,
            (abort) => ({ evaluating: () => ++measured === 3 * (epoch - 1) + 1 && abort() }) as Observer,
            6 * epoch,
          );
        });

      test('interrupted between two epochs', (t) =>
        interrupted(t, (abort) => ({ epoch: ({ epoch }) => epoch === 2 && abort() }) as Observer, 13));

      // Nothing is written while a hook runs: a copy of the folder equals what kill -9 would leave.
      test('killed between checkpoints: only the steps since the last one are repeated', async (t) => {
        const root = await scratch(t);
        const [path, killed] = [join(root, 'run'), join(root, 'killed')];
        const hooks: Observer = {
          step: ({ step }) => step === 11 && cpSync(path, killed, { recursive: true }),
        };
        const { trainer, recorder } = await toyRun(device, path, { hooks });
        await trainer.run();
        await appendFile(join(killed, 'metrics.jsonl'), '{"event":"step","epoch":2,"st');
        assert.equal((await RunFolder.open(killed).metrics()).filter((m) => m.event === 'step').length, 11);
        const resumed = await toyRun(device, killed, { resume: true });
        assert.equal(resumed.trainer.step, 8);
        assert.ok(await resumed.trainer.run());
        assert.deepEqual(resumed.recorder.steps.map(({ step }) => step)[0], 9);
        await same(killed, [...recorder.lines.slice(0, 4), ...resumed.recorder.lines]);
      });

      test('killed after the evaluation of an epoch and before its checkpoint: evaluated again', async (t) => {
        const root = await scratch(t);
        const [path, killed] = [join(root, 'run'), join(root, 'killed')];
        const hooks: Observer = {
          epoch: (event) => {
            if (event.epoch !== 2) return;
            cpSync(path, killed, { recursive: true });
            appendFileSync(join(killed, 'metrics.jsonl'), `${JSON.stringify(event)}\n`);
          },
        };
        const { trainer, recorder } = await toyRun(device, path, { hooks });
        await trainer.run();
        const resumed = await toyRun(device, killed, { resume: true });
        assert.equal(resumed.trainer.step, 12);
        assert.ok(await resumed.trainer.run());
        await same(killed, [...recorder.lines.slice(0, 6), ...resumed.recorder.lines]);
      });

      test('a damaged checkpoint is set aside, and the previous one is used', async (t) => {
        const path = join(await scratch(t), 'copy');
        cpSync(folder.path, path, { recursive: true });
        await truncate(join(path, 'checkpoints', 'step-00000018.safetensors'), 5000);
        const { trainer, recorder } = await toyRun(device, path, { resume: true });
        assert.equal(trainer.step, 16);
        assert.ok(await trainer.run());
        await same(path, [...lines.slice(0, 8), ...recorder.lines]);
      });

      test('a finished run is only evaluated again', async (t) => {
        const path = join(await scratch(t), 'copy');
        cpSync(folder.path, path, { recursive: true });
        const { trainer, recorder } = await toyRun(device, path, { resume: true });
        assert.ok(await trainer.run());
        assert.deepEqual(recorder.steps, []);
        await same(path, [...lines.slice(0, -2), ...recorder.lines]);
      });

      test('a run that ended at its step limit continues with a higher limit', async (t) => {
        const path = await scratch(t);
        const schedule = { kind: 'constant' } as const;
        const long = await toyRun(device, join(path, 'long'), { config: toyConfig({ schedule }) });
        await long.trainer.run();
        const short = await toyRun(device, join(path, 'short'), {
          config: toyConfig({ schedule, maxSteps: 9 }),
        });
        const done = await short.trainer.run();
        assert.equal(done!.step, 9);
        assert.deepEqual(
          (await plainMetrics(short.folder)).slice(-2).map((m) => (m as { event: string }).event),
          ['epoch', 'done'],
        );
        const more = await toyRun(device, join(path, 'short'), {
          config: toyConfig({ schedule }),
          resume: true,
        });
        await more.trainer.run();
        assert.deepEqual(await plainMetrics(more.folder), await plainMetrics(long.folder));
        assert.ok((await latestBytes(more.folder)).equals(await latestBytes(long.folder)));
      });
    });

    test('a run shorter than its warm-up and decay shortens both', async (t) => {
      const config = toyConfig({ maxSteps: 5 });
      const { trainer, recorder } = await toyRun(device, await scratch(t), { config });
      await trainer.run();
      // Half of 4 and half of 6.
      assert.deepEqual(
        recorder.steps.map(({ lr }) => Number(lr.toFixed(4))),
        [0.025, 0.05, 0.05, 0.0375, 0.0125],
      );
    });

    test('a run that diverges names the step and keeps its checkpoints', async (t) => {
      const path = await scratch(t);
      const config = toyConfig({ lr: 1e30, schedule: { kind: 'constant' }, checkpointEvery: 1 });
      const { trainer, folder, recorder } = await toyRun(device, path, { config });
      await assert.rejects(trainer.run(), (error) => {
        assert.ok(error instanceof PaperweightError);
        assert.match(
          error.message,
          /^Training diverged at step (\d+): .* has .*(infinit|NaN|overflow).*\. Expected a finite loss, .*; got a loss of .*\. Next: start again with a lower --lr.*\. The last good checkpoint is .*step-0+\d\.safetensors\.$/,
        );
        assert.equal(Number(/step (\d+)/.exec(error.message)![1]), recorder.steps.length + 1);
        assert.equal(describeError(error).code, 1);
        return true;
      });
      assert.ok(recorder.steps.length >= 1);
      assert.ok(recorder.steps.every(({ loss }) => Number.isFinite(loss)));
      const { latest } = await folder.state();
      assert.equal(latest, `step-${String(recorder.steps.length).padStart(8, '0')}.safetensors`);
      await readSafetensors(folder.checkpoints.file(latest!));
      assert.equal((await folder.metrics()).length, recorder.steps.length);
    });

    test('weights with NaN after the last step are not saved as the result', async (t) => {
      const config = toyConfig({ lr: 1e38, schedule: { kind: 'constant' }, maxSteps: 1 });
      const { trainer, folder } = await toyRun(device, await scratch(t), { config });
      await assert.rejects(
        trainer.run(),
        /Training diverged at step 1\. .*got a loss of .* on the test images/,
      );
      assert.deepEqual(await folder.state(), { version: 1 });
    });

    test('the best weights are kept, not the last', async (t) => {
      // The rate is so high that accuracy goes up and down.
      const config = toyConfig({ epochs: 8, lr: 0.4, schedule: { kind: 'constant' } });
      const { trainer, folder, recorder } = await toyRun(device, await scratch(t), { config });
      await trainer.run();
      const accuracies = recorder.epochs.map(({ testAccuracy }) => testAccuracy);
      const best = Math.max(...accuracies);
      const at = accuracies.indexOf(best);
      assert.ok(at < 7, `the last epoch is the best: ${accuracies}`);
      const file = `best-${String(6 * (at + 1)).padStart(8, '0')}.safetensors`;
      const state = await folder.state();
      assert.deepEqual(state.best, { file, accuracy: best });
      assert.deepEqual((await readdir(join(folder.path, 'checkpoints'))).sort(), [
        file,
        'step-00000044.safetensors',
        'step-00000048.safetensors',
      ]);
      const { tensors, metadata } = await readSafetensors(folder.checkpoints.file(file));
      assert.equal(Number(metadata.accuracy), best);
      const model = await makeToyNet().to(device);
      putWeights(file, model, tensors);
      const result = await evaluateModel({ model, dataset: new ToySet(21, 2), transform: toyTransform });
      assert.equal(result.accuracy, best);
    });

    test('a full disk ends the run; saved files are intact, and the run can be resumed', async (t) => {
      const disk = smallDisk(t);
      if (!disk) return;
      const path = join(disk.path, 'run');
      const hooks: Observer = { step: ({ step }) => step === 6 && disk.fill() };
      const first = await toyRun(device, path, { hooks });
      await assert.rejects(first.trainer.run(), (error) => {
        assert.ok(error instanceof CheckpointError);
        assert.match(error.message, /^cannot write .*run.*full disk \(ENOSPC\).*Next: free some space/);
        return true;
      });
      const before = await latestBytes(first.folder);
      await readSafetensors(first.folder.checkpoints.file((await first.folder.state()).latest!));
      assert.ok(before.length > 0);
      await disk.free();
      const second = await toyRun(device, path, { resume: true });
      assert.ok(second.trainer.step >= 4);
      assert.ok(await second.trainer.run());
      const whole = await toyRun(device, await scratch(t));
      await whole.trainer.run();
      assert.ok((await latestBytes(second.folder)).equals(await latestBytes(whole.folder)));
      assert.deepEqual(await plainMetrics(second.folder), await plainMetrics(whole.folder));
    });

    test('a label out of range ends the run with an error that names it', async (t) => {
      const wrong = new ToySet(44, 1, (index, label) => (index === 20 ? 10 : label));
      const config = toyConfig({ checkpointEvery: 1 });
      const { trainer, recorder, folder } = await toyRun(device, await scratch(t), {
        config,
        trainSet: wrong,
      });
      await assert.rejects(trainer.run(), (error) => {
        assert.ok(error instanceof DataError, String(error));
        assert.match(
          error.message,
          /label.*Expected a label from 0 to 9, for 10 classes; got 10\. Next: check/,
        );
        return true;
      });
      assert.ok(recorder.steps.length < 6);
      if (recorder.steps.length > 0) assert.ok((await folder.state()).latest);
    });

    describe('evaluateModel', () => {
      const dataset = new ToySet(50, 3);
      let model: Module;
      before(async () => {
        const root = new Map<string, () => unknown>();
        const path = await scratch({ after: (body) => void root.set('', body as () => unknown) });
        const config = toyConfig({ epochs: 2 });
        const run = await toyRun(device, path, { config, trainSet: new ToySet(104) });
        await run.trainer.run();
        model = run.model;
        await root.get('')!();
      });

      test('agrees with a direct computation, with a smaller last batch', async () => {
        const told: [number, number][] = [];
        const result = await evaluateModel({
          model,
          dataset,
          transform: toyTransform,
          batchSize: 16,
          onProgress: (...progress) => told.push(progress),
        });
        const expected = await directly(model, dataset, 50);
        assert.equal(result.images, 50);
        assert.equal(result.accuracy, expected.accuracy);
        assert.equal(result.top5, expected.top5);
        assert.ok(Math.abs(result.loss - expected.loss) < 1e-5 * expected.loss);
        assert.ok(result.accuracy > 10 && result.accuracy < result.top5);
        assert.deepEqual(told, [
          [16, 50],
          [32, 50],
          [48, 50],
          [50, 50],
        ]);
      });

      test('a limit counts images, not batches', async () => {
        for (const limit of [1, 16, 21]) {
          const result = await evaluateModel({
            model,
            dataset,
            transform: toyTransform,
            batchSize: 16,
            limit,
          });
          const expected = await directly(model, sampleOf(dataset, limit), limit);
          assert.deepEqual([result.images, result.sampled, result.total], [limit, limit, 50]);
          assert.equal(result.accuracy, expected.accuracy);
          assert.equal(result.top5, expected.top5);
          assert.ok(Math.abs(result.loss - expected.loss) < 1e-5 * expected.loss);
        }
        const all = await evaluateModel({ model, dataset, transform: toyTransform, limit: 1000 });
        assert.deepEqual([all.images, all.sampled, all.total], [50, 50, 50]);
      });

      test('a limit on images sorted by class still covers all classes', async () => {
        const set = new ToySet(200, 3);
        const labels = Array.from({ length: 200 }, (_, i) => set.read(i, new Uint8Array(192), 0));
        const order = labels.map((_, i) => i).sort((a, b) => labels[a]! - labels[b]!);
        const sorted: Dataset = {
          ...new Subset(set, order),
          labels: Int32Array.from(order, (i) => labels[i]!),
          read: (i, into, offset) => set.read(order[i]!, into, offset),
        };
        const counted = new Set<number>();
        const watched = {
          ...sorted,
          read: (...args: Parameters<Dataset['read']>) => {
            const label = sorted.read(...args);
            counted.add(label);
            return label;
          },
        };
        await evaluateModel({ model, dataset: watched, transform: toyTransform, limit: 50 });
        assert.equal(counted.size, 10);
      });

      test('restores the model’s mode, also when it fails or is stopped', async () => {
        const wrong = new ToySet(50, 3, () => -1);
        const state = async () => [...(await model.stateDict().get('1.running_mean')!.data())];
        for (const training of [true, false]) {
          model.train(training);
          const before = await state();
          await evaluateModel({ model, dataset, transform: toyTransform });
          assert.equal(model.training, training);
          await assert.rejects(
            evaluateModel({ model, dataset: wrong, transform: toyTransform, batchSize: 16 }),
            /label/,
          );
          assert.equal(model.training, training);
          const abort = new AbortController();
          let told = 0;
          const onProgress = () => {
            told++;
            abort.abort();
          };
          const stopped = { model, dataset, transform: toyTransform, batchSize: 4, onProgress };
          await assert.rejects(evaluateModel({ ...stopped, signal: abort.signal }), { name: 'AbortError' });
          const heard = told;
          await new Promise((resolve) => setTimeout(resolve, 20));
          assert.equal(told, heard, 'something was told after the end');
          assert.ok(told < 5);
          assert.equal(model.training, training);
          for (const module of model.namedModules()) assert.equal(module[1].training, training);
          assert.deepEqual(await state(), before);
        }
      });

      test('with five classes or fewer, top-5 is not measured', async () => {
        const net = await new Sequential(
          ...makeToyNet()
            .namedChildren()
            .slice(0, -1)
            .map(([, m]) => m),
          new Linear(128, 3),
        ).to(device);
        const three = Object.assign(new ToySet(20, 4, (_, label) => label % 3), {
          classes: ['a', 'b', 'c'],
        });
        const result = await evaluateModel({ model: net, dataset: three, transform: toyTransform });
        assert.equal(result.top5, undefined);
      });
    });
  });
