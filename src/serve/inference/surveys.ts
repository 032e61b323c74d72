import { PaperweightError } from '../../errors/errors.js';
import { printable } from '../../errors/printable.js';
import type { Confusion, Prediction, Working } from '../api.js';
import type { Inference } from './client.js';
import type { Predicted, SurveyPart, Weights } from './protocol.js';

/** Number of test images for the neighbour search. */
const NEIGHBOURS_AMONG = 1000;
/** Number of test images for a confusion matrix. */
const CONFUSION_OF = 2000;
const NEIGHBOURS = 8;
/** Maximum number of images listed per cell of the confusion matrix. */
const CELL = 24;
/** Weights whose surveys are kept: 16 MB each for a large network. */
const KEEP = 3;

interface Job {
  working: Working;
  part?: SurveyPart;
  error?: unknown;
}

/** Predictions for test images, computed once per weights file. */
export class Surveys {
  readonly #jobs = new Map<string, Job>();

  constructor(readonly inference: Inference) {}

  /** Starts a part of a survey, or returns its progress. An error is thrown once; the next call starts again. */
  #part(weights: Weights, from: number, to: number): Job {
    const key = JSON.stringify([weights.run, weights.file, weights.version, from]);
    const known = this.#jobs.get(key);
    if (known) {
      this.#jobs.delete(key);
      if (known.error !== undefined) throw known.error;
      this.#jobs.set(key, known);
      return known;
    }
    const job: Job = { working: { working: 'looking at the test images', done: 0, total: to - from } };
    this.#jobs.set(key, job);
    const oldest = [...this.#jobs].filter(([, { part }]) => part);
    for (const [name] of oldest.slice(0, Math.max(0, oldest.length - 2 * KEEP))) this.#jobs.delete(name);
    this.inference
      .ask('survey', { weights, from, to }, (progress) => {
        job.working = { ...job.working, ...progress };
      })
      .then(
        (part) => {
          job.part = part;
        },
        (error) => {
          job.error = error;
        },
      );
    return job;
  }

  /** The nearest test images, or the progress of the survey. */
  neighbours(
    weights: Weights,
    { hidden }: Predicted,
  ): Pick<Prediction, 'neighbours' | 'working' | 'problem'> {
    try {
      const { part, working } = this.#part(weights, 0, NEIGHBOURS_AMONG);
      return part ? { neighbours: nearest(part, hidden) } : { neighbours: [], working };
    } catch (error) {
      // A prediction does not need the data set, which may be on another machine.
      if (!(error instanceof PaperweightError)) throw error;
      return { neighbours: [], problem: error.message };
    }
  }

  confusion(weights: Weights): Confusion | Working {
    const first = this.#part(weights, 0, NEIGHBOURS_AMONG);
    if (!first.part) return { ...first.working, total: CONFUSION_OF };
    const second = this.#part(weights, NEIGHBOURS_AMONG, CONFUSION_OF);
    if (second.part) return confusionOf([first.part, second.part], weights.file);
    const { working, done, total } = second.working;
    const before = first.part.labels.length;
    return { working, done: before + done, total: before + total };
  }
}

function nearest(
  { hidden, labels, classes, indices }: SurveyPart,
  query: Float32Array,
): Prediction['neighbours'] {
  const width = query.length;
  const squares = new Float64Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    let sum = 0;
    for (let j = 0, at = i * width; j < width; j++, at++) sum += (hidden[at]! - query[j]!) ** 2;
    squares[i] = sum;
  }
  const order = Array.from(squares.keys()).sort((a, b) => squares[a]! - squares[b]!);
  return order.slice(0, NEIGHBOURS).map((i) => ({
    index: indices[i]!,
    label: printable(classes[labels[i]!] ?? ''),
    distance: Math.sqrt(squares[i]!),
  }));
}

function confusionOf(parts: readonly SurveyPart[], weights: string): Confusion {
  const { classes } = parts[0]!;
  const table = <T>(make: () => T): T[][] => classes.map(() => classes.map(make));
  const counts = table(() => 0);
  const cells = table((): number[] => []);
  let images = 0;
  for (const { labels, predicted, indices } of parts)
    for (const [i, label] of labels.entries()) {
      const guess = predicted[i]!;
      counts[label]![guess]!++;
      if (cells[label]![guess]!.length < CELL) cells[label]![guess]!.push(indices[i]!);
      images++;
    }
  return { classes: classes.map(printable), counts, cells, images, weights };
}
