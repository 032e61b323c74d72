import { type AnySet, imagesIn } from '../data/dataset.js';
import { itemsOf } from '../data/items.js';
import type { Transform } from '../data/transforms/index.js';
import { DeviceError, UsageError } from '../errors/errors.js';
import type { TypedArray } from '../graph/types.js';
import type { Position } from '../run/checkpoint.js';
import type { TrainConfig } from '../run/config.js';
import type { DoneEvent, Measurement, Observer, RunStatus } from '../run/events.js';
import { afterEpoch, epochEvent, START } from '../run/position.js';
import { writeProcess } from '../run/process-file.js';
import type { RunFolder } from '../run/run-folder.js';
import { inTurn, ownBlocks } from './blocks.js';
import { badMeasurement, Evaluation } from './evaluation.js';
import { recordInsight } from './insight/insight.js';
import { Probe } from './insight/probe.js';
import { LookAhead } from './look-ahead.js';
import { type LoaderParts, type LoaderSetup, loaderParts } from './method/loading.js';
import { feedOf } from './method/measure-model.js';
import type { Method } from './method/method.js';
import { type MethodParts, methodOf, PAPER } from './method/method-of.js';
import { scoreOf } from './method/score.js';
import { freezeModules } from './module-patterns.js';
import { gatherParts } from './ranks/gather-parts.js';
import { Reporter } from './reporter.js';
import { RunLength } from './run-length.js';
import { Saver } from './saver.js';
import { SharedControl } from './shared-control.js';
import { StepOutcomes } from './steps/outcomes.js';
import { type FedBatch, type Feed, type Queued, Stepper } from './steps/step.js';
import { StepClock } from './steps/step-clock.js';
import { isFlat } from './trouble/divergence.js';
import { Recovery } from './trouble/recovery.js';

export interface TrainerParts extends MethodParts {
  readonly trainSet: AnySet;
  /** Of images; other samples are as their data set gives them. */
  readonly trainTransform?: Transform | undefined;
  /** How the paper loads data sets. */
  readonly loader?: ((setup: LoaderSetup) => LoaderParts) | undefined;
  readonly folder: RunFolder;
  readonly observer?: Observer;
  /** Messages for the user at the start of a new run. */
  readonly opening?: readonly string[];
  /** Number of steps at chance level after which a message is printed; default 100. */
  readonly flatSteps?: number;
  /** Replaces the advice of that message, for recipes known to start slowly. */
  readonly slowStart?: string;
  /** Ends the run with a checkpoint after the current step. */
  readonly signal?: AbortSignal;
}

/** Training loop with checkpoints, evaluation and exact resume. */
export class Trainer {
  readonly #parts: TrainerParts;
  readonly #method: Method;
  readonly #feed: Feed;
  /** Blocks of each batch that this process computes; 1 for whole batches. */
  readonly #blocks: number;
  readonly #length: RunLength;
  readonly #observer: Observer;
  readonly #control: SharedControl;
  readonly #probe: Probe;
  readonly #reporter: Reporter;
  readonly #saver: Saver;
  readonly #stepper: Stepper;
  readonly #outcomes: StepOutcomes;
  readonly #evaluation: Evaluation;
  readonly #recovery: Recovery;
  readonly #opening: readonly string[];
  #position: Position = START;
  /** The last epoch is complete; its samples may not be, if the run was killed while they were made. */
  #epochComplete = false;
  /** The training error has reached the target at which the configuration ends the run. */
  #learned = false;
  readonly #clock = new StepClock();
  readonly #started = performance.now();

