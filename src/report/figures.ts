import type { Language } from '../display/languages.js';
import type { TrainConfig } from '../run/config.js';
import type { EpochEvent, Insight, KernelImage, SampleImage, StepEvent } from '../run/events.js';
import { architectureSvg, type Stage } from './architecture.js';
import { confusionSvg } from './confusion.js';
import { curveSvg, running } from './curve.js';
import { curvesSvg, percent, type Series } from './curves.js';
import type { Measured } from './evaluate-sample.js';
import { histogramsSvg } from './histogram.js';
import { kernelsSvg } from './kernel-grid.js';
import { neighboursSvg } from './neighbours.js';
import { top5Svg } from './prediction-cards.js';
import { samplesSvg } from './samples.js';
import { titlesOf } from './titles.js';
import { wordsOf } from './words.js';

/** Curves read from a run's metrics. */
export interface RunCurves {
  readonly name: string;
  readonly steps: readonly StepEvent[];
  /** Steps skipped because the loss or a gradient was NaN or infinite. */
  readonly gaps?: readonly number[];
  readonly epochs: readonly EpochEvent[];
}

/** All data of a report. */
export interface ReportData extends RunCurves {
  readonly config: TrainConfig;
  readonly insights: readonly Insight[];
  /** The first and the last stored kernels. */
  readonly kernels: readonly KernelImage[];
  /** The last images of a generative model. */
  readonly samples?: SampleImage;
  readonly stages: readonly Stage[];
  readonly inputShape: readonly number[];
  readonly measured: Measured | undefined;
  /** False for a paper that is trained in its own way: it has no accuracy. */
  readonly classifies?: boolean;
  /** Why the test set could not be evaluated. */
  readonly unmeasured?: string;
  /** Other runs, for comparison of curves. */
  readonly others: readonly RunCurves[];
}

export interface Figure {
  /** File name without extension. */
  readonly name: string;
  readonly title: string;
  readonly svg: string;
  /** Whether it shows images or distributions, not curves. */
  readonly image: boolean;
}

/** The figures that a run has data for, in report order. */
export function figuresOf(data: ReportData, language: Language): Figure[] {
  const words = wordsOf(language);
  const titles = titlesOf(language);
  const { config, steps, epochs, insights, measured } = data;
  const figures: Figure[] = [];
  const add = (name: string, title: string, svg: string, image = false) =>
    figures.push({ name, title, svg, image });
  if (data.stages.length > 0)
    add(
      'architecture',
      titles.architecture,
      architectureSvg(
        { stages: data.stages, inputShape: data.inputShape, title: titles.architecture },
        language,
      ),
    );
  // Other models than classifiers have neither an accuracy nor a loss at chance level.
  const { classifies = true } = data;
  const curveTitle = classifies ? titles.curve : titles.loss;
  if (steps.length > 0)
    add(
      classifies ? 'curve' : 'loss',
      curveTitle,
      curveSvg({
        title: curveTitle,
        subtitle: data.name,
        loss: steps.map(({ step, loss }) => ({ step, value: loss })),
        gaps: data.gaps ?? [],
        accuracy: epochs.flatMap(({ step, testAccuracy }) =>
          testAccuracy === undefined ? [] : [{ step, value: testAccuracy }],
        ),
        ...(classifies && config.model.classes.length > 1
          ? { chance: Math.log(config.model.classes.length) }
          : {}),
        language,
      }),
    );
  const runs = [data, ...data.others];
  const errors = runs.map(({ name, epochs: all }) => ({
    label: name,
    points: all.flatMap(({ epoch, trainAccuracy }) =>
      trainAccuracy === undefined ? [] : [{ step: epoch, value: 100 - trainAccuracy }],
    ),
  }));
  if (errors.some(({ points }) => points.length > 1))
    add(
      'training-error',
      titles.trainingError,
      curvesSvg({
        title: titles.trainingError,
        xLabel: words.epoch,
        yLabel: '%',
        series: errors,
        unit: ' %',
        top: 100,
      }),
    );
  for (const name of metricNames(epochs))
    add(
      slug('metric', name),
      name,
      curvesSvg({
        title: name,
        xLabel: words.epoch,
        yLabel: name,
        series: metricSeries(epochs, name, words),
      }),
    );
  if (data.others.length > 0)
    add(
      'losses',
      titles.losses,
      curvesSvg({
        title: titles.losses,
        xLabel: words.step,
        yLabel: words.loss,
        series: runs.map((run) => ({ label: run.name, points: smoothLoss(run) })),
      }),
    );
  if (insights.length > 1) {
    const weights = insights.at(-1)!.parameters.filter(({ name }) => name.endsWith('weight'));
    const norms = (key: 'gradNorm' | 'norm'): Series[] =>
      weights.map(({ name }) => ({
        label: name,
        points: insights.map(({ step, parameters }) => ({
          step,
          value: parameters.find((p) => p.name === name)?.[key] ?? Number.NaN,
        })),
      }));
    const logarithmic = { xLabel: words.step, yLabel: 'L2', log: true };
    for (const [name, key] of [
      ['gradients', 'gradNorm'],
      ['weights', 'norm'],
    ] as const)
      add(name, titles[name], curvesSvg({ title: titles[name], series: norms(key), ...logarithmic }));
    if (insights.at(-1)!.activations.length > 0)
      add(
        'dead-units',
        titles.deadUnits,
        curvesSvg({
          title: titles.deadUnits,
          xLabel: words.step,
          yLabel: '%',
          unit: ' %',
          series: insights.at(-1)!.activations.map(({ name }) => ({
            label: name,
            points: insights.map(({ step, activations }) => ({
              step,
              value: 100 * (activations.find((a) => a.name === name)?.dead ?? Number.NaN),
            })),
          })),
        }),
      );
  }
  const activations = insights.at(-1)?.activations ?? [];
  if (activations.length > 0) {
    const title = titles.histograms(insights.at(-1)!.step);
    const panels = activations.map(({ name, kind, dead, active, histogram }) => ({
      name: `${name} (${kind})`,
      note: `${words.dead} ${percent(dead)} · ${words.active} ${percent(active)}`,
      histogram,
    }));
    add('histograms', title, histogramsSvg(panels, title), true);
  }
  for (const [i, kernels] of data.kernels.entries()) {
    const title = titles.kernels(kernels.step);
    const name = i === 0 && data.kernels.length > 1 ? 'kernels-first' : 'kernels';
    add(name, title, kernelsSvg(kernels, title), true);
  }
  for (const [name, set] of data.samples?.sets ?? []) {
    const title = titles.samples(data.samples!.step, name);
    add(slug('samples', name), title, samplesSvg(set, title), true);
  }
  if (measured) {
    const { classes } = config.model;
    const { confusion, top5, neighbours } = titles;
    add(
      'confusion',
      confusion,
      confusionSvg({ title: confusion, classes, counts: measured.counts, language }),
    );
    add('top5', top5, top5Svg(measured.examples, top5));
    if (measured.neighbours.length > 0)
      add('neighbours', neighbours, neighboursSvg(measured.neighbours, neighbours, language));
  }
  return withUniqueNames(figures);
}

