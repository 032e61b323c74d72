import { basename, join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import type { Transform } from '../data/transforms/index.js';
import { CheckpointError, PaperweightError } from '../errors.js';
import type { Module } from '../nn/module.js';
import type { SGD } from '../optim/sgd.js';
import { loadCheckpoint, type Position, saveCheckpoint, saveWeights } from './checkpoint.js';
import type { TrainConfig } from './config.js';
import { Control } from './control.js';
import { type Evaluation, evaluateModel } from './evaluate.js';
import type { DoneEvent, Observer } from './events.js';
import { recordInsight } from './insight.js';
import { diverged, flatNote } from './numbers.js';
import { makeOptimizer, makeSchedule, type TimedSchedule } from './optimizer.js';
import { afterEpoch, afterStep, epochEvent, START } from './position.js';
import { Probe } from './probe.js';
import { writeProcess } from './process-file.js';
import type { RunFolder } from './run-folder.js';
import { type Queued, Stepper } from './step.js';

export interface TrainerParts {
  readonly config: TrainConfig;
  /** On its device. */
  readonly model: Module;
  readonly trainSet: Dataset;
  readonly testSet: Dataset;
  readonly trainTransform: Transform;
  readonly testTransform: Transform;
  readonly folder: RunFolder;
  readonly observer?: Observer;
  /** Ends the run cleanly, with a checkpoint, after the step that is under way. */
  readonly signal?: AbortSignal;
}

/** The notes' training loop, made fit to be left alone: progress, checkpoints, evaluation, exact resume. */
export class Trainer {
  readonly #parts: TrainerParts;
  readonly #optimizer: SGD;
  readonly #timed: TimedSchedule | undefined;
  readonly #loader: DataLoader;
  readonly #observer: Observer;
  readonly #control: Control;
  readonly #probe: Probe;
  readonly #stepper: Stepper;
  #position: Position = START;
  #saved = -1;
  /** The training error has come down to where the configuration ends the run. */
  #learned = false;
  #stepEnded = 0;
  readonly #started = performance.now();

  constructor(parts: TrainerParts) {
    const { config, model, trainSet } = parts;
    this.#parts = parts;
    this.#observer = parts.observer ?? {};
    this.#control = new Control({
      run: parts.folder.path,
      signal: parts.signal,
      note: (text) => this.#say('note', text),
    });
    this.#probe = new Probe(parts);
    this.#optimizer = makeOptimizer(model, config);
    this.#loader = new DataLoader(trainSet, {
      batchSize: config.batchSize,
      shuffle: true,
      seed: config.seed,
      transform: parts.trainTransform,
    });
    this.#timed = makeSchedule(this.#optimizer, config, this.stepsTotal);
    this.#stepper = new Stepper({
      config,
      model,
      loader: this.#loader,
      optimizer: this.#optimizer,
      timed: this.#timed,
      probe: this.#probe,
    });
  }

  get stepsTotal(): number {
    const { epochs, maxSteps } = this.#parts.config;
    return Math.min(epochs * this.#loader.length, maxSteps ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Continues from a checkpoint of the run's folder.
   * @throws CheckpointError or ShapeError for one that is broken or of another run; the run is then as before
   */
  async resume(name: string): Promise<void> {
    const { folder, model } = this.#parts;
    const trained = { model, optimizer: this.#optimizer, schedule: this.#timed?.schedule };
    try {
      this.#position = await loadCheckpoint(folder.checkpoint(name), trained);
    } catch (error) {
      const before = await folder.checkpointBefore(name);
      if (!(error instanceof PaperweightError) || !before) throw error;
      const { what, expected, got } = error;
      const next = `write "latest": "${before}" into ${join(folder.path, 'state.json')} to continue from the checkpoint before`;
      throw new CheckpointError({ what, expected, got, next, cause: error });
    }
    this.#saved = this.#position.step;
    await folder.rewind(this.#position);
    const epochs = (await folder.metrics()).filter(({ event }) => event === 'epoch');
    this.#learned = this.#isLearned(Number(epochs.at(-1)?.trainAccuracy ?? 0));
  }

  get step(): number {
    return this.#position.step;
  }

  /** @returns the final event; undefined when the signal, or a request to stop, ended the run early */
  async run(): Promise<DoneEvent | undefined> {
    const { path } = this.#parts.folder;
    await writeProcess(path, 'training');
    try {
      const done = await this.#train();
      await writeProcess(path, done ? 'done' : 'interrupted');
      return done;
    } catch (error) {
      // What went wrong matters more than that it cannot be written down, on a full disk say.
      await writeProcess(path, 'failed', error).catch(() => {});
      throw error;
    }
  }

  /** Tells whoever watches, and the run's own log. */
  #say(event: 'line' | 'note', text: string): void {
    this.#parts.folder.say({ event, step: this.#position.step, text });
    this.#observer[event]?.(text);
  }

  async #train(): Promise<DoneEvent | undefined> {
    const { config, folder } = this.#parts;
    let last: Evaluation | undefined;
    this.#stepEnded = performance.now();
    // Where the last steps are done but not measured, only the measuring is left.
    while (
      !this.#learned &&
      this.#position.epoch < config.epochs &&
      (!this.#complete || this.#position.batch > 0)
    ) {
      if (!(await this.#epoch())) return undefined;
      last = await this.#endEpoch();
      if (!last) return undefined;
      if (this.#complete || this.#learned) break;
    }
    last ??= await this.#evaluate();
    if (!last) return undefined;
    this.#say('line', 'Finished Training');
    this.#say('line', `Accuracy on test set: ${trim(last.accuracy)}%`);
    this.#noteIfFlat(last.loss, 'The loss on the test pictures is');
    const done: DoneEvent = {
      event: 'done',
      run: folder.path,
      step: this.#position.step,
      testAccuracy: last.accuracy,
      testTop5: last.top5,
      testImages: last.images,
      seconds: (performance.now() - this.#started) / 1000,
    };
    await folder.log(done);
    return done;
  }

  #isLearned(trainAccuracy: number): boolean {
    return 100 - trainAccuracy <= (this.#parts.config.untilTrainError ?? -1);
  }

  get #complete(): boolean {
    return this.#position.step >= this.stepsTotal;
  }

  /** The rest of the current epoch. False when the signal ended it. */
  async #epoch(): Promise<boolean> {
    if (this.#complete) return true;
    const { config, model, folder } = this.#parts;
    const { signal } = this.#control;
    const looking = { model, folder, probe: this.#probe, observer: this.#observer };
    const { epoch, batch: start } = this.#position;
    model.train();
    let queued: Queued | undefined;
    const batches = this.#loader.batches(epoch, start);
    try {
      for (;;) {
        const asked = performance.now();
        const { value: batch } = await batches.next();
        if (!batch) break;
        const dataSeconds = (performance.now() - asked) / 1000;
        const next = this.#stepper.queue(batch, epoch, dataSeconds);
        // The device computes this step while the one before is being accounted for.
        if (queued) await this.#finish(queued);
        queued = next;
        const submitted = this.#position.step + 1;
        const due = submitted % config.checkpointEvery === 0;
        this.#control.poll();
        const pausing = this.#control.paused;
        if (due || queued.squares || pausing || signal.aborted || submitted >= this.stepsTotal) {
          await this.#finish(queued);
          if (queued.squares) await recordInsight(looking, submitted, queued.squares);
          queued = undefined;
          if (pausing) await this.#control.wait(this.#position.step);
          if (due || signal.aborted) await this.#save();
          if (signal.aborted) return false;
          // Time for looking and waiting is not part of the next step.
          this.#stepEnded = performance.now();
          if (submitted >= this.stepsTotal) break;
        }
      }
      if (queued) await this.#finish(queued);
    } finally {
      await batches.return();
    }
    return true;
  }

  async #finish({ batch, loss: lossTensor, correct, dataSeconds, lr }: Queued): Promise<void> {
    const { config, folder } = this.#parts;
    const p = this.#position;
    const loss = await lossTensor.item();
    const images = batch.labels.length;
    const now = performance.now();
    const stepSeconds = (now - this.#stepEnded) / 1000;
    this.#stepEnded = now;
    if (!Number.isFinite(loss)) throw diverged(folder.path, p.step + 1, loss);
    const result = { index: batch.index, loss, correct: await correct.item(), images };
    this.#position = afterStep(p, result);
    const event = {
      event: 'step' as const,
      epoch: p.epoch + 1,
      step: p.step + 1,
      loss,
      lr,
      imagesPerSecond: images / stepSeconds,
      stepSeconds,
      dataSeconds,
      rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    };
    await folder.log(event);
    this.#observer.step?.(event, { stepsTotal: this.stepsTotal });
    if ((batch.index + 1) % config.logEvery !== 0) return;
    const { running } = this.#position;
    const mean = running.reduce((a, b) => a + b, 0) / running.length;
    this.#say('line', `[${p.epoch + 1}, ${batch.index + 1}] loss: ${mean.toFixed(3)}`);
    this.#position = { ...this.#position, running: [] };
    this.#noteIfFlat(mean, 'The loss is still');
  }

  #noteIfFlat(loss: number, subject: string): void {
    const { testSet, config } = this.#parts;
    const text = flatNote(loss, subject, { classes: testSet.classes.length, recipe: config.recipe });
    if (text) this.#say('note', text);
  }

  /** Evaluates, keeps the best weights, and saves. Undefined when the signal ended it. */
  async #endEpoch(): Promise<Evaluation | undefined> {
    const { folder } = this.#parts;
    const p = this.#position;
    const started = performance.now();
    const result = await this.#evaluate();
    if (!result) {
      await this.#save();
      return undefined;
    }
    // The last update may be the one that broke the weights.
    if (!Number.isFinite(result.loss)) throw diverged(folder.path, p.step, result.loss);
    const event = epochEvent(p, result, (performance.now() - started) / 1000);
    this.#observer.epoch?.(event);
    await folder.log(event);
    this.#learned = this.#isLearned(event.trainAccuracy);
    // An epoch that the limit of steps cuts short stays open, for a run that is resumed with a higher one.
    if (p.batch === this.#loader.length) {
      this.#position = afterEpoch(p);
      if (this.#timed?.every === 'epoch') this.#timed.schedule.step(result.accuracy);
    }
    await this.#save(result.accuracy);
    this.#stepEnded = performance.now();
    return result;
  }

  async #evaluate(): Promise<Evaluation | undefined> {
    const { model, testSet, testTransform, config } = this.#parts;
    const { signal } = this.#control;
    try {
      return await evaluateModel({
        model,
        dataset: testSet,
        transform: testTransform,
        batchSize: config.batchSize,
        limit: config.evalLimit,
        onProgress: (images, total) => {
          this.#control.poll();
          this.#observer.evaluating?.(images, total);
        },
        signal,
      });
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  async #save(accuracy?: number): Promise<void> {
    const { folder, model } = this.#parts;
    const { step } = this.#position;
    const state = await folder.state();
    const name = `step-${String(step).padStart(8, '0')}.safetensors`;
    let best = state.best;
    if (accuracy !== undefined && (!best || accuracy > best.accuracy)) {
      best = { file: `best-${String(step).padStart(8, '0')}.safetensors`, accuracy };
      await saveWeights(folder.checkpoint(best.file), model, { accuracy: String(accuracy) });
    }
    // At the end of an epoch the position moves on without a step, so the same step may be saved again.
    if (this.#saved !== step || accuracy !== undefined) {
      const trained = { model, optimizer: this.#optimizer, schedule: this.#timed?.schedule };
      await saveCheckpoint(folder.checkpoint(name), trained, this.#position);
      this.#saved = step;
    }
    const next = { version: 1 as const, latest: name, ...(best ? { best } : {}) };
    await folder.writeState(next);
    await folder.prune(next);
    this.#observer.checkpoint?.(basename(name));
    // Time for saving is not part of the next step.
    this.#stepEnded = performance.now();
  }
}

/** 41.7 rather than 41.70, and 40 rather than 40.00. */
export const trim = (percent: number): string => String(Number(percent.toFixed(2)));