  constructor(parts: TrainerParts) {
    const { config, model, trainSet } = parts;
    this.#parts = parts;
    this.#observer = parts.observer ?? {};
    const note = (text: string) => this.#note(text);
    this.#control = new SharedControl({ run: parts.folder.path, signal: parts.signal, note }, parts.world);
    this.#opening = [...(parts.opening ?? []), ...freezeModules(model, config)];
    // The few batches of an overfitting check must stay the same in all epochs.
    const shuffle = config.overfitBatches === undefined;
    const { batchSize, seed } = config;
    const { world } = parts;
    // Ranks with parts of one model get whole batches.
    const ranks = world && !world.split ? { ranks: world.size, rank: world.rank } : {};
    // A set that is read in its order cannot be shuffled.
    const order = 'iterate' in trainSet ? { batchSize, ...ranks } : { batchSize, shuffle, seed, ...ranks };
    const blocks = ownBlocks(config, world);
    const loading = (set: AnySet, train: boolean) =>
      loaderParts(parts.loader, { set, train, config }, parts.paper ?? PAPER);
    const all = loading(trainSet, true);
    const { sampler: _, batchSampler: __, dropLast: ___, ...unordered } = all;
    const own = shuffle ? all : unordered;
    const feed = (share: { ranks?: number; rank?: number }) =>
      feedOf(trainSet, { ...order, ...share }, parts.trainTransform, own);
    this.#feed = blocks ? inTurn(blocks.map((rank) => feed({ ranks: config.blocks!, rank }))) : feed({});
    this.#blocks = blocks?.length ?? 1;
    if (!Number.isFinite(this.#feed.length))
      throw new UsageError({
        what: `${trainSet.name} has no length, which a run needs to count its epochs`,
        expected: 'a data set with a length',
        got: 'none',
        next: 'give it the number of its samples, or of those that should count as an epoch',
      });
    this.#length = new RunLength(config, this.#feed.length);
    const { stepsTotal } = this.#length;
    const testLoading = loading(parts.testSet, false);
    this.#method = methodOf({ ...parts, testLoading }, stepsTotal);
    const { testTransform } = parts;
    const testSet = parts.training ? undefined : imagesIn(parts.testSet);
    this.#probe = new Probe({ model, images: testSet && testTransform && { testSet, testTransform } });
    this.#reporter = new Reporter({
      folder: parts.folder,
      observer: this.#observer,
      stepsTotal,
      items: itemsOf(parts.testSet),
      own: parts.training !== undefined,
      slowStart: parts.slowStart,
    });
    const { optimizers, schedules, best } = this.#method;
    this.#saver = new Saver({
      folder: parts.folder,
      trained: { model, optimizers, schedules: schedules.map(({ schedule }) => schedule) },
      best,
      observer: this.#observer,
      world: parts.world,
      note,
    });
    // Not through the log, which may be the file that fails.
    parts.folder.onTrouble((text) => this.#observer.note?.(text));
    const shared = { config, model, feed: this.#feed, method: this.#method, world: parts.world };
    this.#stepper = new Stepper({ ...shared, probe: this.#probe, blocks: this.#blocks });
    this.#recovery = new Recovery({
      ...shared,
      folder: parts.folder,
      note,
      resume: async () => {
        await this.resume();
        return this.#position;
      },
      save: (position) => this.#saver.rewrite(position),
    });
    this.#evaluation = new Evaluation({
      config,
      model,
      folder: parts.folder,
      method: this.#method,
      observer: this.#observer,
      note,
      control: this.#control,
      limit: this.#length.evalLimit,
    });
    this.#outcomes = new StepOutcomes({
      config,
      method: this.#method,
      flatSteps: parts.flatSteps,
      stepper: this.#stepper,
      clock: this.#clock,
      control: this.#control,
      recovery: this.#recovery,
      reporter: this.#reporter,
      moved: (position) => {
        this.#position = position;
      },
    });
  }

  get stepsTotal(): number {
    return this.#length.stepsTotal;
  }

  /** Number of steps of a run with another length, on the same data. */
  stepsOf(length: Pick<TrainConfig, 'epochs' | 'maxSteps'>): number {
    return this.#length.stepsOf(length);
  }

  /** Learning rate of the next step, for modules without a factor. */
  get learningRate(): number {
    const { lr, lrScale } = Object.values(this.#method.optimizers)[0]!.paramGroups[0]!;
    return lr * lrScale;
  }

  /**
   * Resumes from the latest checkpoint in the run's folder.
   * @throws CheckpointError or ShapeError for a checkpoint that is damaged or of another run; the run is then unchanged
   */
  async resume(): Promise<void> {
    const { folder, world } = this.#parts;
    await folder.lock();
    try {
      const { position = START, notes } = await this.#saver.resume();
      this.#position = position;
      for (const text of notes) this.#note(text);
    } catch (error) {
      await folder.unlock();
      throw error;
    }
    const epochs = (await folder.metrics()).filter(({ event }) => event === 'epoch');
    this.#epochComplete = epochs.at(-1)?.step === this.#position.step;
    const accuracy = Number(epochs.at(-1)?.trainAccuracy ?? 0);
    this.#learned = this.#isLearned(world ? await world.broadcastValue(accuracy) : accuracy);
  }

  get step(): number {
    return this.#position.step;
  }

  /** The model's parameters and buffers by name, on the host; those of a model in parts only on rank 0. */
  async weights(): Promise<Map<string, TypedArray>> {
    const { model, world } = this.#parts;
    const named = model.stateDict();
    const wholes = world?.split ? await gatherParts(world, named) : undefined;
    const values = new Map<string, TypedArray>();
    for (const [name, parameter] of named)
      values.set(name, wholes?.get(parameter)?.data ?? (await parameter.data()));
    return values;
  }

  /**
   * Trains to the end. The folder is locked from here or from {@link resume} on until the run has ended.
   * @returns the final event; undefined if the signal or a request to stop ended the run early
   * @throws UsageError if another process trains in the folder
   */
  async run(): Promise<DoneEvent | undefined> {
    const { folder } = this.#parts;
    await folder.lock();
    if (!folder.isLocked)
      this.#note('This system has no file locks: do not start a second training of this run.');
    try {
      if (this.#control.first) await writeProcess(folder.path, 'training');
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

  /** Writes the final status. A disk error here must not replace the result or error of the run. */
  async #signOff(status: RunStatus, error?: unknown): Promise<void> {
    if (!this.#control.first) return;
    await writeProcess(this.#parts.folder.path, status, error).catch((trouble: Error) =>
      this.#observer.note?.(trouble.message),
    );
  }

  #note(text: string): void {
    this.#reporter.say('note', this.#position.step, text);
  }

  async #train(): Promise<DoneEvent | undefined> {
    const { config, testSet } = this.#parts;
    let last: Measurement | 'unmeasured' | undefined;
    if (this.#position.step === 0) for (const text of this.#opening) this.#note(text);
    const sampled = this.#method.evaluate && this.#length.sampleNote(testSet.length ?? 0, itemsOf(testSet));
    if (sampled) this.#note(sampled);
    if (this.#position.step === 0) await this.#rehearse();
    if (this.#epochComplete) await this.#evaluation.sampleMissing(this.#position.step);
    // A first checkpoint, so that a rollback is possible from the first steps on.
    if (this.#recovery.policy === 'rollback' && !(await this.#saver.hasCheckpoint())) await this.#save();
    this.#clock.restart();
    // If all steps are done but not evaluated, only the evaluation is left.
    while (
      !this.#learned &&
      this.#position.epoch < config.epochs &&
      (!this.#complete || this.#position.batch > 0)
    ) {
      const ending = await this.#epoch();
      if (ending === 'again') continue;
      if (ending === 'stopped') return undefined;
      const end = await this.#endEpoch();
      if (end === 'again') continue;
      if (!end) return undefined;
      last = end;
      if (this.#complete || this.#learned) break;
    }
    last ??= await this.#evaluation.measure();
    this.#evaluation.restoreWeights();
    if (!last) return undefined;
    const seconds = (performance.now() - this.#started) / 1000;
    const measured = last === 'unmeasured' ? undefined : last;
    const { chanceLoss } = this.#method;
    const flatAt = isFlat(measured?.loss, chanceLoss) ? chanceLoss : undefined;
    return this.#reporter.done(this.#position.step, { last: measured, flatAt, seconds });
  }

  async #rehearse(): Promise<void> {
    const { signal } = this.#control;
    await this.#method.rehearse?.(signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    await this.#evaluation.rehearseSamples();
  }

  #isLearned(trainAccuracy = 0): boolean {
    return 100 - trainAccuracy <= (this.#parts.config.untilTrainError ?? -1);
  }

  get #complete(): boolean {
    return this.#position.step >= this.stepsTotal;
  }

  /** Trains the rest of the current epoch. `again`: the position has changed by a rollback. */
  async #epoch(): Promise<'done' | 'stopped' | 'again'> {
    if (this.#complete) return 'done';
    const { config, model, folder } = this.#parts;
    const size = (config.accumulate ?? 1) * this.#blocks;
    const looking = { model, folder, probe: this.#probe, observer: this.#observer };
    // With skip or rollback, the outcome of a step must be known before the next one starts.
    const alone = size > 1 || this.#recovery.policy !== 'stop';
    const { epoch, batch: start } = this.#position;
    model.train();
    const ahead = new LookAhead<Queued>((queued, next) => this.#finish(queued, next));
    const batches = this.#feed.loaded(epoch, start);
    try {
      for (;;) {
        const asked = performance.now();
        const group = await take(batches, size);
        if (group.length === 0) break;
        const dataSeconds = (performance.now() - asked) / 1000;
        const step = this.#position.step + (ahead.queued ? 2 : 1);
        const queued = await this.#stepper.queue(group, { epoch, step, dataSeconds });
        const { squares } = queued;
        if (!(await ahead.push(queued))) return 'again';
        const submitted = this.#position.step + 1;
        const { overdue, pausing } = await this.#control.afterStep(this.#saver.overdue);
        const due = submitted % config.checkpointEvery === 0 || overdue;
        const ending = this.#control.stopping || submitted >= this.stepsTotal;
        if (alone || due || squares || pausing || ending) {
          if (!(await ahead.drain())) return 'again';
          if (squares && this.#control.first) await recordInsight(looking, submitted, squares);
          if (pausing) await this.#control.pause(this.#position.step);
          if ((due || this.#control.stopping) && !(await this.#saveSound())) return 'again';
          if (this.#control.stopping) return 'stopped';
          // The time for probing and pausing is not part of the next step.
          if (due || squares || pausing) this.#clock.restart();
          if (submitted >= this.stepsTotal) break;
        }
      }
      if (!(await ahead.drain())) return 'again';
    } finally {
      await batches.return();
    }
    return 'done';
  }

  /** Processes the outcome of a step. @returns false after a rollback to a checkpoint */
  async #finish(queued: Queued, next?: Queued): Promise<boolean> {
    const before = this.#position;
    this.#position = await this.#outcomes.finish(before, queued, next);
    return this.#position.step > before.step;
  }

  /** Saves a checkpoint unless the weights have NaN or infinity. @returns false after a rollback to a checkpoint */
  async #saveSound(): Promise<boolean> {
    const back = await this.#recovery.fromState(this.#position);
    if (back) this.#position = back;
    else await this.#save();
    return !back;
  }

  /** Evaluates, saves the best weights and a checkpoint. @returns undefined if the signal ended it */
  async #endEpoch(): Promise<Measurement | 'unmeasured' | 'again' | undefined> {
    const { folder } = this.#parts;
    const p = this.#position;
    const started = performance.now();
    const back = await this.#recovery.fromState(p);
    if (back) {
      this.#position = back;
      return 'again';
    }
    // Averaged weights are evaluated and saved as best; checkpoints also have the model's own weights.
    try {
      const { result, score } = await this.#measure();
      if (!result) {
        await this.#save();
        return undefined;
      }
      const measured = result === 'unmeasured' ? undefined : result;
      const got = measured && badMeasurement(measured);
      if (got !== undefined) {
        this.#evaluation.restoreWeights();
        this.#position = await this.#recovery.fromBad(p, { step: p.step, where: undefined, got });
        return 'again';
      }
      const event = epochEvent(p, measured, (performance.now() - started) / 1000);
      this.#observer.epoch?.(event);
      await folder.log(event);
      this.#learned = this.#isLearned(event.trainAccuracy);
      // An epoch cut short by the step limit stays open, for a resume with a higher limit.
      if (p.batch === this.#feed.length) {
        this.#position = afterEpoch(p);
        for (const { schedule, every } of this.#method.schedules) if (every === 'epoch') schedule.step(score);
      }
      await this.#save(measured);
      await this.#evaluation.sample(p.step);
      this.#clock.restart();
      return result;
    } finally {
      this.#evaluation.restoreWeights();
    }
  }

  /** Evaluates at the end of an epoch. If that fails, the steps of the epoch are saved first. */
  async #measure() {
    const { best } = this.#method;
    try {
      const result = await this.#evaluation.measure();
      const score = result && result !== 'unmeasured' ? scoreOf(result, best) : undefined;
      return { result, score };
    } catch (error) {
      if (error instanceof DeviceError || this.#parts.world?.split) throw error;
      const { step } = this.#position;
      const saved = await this.#save().then(
        () => true,
        () => false,
      );
      if (saved) this.#note(`The evaluation after step ${step} failed. The run can be resumed from there.`);
      throw error;
    }
  }

  async #save(measured?: Measurement): Promise<void> {
    await this.#saver.save(this.#position, measured);
    // The time for saving is not part of the next step.
    this.#clock.restart();
  }
}

/** Takes the next `count` batches, or fewer at the end. */
async function take(batches: AsyncGenerator<FedBatch, void, void>, count: number): Promise<FedBatch[]> {
  const taken: FedBatch[] = [];
  while (taken.length < count) {
    const { value } = await batches.next();
    if (!value) break;
    taken.push(value);
  }
  return taken;
}
