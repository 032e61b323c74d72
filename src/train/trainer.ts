import { type AnySet, imagesIn } from '../data/loader.js';
import type { Transform } from '../data/transforms/index.js';
import type { World } from '../distributed/index.js';
import { counted, grouped } from '../errors/counted.js';
import { UsageError } from '../errors/errors.js';
import type { TypedArray } from '../graph/types.js';
import type { Module } from '../nn/module.js';
import type { Position } from '../run/checkpoint.js';
import type { TrainConfig } from '../run/config.js';
import { Control } from '../run/control.js';
import type { DoneEvent, Measurement, Observer, RunStatus } from '../run/events.js';
import { afterEpoch, afterStep, epochEvent, START } from '../run/position.js';
import { writeProcess } from '../run/process-file.js';
import type { RunFolder } from '../run/run-folder.js';
import { recordInsight } from './insight/insight.js';
import { Probe } from './insight/probe.js';
import { LookAhead } from './look-ahead.js';
import { classifierMethod } from './method/classifier.js';
import { feedOf } from './method/measure-model.js';
import type { Method } from './method/method.js';
import { type Observation, ownMethod, type Training, type TrainingSetup } from './method/paper-training.js';
import { recordSamples } from './method/samples.js';
import { freezeModules } from './module-patterns.js';
import { type Measured, Reporter } from './reporter.js';
import { Saver, scoreOf } from './saver.js';
import { type FedBatch, type Feed, type Queued, Stepper } from './step.js';
import { StepClock } from './step-clock.js';
import { isFlat } from './trouble/divergence.js';
import { flatLoss } from './trouble/flat-loss.js';
import { Recovery } from './trouble/recovery.js';
import { Waiting } from './waiting.js';

export interface TrainerParts {
  readonly config: TrainConfig;
  /** The model, on its device. */
  readonly model: Module;
  readonly trainSet: AnySet;
  readonly testSet: AnySet;
  /** Of images; other samples are as their data set gives them. */
  readonly trainTransform?: Transform | undefined;
  readonly testTransform?: Transform | undefined;
  /** How the model is trained if it is not a classifier of images; `paper` is its name, for messages. */
  readonly training?: ((setup: TrainingSetup) => Training) | undefined;
  /** What is measured of a classifier besides its accuracy. */
  readonly observe?: ((setup: TrainingSetup) => Observation) | undefined;
  readonly paper?: string;
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
  /** Several ranks that train together; undefined for a run on its own. */
  readonly world?: World | undefined;
}

/** Bounds of the evaluation sample of a run shorter than an epoch. */
const FEWEST_TRIED = 100;
const MOST_TRIED = 1000;

/** Training loop with checkpoints, evaluation and exact resume. */
export class Trainer {
  readonly #parts: TrainerParts;
  readonly #method: Method;
  readonly #feed: Feed;
  readonly #observer: Observer;
  readonly #control: Control;
  readonly #probe: Probe;
  readonly #reporter: Reporter;
  readonly #saver: Saver;
  readonly #stepper: Stepper;
  readonly #recovery: Recovery;
  readonly #opening: readonly string[];
  #position: Position = START;
  /** Some rank was told to stop. */
  #stopping = false;
  /** Metrics of which a value was left out. */
  readonly #lost = new Set<string>();
  /** The training error has reached the target at which the configuration ends the run. */
  #learned = false;
  readonly #clock = new StepClock();
  readonly #waiting = new Waiting();
  #team: Measured['team'];
  readonly #started = performance.now();

