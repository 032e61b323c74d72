import { join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { type Batch, DataLoader } from '../data/loader.js';
import type { Transform } from '../data/transforms/index.js';
import { PaperweightError } from '../errors.js';
import { CrossEntropyLoss } from '../nn/loss.js';
import type { Module } from '../nn/module.js';
import { topKCorrect } from '../ops/index.js';
import type { SGD } from '../optim/sgd.js';
import { Tensor } from '../tensor/tensor.js';
import type { Position } from './checkpoint.js';
import type { TrainConfig } from './config.js';
import { Control } from './control.js';
import { type Evaluation, evaluateModel } from './evaluate.js';
import { type DoneEvent, INSIGHT_EVERY, type Observer, type RunStatus } from './events.js';
import { firstKernels, saveKernels } from './kernels.js';
import { makeOptimizer, makeSchedule, type TimedSchedule } from './optimizer.js';
import { Probe } from './probe.js';
import { writeProcess } from './process-file.js';
import type { RunFolder } from './run-folder.js';
import { Saver } from './saver.js';

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

/** A step whose run is queued on the device. */
interface Queued {
  readonly batch: Batch;
  readonly loss: Tensor;
  readonly correct: Tensor;
  readonly dataSeconds: number;
  readonly lr: number;
  /** Sums of squares of the gradients, in a step that is looked into. */
  readonly squares: readonly (readonly [string, Tensor])[] | undefined;
}

const START: Position = {
  epoch: 0,
  batch: 0,
  step: 0,
  running: [],
  epochLoss: 0,
  epochCorrect: 0,
  epochImages: 0,
};

/** Loss of a net that gives every class the same probability, to within this much, has not begun to learn. */
const FLAT = 0.005;

/** The loss of a run is no longer a finite number. */
export class DivergedError extends PaperweightError {
  static {
    DivergedError.prototype.name = 'DivergedError';
  }
}

/** The notes' training loop, made fit to be left alone: progress, checkpoints, evaluation, exact resume. */
export class Trainer {
  readonly #parts: TrainerParts;
  readonly #optimizer: SGD;
  readonly #timed: TimedSchedule | undefined;
  readonly #criterion = new CrossEntropyLoss();
  readonly #loader: DataLoader;
  readonly #observer: Observer;
  readonly #control: Control;
  readonly #probe: Probe;
  readonly #saver: Saver;
  #position: Position = START;
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
    this.#saver = new Saver({
      folder: parts.folder,
      trained: { model, optimizer: this.#optimizer, schedule: this.#timed?.schedule },
      observer: this.#observer,
      note: (text) => this.#say('note', text),
    });
    // Not through the log, which may be what is in trouble.
    parts.folder.onTrouble((text) => this.#observer.note?.(text));
  }

  get stepsTotal(): number {
    const { epochs, maxSteps } = this.#parts.config;
    return Math.min(epochs * this.#loader.length, maxSteps ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Continues where the run's folder says that it stands.
   * @throws CheckpointError or ShapeError for a checkpoint that is broken or of another run; the run is then as before
   */
  async resume(): Promise<void> {
    const { folder } = this.#parts;
    await folder.lock();
    try {
      const { position = START, notes } = await this.#saver.resume();
      this.#position = position;
      for (const text of notes) this.#say('note', text);
    } catch (error) {
      await folder.unlock();
      throw error;
    }
    const epochs = (await folder.metrics()).filter(({ event }) => event === 'epoch');
    this.#learned = this.#isLearned(Number(epochs.at(-1)?.trainAccuracy ?? 0));
  }

  get step(): number {
    return this.#position.step;
  }

  /**
   * Trains to the end. The folder is this process's own from here or from {@link resume} on until the run has ended.
   * @returns the final event; undefined when the signal, or a request to stop, ended the run early
   * @throws UsageError when another process trains in the folder
   */
  async run(): Promise<DoneEvent | undefined> {
    const { folder } = this.#parts;
    await folder.lock();
    if (!folder.isLocked)
      this.#say('note', 'This system has no locks: start no second training of this run.');
    try {
      await writeProcess(folder.path, 'training');
      const done = await this.#train();
      await this.#saver.settle(this.#position);
      await this.#signOff(done ? 'done' : 'interrupted');
      return done;
    } catch (error) {
      await this.#signOff('failed', error);
      throw error;
    } finally {
      await folder.unlock();
    }
  }

  /** How the run ended matters more than that it cannot be written down, on a full disk say. */
  async #signOff(status: RunStatus, error?: unknown): Promise<void> {
    await writeProcess(this.#parts.folder.path, status, error).catch((trouble: Error) =>
      this.#observer.note?.(trouble.message),
    );
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
    const { config, model } = this.#parts;
    const { signal } = this.#control;
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
        const next = this.#queue(batch, dataSeconds);
        // The device computes this step while the one before is being accounted for.
        if (queued) await this.#finish(queued);
        queued = next;
        const submitted = this.#position.step + 1;
        const due = submitted % config.checkpointEvery === 0 || this.#saver.overdue;
        this.#control.poll();
        const pausing = this.#control.paused;
        if (due || queued.squares || pausing || signal.aborted || submitted >= this.stepsTotal) {
          await this.#finish(queued);
          if (queued.squares) await this.#look(queued.squares);
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

  #queue(batch: Batch, dataSeconds: number): Queued {
    const { model } = this.#parts;
    const [inputs, labels] = this.#loader.tensors(batch, this.#position.epoch);
    this.#optimizer.zeroGrad();
    const logits = model.forward(inputs);
    const loss = this.#criterion.forward(logits, labels);
    loss.backward();
    const correct = new Tensor(topKCorrect(logits.node, labels.node, 1)).sum();
    const lr = this.#optimizer.paramGroups[0]!.lr;
    const squares = this.#isInsightStep(this.#optimizer.steps + 1)
      ? this.#probe.gradientSquares()
      : undefined;
    this.#optimizer.step({ compute: [correct, ...(squares ?? []).map(([, square]) => square)] });
    if (this.#timed?.every === 'step') this.#timed.schedule.step();
    return { batch, loss, correct, dataSeconds, lr, squares };
  }

  #isInsightStep(step: number): boolean {
    const { insightEvery = INSIGHT_EVERY } = this.#parts.config;
    return insightEvery > 0 && (step === 1 || step % insightEvery === 0);
  }

  /** Writes down what the model looks like from inside after the last step. */
  async #look(squares: readonly (readonly [string, Tensor])[]): Promise<void> {
    const { folder, model } = this.#parts;
    const { step } = this.#position;
    const insight = await this.#probe.measure(step, squares);
    await folder.logInsight(insight);
    this.#observer.insight?.(insight);
    const layer = firstKernels(model);
    if (!layer) return;
    const kernels = await folder.spare(() => saveKernels(folder.path, step, layer));
    if (kernels) this.#observer.kernels?.(kernels);
  }

  async #finish({ batch, loss: lossTensor, correct, dataSeconds, lr }: Queued): Promise<void> {
    const { config, folder } = this.#parts;
    const p = this.#position;
    const loss = await lossTensor.item();
    const images = batch.labels.length;
    const now = performance.now();
    const stepSeconds = (now - this.#stepEnded) / 1000;
    this.#stepEnded = now;
    if (!Number.isFinite(loss)) throw this.#diverged(p.step + 1, loss);
    const running = [...p.running, loss];
    this.#position = {
      epoch: p.epoch,
      batch: batch.index + 1,
      step: p.step + 1,
      running,
      epochLoss: p.epochLoss + loss * images,
      epochCorrect: p.epochCorrect + (await correct.item()),
      epochImages: p.epochImages + images,
    };
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
    const mean = running.reduce((a, b) => a + b, 0) / running.length;
    this.#say('line', `[${p.epoch + 1}, ${batch.index + 1}] loss: ${mean.toFixed(3)}`);
    this.#position = { ...this.#position, running: [] };
    this.#noteIfFlat(mean, 'The loss is still');
  }

  /** A net that has not begun to learn looks like one that is broken; say which it may be. */
  #noteIfFlat(loss: number, subject: string): void {
    const classes = this.#parts.testSet.classes.length;
    const chance = Math.log(classes);
    if (Math.abs(loss - chance) >= FLAT) return;
    this.#say(
      'note',
      `${subject} that of guessing (ln ${classes} = ${chance.toFixed(3)}). ` +
        (this.#parts.config.recipe === 'notes'
          ? "The notes' recipe stays there for about 170 steps and then leaves; nothing is broken."
          : 'If it stays there, try another learning rate or initialisation.'),
    );
  }

  #diverged(step: number, loss: number): DivergedError {
    const { folder } = this.#parts;
    return new DivergedError({
      what: `Training diverged at step ${step}`,
      expected: 'a finite loss',
      got: String(loss),
      next: `start again with a lower --lr, or look at ${join(folder.path, 'metrics.jsonl')}; checkpoints from before are kept`,
    });
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
    if (!Number.isFinite(result.loss)) throw this.#diverged(p.step, result.loss);
    const event = this.#epochEvent(result, (performance.now() - started) / 1000);
    await folder.log(event);
    this.#learned = this.#isLearned(event.trainAccuracy);
    // An epoch that the limit of steps cuts short stays open, for a run that is resumed with a higher one.
    if (p.batch === this.#loader.length) {
      this.#position = { ...START, epoch: p.epoch + 1, step: p.step };
      if (this.#timed?.every === 'epoch') this.#timed.schedule.step(result.accuracy);
    }
    await this.#save(result.accuracy);
    this.#stepEnded = performance.now();
    return result;
  }

  #epochEvent(result: Evaluation, seconds: number) {
    const p = this.#position;
    const event = {
      event: 'epoch' as const,
      epoch: p.epoch + 1,
      step: p.step,
      trainLoss: p.epochLoss / p.epochImages,
      trainAccuracy: (100 * p.epochCorrect) / p.epochImages,
      testLoss: result.loss,
      testAccuracy: result.accuracy,
      testTop5: result.top5,
      testImages: result.images,
      seconds,
    };
    this.#observer.epoch?.(event);
    return event;
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
    await this.#saver.save(this.#position, accuracy);
    // Time for saving is not part of the next step.
    this.#stepEnded = performance.now();
  }
}

/** 41.7 rather than 41.70, and 40 rather than 40.00. */
export const trim = (percent: number): string => String(Number(percent.toFixed(2)));
