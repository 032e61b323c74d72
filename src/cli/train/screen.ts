import type { Items } from '../../data/items.js';
import { printableLines } from '../../errors/printable.js';
import { describeMetrics } from '../../report/epoch-metrics.js';
import { type EpochEvent, isClassified, type Observer } from '../../run/events.js';
import type { RunFolder } from '../../run/run-folder.js';
import { note, printJson } from '../terminal/output.js';
import { Progress } from '../terminal/progress.js';

/** Shows a run's progress on the terminal, or as JSON lines. */
export class TrainScreen implements Observer {
  #bar: Progress | undefined;
  #testing: Progress | undefined;
  #total = 0;
  /** The elapsed time continues over epochs. */
  readonly #began = performance.now();

  constructor(
    readonly folder: RunFolder,
    readonly json: boolean,
    readonly items: Items = 'images',
  ) {}

  begin(step: number, total: number): void {
    this.#testing?.done();
    this.#testing = undefined;
    this.#total = total;
    this.#bar = new Progress({ label: 'train', total, unit: 'steps', speed: false, since: this.#began });
    this.#bar.update(step);
  }

  end(): void {
    this.#bar?.done();
    this.#testing?.done();
    this.#bar = undefined;
    this.#testing = undefined;
  }

  line(text: string): void {
    const out = this.json ? process.stderr : process.stdout;
    if (this.#bar) this.#bar.log(text, out);
    else out.write(`${printableLines(text)}\n`);
  }

  note(text: string): void {
    if (this.#bar) this.#bar.log(text);
    else note(text);
  }

  /** Prints a message and adds it to the run's log. */
  tell(step: number, text: string): void {
    this.folder.say({ event: 'note', step, text });
    this.note(text);
  }

  /** All figures are those of the step, as in metrics.jsonl and on the page of the run. */
  step(event: Parameters<NonNullable<Observer['step']>>[0]): void {
    const { step, loss, imagesPerSecond, stepSeconds, dataSeconds, ranks, waitShare = 0 } = event;
    if (this.json) printJson(event);
    const percent = (share: number) => `${(100 * Math.min(1, share)).toFixed(1)} %`;
    const waiting = ranks === undefined ? '' : `, waiting ${percent(waitShare)} on ${ranks} ranks`;
    const split = `${stepSeconds.toFixed(2)} s/step, data ${percent(dataSeconds / stepSeconds)}${waiting}`;
    this.#bar?.update(
      step,
      `loss ${loss.toFixed(3)}  ${imagesPerSecond.toFixed(1)} ${this.items}/s  ${split}`,
    );
  }

  counting(images: number, total: number): void {
    this.#testing ??= new Progress({ label: 'mean', total, unit: 'images' });
    this.#testing.update(images);
  }

  evaluating(images: number, total: number): void {
    if (!this.#testing) {
      this.#bar?.done();
      this.#bar = undefined;
      this.#testing = new Progress({ label: 'test', total, unit: this.items });
    }
    this.#testing.update(images);
  }

  epoch(event: Parameters<NonNullable<Observer['epoch']>>[0]): void {
    this.#testing?.done();
    this.#testing = undefined;
    if (this.json) printJson(event);
    this.tell(event.step, `Epoch ${event.epoch}: ${describeEpoch(event)}`);
    if (event.step < this.#total) this.begin(event.step, this.#total);
  }
}

/** What was measured at the end of an epoch. */
function describeEpoch(event: EpochEvent): string {
  if (!isClassified(event)) return describeMetrics(event);
  const { trainLoss, trainAccuracy, testLoss, testAccuracy, testTop5 } = event;
  const top5 = testTop5 !== undefined ? `, top-5 ${testTop5.toFixed(1)}%` : '';
  return `training loss ${trainLoss.toFixed(3)}, accuracy ${trainAccuracy.toFixed(1)}% · test loss ${testLoss.toFixed(3)}, accuracy ${testAccuracy.toFixed(1)}%${top5}`;
}