  constructor(parts: TrainerParts) {
    const { config, model, trainSet } = parts;
    this.#parts = parts;
    this.#observer = parts.observer ?? {};
    this.#control = new Control({
      run: parts.folder.path,
      signal: parts.signal,
      note: (text) => this.#note(text),
    });
    this.#opening = [...(parts.opening ?? []), ...freezeModules(model, config)];
    // The few batches of an overfitting check must stay the same in all epochs.
    const shuffle = config.overfitBatches === undefined;
    const { batchSize, seed } = config;
    const ranks = parts.world ? { ranks: parts.world.size, rank: parts.world.rank } : {};
    // A set that is read in its order cannot be shuffled.
    const order = 'iterate' in trainSet ? { batchSize, ...ranks } : { batchSize, shuffle, seed, ...ranks };
    this.#feed = feedOf(trainSet, order, parts.trainTransform);
    if (!Number.isFinite(this.#feed.length))
      throw new UsageError({
        what: `${trainSet.name} does not tell its length, which determines the epochs of a run`,
        expected: 'a data set with a length',
        got: 'none',
        next: 'give it the number of its samples, or of those that should count as an epoch',
      });
    this.#method = methodOf(parts, this.stepsTotal);
    const { testTransform } = parts;
    const testSet = parts.training ? undefined : imagesIn(parts.testSet);
    this.#probe = new Probe({ model, images: testSet && testTransform && { testSet, testTransform } });
    this.#reporter = new Reporter({
      folder: parts.folder,
      observer: this.#observer,
      stepsTotal: this.stepsTotal,
      slowStart: parts.slowStart,
    });
    const { optimizers, schedules, best } = this.#method;
    this.#saver = new Saver({
      folder: parts.folder,
      trained: { model, optimizers, schedules: schedules.map(({ schedule }) => schedule) },
      best,
      observer: this.#observer,
      world: parts.world,
      note: (text) => this.#note(text),
    });
    // Not through the log, which may be the file that fails.
    parts.folder.onTrouble((text) => this.#observer.note?.(text));
    const shared = { config, model, feed: this.#feed, method: this.#method, world: parts.world };
    this.#stepper = new Stepper({ ...shared, probe: this.#probe });
    this.#recovery = new Recovery({
      ...shared,
      folder: parts.folder,
      note: (text) => this.#note(text),
      resume: async () => {
        await this.resume();
        return this.#position;
      },
      save: (position) => this.#saver.rewrite(position),
    });
  }

  get stepsTotal(): number {
    return this.stepsOf(this.#parts.config);
  }

  /** Number of steps of a run with another length, on the same data. */
  stepsOf({ epochs, maxSteps }: Pick<TrainConfig, 'epochs' | 'maxSteps'>): number {
    return Math.min(epochs * this.#stepsPerEpoch, maxSteps ?? Number.POSITIVE_INFINITY);
  }

  get #stepsPerEpoch(): number {
    return Math.ceil(this.#feed.length / (this.#parts.config.accumulate ?? 1));
  }

  /** Learning rate of the next step, for modules without a factor. */
  get learningRate(): number {
    const { lr, lrScale } = Object.values(this.#method.optimizers)[0]!.paramGroups[0]!;
    return lr * lrScale;
  }

  /**
   * Number of test images per evaluation; undefined for all. A run whose step limit ends it within the first epoch
   * evaluates about as many images as it trains on, since a large test set could take far longer than the run itself.
   */
  get #evalLimit(): number | undefined {
    const { evalLimit, maxSteps, batchSize, accumulate = 1 } = this.#parts.config;
    if (evalLimit !== undefined || maxSteps === undefined || maxSteps >= this.#stepsPerEpoch)
      return evalLimit;
    return Math.min(MOST_TRIED, Math.max(FEWEST_TRIED, maxSteps * batchSize * accumulate));
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
    const accuracy = Number(epochs.at(-1)?.trainAccuracy ?? 0);
    this.#learned = this.#isLearned(world ? await world.broadcastValue(accuracy) : accuracy);
  }

  get step(): number {
    return this.#position.step;
  }

  /** The model's parameters and buffers by name, on the host. */
  async weights(): Promise<Map<string, TypedArray>> {
    const values = new Map<string, TypedArray>();
    for (const [name, parameter] of this.#parts.model.stateDict()) values.set(name, await parameter.data());
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
      if (this.#first) await writeProcess(folder.path, 'training');
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
    if (!this.#first) return;
    await writeProcess(this.#parts.folder.path, status, error).catch((trouble: Error) =>
      this.#observer.note?.(trouble.message),
    );
  }

  /** Whether this process reads and writes the run's folder. */
  get #first(): boolean {
    return this.#parts.world?.first ?? true;
  }

  /** For each flag, whether it is set on any rank; the result is the same on all ranks. */
  async #anywhere<Name extends string>(own: Record<Name, boolean>): Promise<Record<Name, boolean>> {
    const { world } = this.#parts;
    if (!world) return own;
    const names = Object.keys(own) as Name[];
    const all = await world.gather([
      ...names.map((name) => Number(own[name])),
      ...this.#waiting.shares(world),
    ]);
    const waits = all.map((values) => values[names.length]!);
    const exchanges = all.map((values) => values[names.length + 1]!);
    const mean = (shares: readonly number[]) => shares.reduce((a, b) => a + b, 0) / shares.length;
    this.#team = {
      ranks: world.size,
      waitShare: mean(waits),
      exchangeShare: mean(exchanges),
      slowestRank: waits.indexOf(Math.min(...waits)),
    };
    return Object.fromEntries(names.map((name, i) => [name, all.some((flags) => flags[i] !== 0)])) as Record<
      Name,
      boolean
    >;
  }

  /** Waits while the run is paused. */
  async #pause(): Promise<void> {
    const { world } = this.#parts;
    const { signal } = this.#control;
    const turn = async (paused: boolean): Promise<boolean> => {
      const all = await this.#anywhere({ paused, stopping: signal.aborted });
      this.#stopping = all.stopping;
      return all.paused && !all.stopping;
    };
    if (this.#first) await this.#control.wait(this.#position.step, world ? turn : undefined);
    else while (await turn(false));
  }

  /** Whether the run ends after this step; the same on all ranks. */
  get #isStopping(): boolean {
    return this.#parts.world ? this.#stopping : this.#control.signal.aborted;
  }

  #note(text: string): void {
    this.#reporter.say('note', this.#position.step, text);
  }

  async #train(): Promise<DoneEvent | undefined> {
    const { config, folder } = this.#parts;
    let last: Measurement | 'unmeasured' | undefined;
    if (this.#position.step === 0) for (const text of this.#opening) this.#note(text);
    this.#noteSample();
    // A first checkpoint, so that a rollback is possible from the first steps on.
    if (this.#recovery.policy === 'rollback' && !(await folder.state()).latest) await this.#save();
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
    last ??= await this.#evaluate();
    for (const { average } of this.#optimizers) average?.swapOut();
    if (!last) return undefined;
    const seconds = (performance.now() - this.#started) / 1000;
    const measured = last === 'unmeasured' ? undefined : last;
    const { chanceLoss } = this.#method;
    const flatAt = isFlat(measured?.loss, chanceLoss) ? chanceLoss : undefined;
    return this.#reporter.done(this.#position.step, { last: measured, flatAt, seconds });
  }

  /** Tells the user if the evaluation uses a smaller sample than requested. */
  #noteSample(): void {
    const { config, testSet } = this.#parts;
    const limit = this.#evalLimit;
    const total = testSet.length ?? 0;
    if (!this.#method.evaluate || config.evalLimit !== undefined || limit === undefined || limit >= total)
      return;
    this.#note(
      `The run ends within its first epoch (--max-steps ${config.maxSteps}), so it is evaluated on a random sample of ${grouped(limit)} of the ${grouped(total)} test images; --eval-limit ${total} evaluates all.`,
    );
  }

  get #optimizers() {
    return Object.values(this.#method.optimizers);
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
    const { signal } = this.#control;
    const { accumulate = 1 } = config;
    const looking = { model, folder, probe: this.#probe, observer: this.#observer };
    // With skip or rollback, the outcome of a step must be known before the next one starts.
    const alone = accumulate > 1 || this.#recovery.policy !== 'stop';
    const { epoch, batch: start } = this.#position;
    model.train();
    const ahead = new LookAhead<Queued>((queued, next) => this.#finish(queued, next));
    const batches = this.#feed.loaded(epoch, start);
    try {
      for (;;) {
        const asked = performance.now();
        const group = await take(batches, accumulate);
        if (group.length === 0) break;
        const dataSeconds = (performance.now() - asked) / 1000;
        const step = this.#position.step + (ahead.queued ? 2 : 1);
        const queued = await this.#stepper.queue(group, { epoch, step, dataSeconds });
        const { squares } = queued;
        if (!(await ahead.push(queued))) return 'again';
        const submitted = this.#position.step + 1;
        if (this.#first) this.#control.poll();
        const { overdue, pausing, stopping } = await this.#anywhere({
          overdue: this.#saver.overdue,
          pausing: this.#control.paused,
          stopping: signal.aborted,
        });
        this.#stopping ||= stopping;
        const due = submitted % config.checkpointEvery === 0 || overdue;
        const ending = this.#isStopping || submitted >= this.stepsTotal;
        if (alone || due || squares || pausing || ending) {
          if (!(await ahead.drain())) return 'again';
          if (squares && this.#first) await recordInsight(looking, submitted, squares);
          if (pausing) await this.#pause();
          if ((due || this.#isStopping) && !(await this.#saveSound())) return 'again';
          if (this.#isStopping) return 'stopped';
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

  /**
   * Processes the outcome of a step. @returns false after a rollback to a checkpoint
   * @param next the following step, already queued
   */
  async #finish(queued: Queued, next?: Queued): Promise<boolean> {
    const p = this.#position;
    const settled = await this.#stepper.settle(queued);
    // Let a completion that has arrived at the same time be handled as well.
    if (next) await new Promise((resolve) => setImmediate(resolve));
    const stepSeconds = this.#clock.measure(queued.completion.at ?? performance.now(), next?.completion.at);
    if (settled.bad) {
      this.#position = await this.#recovery.fromStep(p, queued, settled.bad, settled.loss);
      return this.#position.step > p.step;
    }
    const { result, gradNorm, lost } = settled;
    for (const name of lost) this.#noteLost(name);
    const { lr, dataSeconds } = queued;
    const { loss, images, metrics } = result;
    const measured = { loss, images, lr, stepSeconds, dataSeconds, gradNorm, team: this.#team, metrics };
    // Update the position before reporting, since observers may read it.
    this.#position = afterStep(p, result);
    await this.#reporter.step(p, this.#position, measured);
    this.#logMean(p.batch);
    return true;
  }

  /** Says once of each metric that a value of it is left out. */
  #noteLost(name: string): void {
    if (this.#lost.has(name)) return;
    this.#lost.add(name);
    this.#note(
      `The metric ${name} was NaN or infinite at step ${this.#position.step + 1}; such values are left out.`,
    );
  }

  /** Every `logEvery` batches: the mean loss since the last call, and whether it is still at chance level. */
  #logMean(batchBefore: number): void {
    const { config, flatSteps } = this.#parts;
    const p = this.#position;
    if (Math.floor(p.batch / config.logEvery) === Math.floor(batchBefore / config.logEvery)) return;
    const mean = p.running.reduce((a, b) => a + b, 0) / p.running.length;
    this.#reporter.meanLoss(p, mean);
    const { chanceLoss } = this.#method;
    const { flat, due } = flatLoss(p, mean, chanceLoss, flatSteps);
    if (due) this.#reporter.flat(p.step, `After ${counted(p.step, 'step')} the loss is still`, chanceLoss!);
    this.#position = { ...p, running: [], flat };
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
      const result = await this.#evaluate();
      if (!result) {
        await this.#save();
        return undefined;
      }
      const measured = result === 'unmeasured' ? undefined : result;
      const got = measured && badMeasurement(measured);
      if (got !== undefined) {
        for (const { average } of this.#optimizers) average?.swapOut();
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
        const score = measured && scoreOf(measured, this.#method.best);
        for (const { schedule, every } of this.#method.schedules) if (every === 'epoch') schedule.step(score);
      }
      await this.#save(measured);
      if (this.#method.samples) await this.#sample(p.step);
      this.#clock.restart();
      return result;
    } finally {
      for (const { average } of this.#optimizers) average?.swapOut();
    }
  }

  /** Images from a generative model. */
  async #sample(step: number): Promise<void> {
    const { model, config, folder } = this.#parts;
    const { samples } = this.#method;
    if (!this.#first) return;
    const made = await folder.spare(() =>
      recordSamples({ model, run: folder.path, seed: config.seed, samples: samples! }, step),
    );
    if (made) this.#observer.samples?.(made);
  }

  async #evaluate(): Promise<Measurement | 'unmeasured' | undefined> {
    const { world } = this.#parts;
    const { signal } = this.#control;
    const { evaluate } = this.#method;
    if (!evaluate) return 'unmeasured';
    for (const { average } of this.#optimizers) average?.swapIn();
    try {
      return await evaluate({
        limit: this.#evalLimit,
        onProgress: (images, total) => {
          if (this.#first) this.#control.poll();
          this.#observer.evaluating?.(images, total);
        },
        signal,
      });
    } catch (error) {
      if (signal.aborted || (world && (error as Error).name === 'AbortError')) return undefined;
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

/** The paper's own method, or that of a classifier. */
function methodOf(parts: TrainerParts, stepsTotal: number): Method {
  const { config, model, testSet, testTransform, training, observe, paper = 'the paper', world } = parts;
  if (training)
    return ownMethod(training({ model, config, stepsTotal }), {
      paper,
      config,
      model,
      testSet,
      testTransform,
      stepsTotal,
      world,
    });
  const images = imagesIn(testSet);
  if (images && testTransform)
    return classifierMethod({
      config,
      model,
      testSet: images,
      testTransform,
      stepsTotal,
      observed: observe?.({ model, config, stepsTotal }),
      world,
    });
  throw new UsageError({
    what: `${testSet.name} cannot train a classifier of images`,
    expected: 'a set of labelled images',
    got: 'samples of another kind',
    next: 'give the paper a training with its own loss or step',
  });
}

/** Which measurement is NaN or infinite, if one is. */
function badMeasurement({ loss, metrics }: Measurement): string | undefined {
  const all = { ...(loss === undefined ? {} : { loss }), ...metrics };
  const bad = Object.entries(all).find(([, value]) => !Number.isFinite(value));
  return bad && `a ${bad[0]} of ${bad[1]} on the test ${metrics ? 'set' : 'images'}`;
}
