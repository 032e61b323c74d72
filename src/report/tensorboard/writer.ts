import { closeSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { flatSettings } from '../../display/run-query.js';
import { CheckpointError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { makeFolder } from '../../files/make-folder.js';
import type { EpochEvent, Insight, KernelImage, Observer, SampleImage, StepEvent } from '../../run/events.js';
import { hasTop5 } from '../../run/top5.js';
import { kernelPixels } from '../kernel-grid.js';
import { samplePixels } from '../samples.js';
import {
  histogram,
  image,
  record,
  restartEvent,
  scalar,
  settings,
  summaryEvent,
  type Value,
  versionEvent,
} from './event.js';

/** Settings without a meaning for the result, or too long for a table. */
const LEFT_OUT = /^(version|machine|data|logDir|model\.(classes|images))(\.|$)/;

/**
 * Writes a run's metrics as a TensorBoard event file; each start or resume creates a new file.
 *
 * @example
 * const board = await EventFile.create(join(logDir, 'my-run'), classes.length);
 * board.resumedAfter(trainer.step);
 * await trainer.run(); // with the board as its observer
 * board.close();
 */
export class EventFile implements Observer {
  #file: number | undefined;

  private constructor(
    readonly path: string,
    file: number,
    readonly classes: number,
    readonly now: () => number,
  ) {
    this.#file = file;
    this.#write(versionEvent(this.#seconds()));
  }

  /**
   * @param folder of the run below TensorBoard's --logdir; created if missing
   * @param classes number of classes of the model
   * @param now milliseconds since 1970, for tests
   * @throws CheckpointError if it cannot be written
   */
  static async create(folder: string, classes: number, now: () => number = Date.now): Promise<EventFile> {
    // TensorBoard looks for "tfevents" in the name; host and process id avoid collisions between processes.
    const host = hostname().replaceAll(/[^\w.-]/g, '_') || 'localhost';
    const name = `events.out.tfevents.${String(Math.floor(now() / 1000)).padStart(10, '0')}.${host}.${process.pid}`;
    try {
      await makeFolder(folder);
      for (let n = 0; ; n++) {
        const path = join(folder, `${name}.${n}`);
        try {
          return new EventFile(path, openSync(path, 'ax'), classes, now);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
      }
    } catch (error) {
      throw diskError(error, `cannot write event files in ${folder}`, CheckpointError);
    }
  }

  /** Shows settings in TensorBoard's tab HParams. @param config plain data; what says nothing about the result is left out */
  settings(config: object): void {
    const all = Object.entries(flatSettings(config)).filter(([path]) => !LEFT_OUT.test(path));
    this.#add(0, [settings(Object.fromEntries(all))]);
  }

  /** Discards values after a step in earlier files of the run. */
  resumedAfter(step: number): void {
    if (step > 0) this.#write(restartEvent(this.#seconds(), step + 1));
  }

  step({ step, loss, lr, imagesPerSecond, stepSeconds, dataSeconds, rssMiB, metrics }: StepEvent): void {
    this.#add(step, [
      scalar('train/loss', loss),
      scalar('train/lr', lr),
      scalar('speed/imagesPerSecond', imagesPerSecond),
      scalar('speed/stepSeconds', stepSeconds),
      scalar('speed/dataSeconds', dataSeconds),
      scalar('speed/rssMiB', rssMiB),
      ...scalars('train', metrics),
    ]);
  }

  epoch(event: EpochEvent): void {
    const names = ['trainLoss', 'trainAccuracy', 'testLoss', 'testAccuracy', 'testTop5'] as const;
    this.#add(event.step, [
      ...names.flatMap((name) => {
        const value = event[name];
        return value === undefined || (name === 'testTop5' && !hasTop5(this.classes))
          ? []
          : [scalar(`epoch/${name}`, value)];
      }),
      ...scalars('epoch/train', event.trainMetrics),
      ...scalars('epoch/test', event.testMetrics),
    ]);
  }

  insight({ step, parameters, activations }: Insight): void {
    this.#add(step, [
      ...parameters.flatMap(({ name, gradNorm, norm }) => [
        scalar(`gradNorm/${name}`, gradNorm ?? Number.NaN),
        scalar(`norm/${name}`, norm ?? Number.NaN),
      ]),
      ...activations.flatMap((layer) => [
        scalar(`dead/${layer.name}`, layer.dead),
        scalar(`active/${layer.name}`, layer.active),
        ...(layer.histogram ? [histogram(`activations/${layer.name}`, layer.histogram, layer)] : []),
      ]),
    ]);
  }

  kernels(kernels: KernelImage): void {
    this.#add(kernels.step, [image('kernels', kernelPixels(kernels))]);
  }

  samples({ step, sets }: SampleImage): void {
    this.#add(
      step,
      [...sets].map(([name, set]) => image(name === 'samples' ? name : `samples/${name}`, samplePixels(set))),
    );
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #seconds(): number {
    return this.now() / 1000;
  }

  #add(step: number, values: readonly Value[]): void {
    this.#write(summaryEvent(this.#seconds(), step, values));
  }

  /** Writes each event immediately in one call, so that readers, and a crash, see only whole records. */
  #write(event: Uint8Array): void {
    if (this.#file === undefined) return;
    const bytes = record(event);
    try {
      for (let from = 0; from < bytes.length; ) from += writeSync(this.#file, bytes, from);
    } catch (error) {
      throw diskError(error, `cannot write ${this.path}`, CheckpointError);
    }
  }
}

/** The paper's additional metrics. */
const scalars = (group: string, metrics: Readonly<Record<string, number>> = {}): Value[] =>
  Object.entries(metrics).map(([name, value]) => scalar(`${group}/${name}`, value));