/** File name of the figure of a named metric or set of images. */
export const slug = (kind: string, name: string): string =>
  name === kind
    ? kind
    : `${kind}-${name
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, '-')
        .replaceAll(/^-|-$/g, '')}`.replace(/-$/, '');

/** Numbers names that occur again: `loss/a` and `loss-a` give one file name. */
export function withUniqueNames(figures: readonly Figure[]): Figure[] {
  const taken = new Set<string>();
  return figures.map((figure) => {
    let name = figure.name;
    for (let n = 2; taken.has(name); n++) name = `${figure.name}-${n}`;
    taken.add(name);
    return { ...figure, name };
  });
}

/** Metrics that a paper defines and that have a curve, which takes at least two epochs. */
const metricNames = (epochs: readonly EpochEvent[]): string[] =>
  epochs.length < 2
    ? []
    : [
        ...new Set(
          epochs.flatMap(({ trainMetrics = {}, testMetrics = {} }) => [
            ...Object.keys(trainMetrics),
            ...Object.keys(testMetrics),
          ]),
        ),
      ];

function metricSeries(
  epochs: readonly EpochEvent[],
  name: string,
  words: { readonly training: string; readonly test: string },
): Series[] {
  const points = (key: 'trainMetrics' | 'testMetrics') =>
    epochs.flatMap((event) => {
      const value = event[key]?.[name];
      return value === undefined ? [] : [{ step: event.epoch, value }];
    });
  return [
    { label: words.training, points: points('trainMetrics') },
    { label: words.test, points: points('testMetrics') },
  ].filter((series) => series.points.length > 0);
}

/** Each run's smoothed loss, reduced to the number of points that can be distinguished. */
function smoothLoss({ steps }: RunCurves) {
  const smooth = running(
    steps.map(({ step, loss }) => ({ step, value: loss })),
    Math.max(1, Math.min(50, Math.round(steps.length / 20))),
  );
  const every = Math.ceil(smooth.length / 600);
  return smooth.filter((_, i) => i % every === 0 || i === smooth.length - 1);
}
