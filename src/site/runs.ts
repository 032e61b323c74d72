import { basename } from 'node:path';
import { LANGUAGES, type Language } from '../display/languages.js';
import { collect } from '../report/collect.js';
import { metricsOf } from '../report/epoch-metrics.js';
import { type Figure, figuresOf, type ReportData } from '../report/figures.js';
import { type LoggedRun, loggedFigures, MOST_CHARTS } from '../report/logged.js';
import { flat } from '../report/page/parts.js';
import { isClassified } from '../run/events.js';
import { collectLogged } from '../serve/runs/collect-logged.js';
import { type Point, seriesOf } from './charts.js';
import { type Piece, sizeOf } from './copies.js';
import type { Bilingual, SiteChart, SiteImage, SiteRun } from './page-types.js';

/** A run's part of the site. */
export interface RunPart {
  readonly run: SiteRun;
  readonly pieces: readonly Piece[];
}

/** Maximum number of points of a curve: a screen has no more pixels. */
const MOST_POINTS = 500;
const STEP = { en: 'step', zh: '步' };
const EPOCH = { en: 'epoch', zh: '轮' };
const LOSS = { en: 'loss', zh: '损失' };

/** The name of a metric, such as `train loss` or `test bound`, in both languages. */
const metricName = (name: string): Bilingual => ({
  en: name,
  zh: name
    .replace(/^train /, '训练 ')
    .replace(/^test /, '测试 ')
    .replace(/ loss$/, '损失'),
});

/**
 * Everything about a run that its page shows, from its files alone.
 *
 * @param id name of its page
 * @param tell receives what is left out, and why
 * @throws UsageError if there is no run, CheckpointError if its files are damaged
 */
export async function gatherRun(
  path: string,
  id: string,
  tell: (problem: string) => void = () => undefined,
): Promise<RunPart> {
  const logged = await collectLogged(path, tell);
  if (logged) return gatherLogged(logged, id);
  const data: ReportData = {
    ...(await collect(path, [], tell)),
    stages: [],
    inputShape: [],
    measured: undefined,
  };
  const { config, epochs } = data;
  const charts = chartsOf(data);
  const { figures, pieces } = await drawFigures((language) => figuresOf(data, language), id);
  const classified = epochs.filter(isClassified);
  const accuracy = classified.reduce<number | undefined>(
    (best, { testAccuracy }) => (best === undefined || testAccuracy > best ? testAccuracy : best),
    undefined,
  );
  // Paths on this machine are not published.
  const { machine: _, data: __, startFrom, ...rest } = config;
  const settings = startFrom
    ? { ...rest, startFrom: { ...startFrom, file: basename(startFrom.file) } }
    : rest;
  return {
    run: {
      id,
      name: data.name,
      paper: config.model.paper,
      ...(accuracy === undefined ? {} : { accuracy }),
      settings: flat(settings),
      charts,
      figures,
    },
    pieces,
  };
}

/** The page of a run that a program logged itself. */
async function gatherLogged(logged: LoggedRun, id: string): Promise<RunPart> {
  const { name, program, settings, scalars } = logged;
  const { figures, pieces } = await drawFigures((language) => loggedFigures(logged, [], language), id);
  const charts = scalars.slice(0, MOST_CHARTS).map((scalar, i): SiteChart => {
    const title = { en: scalar.name, zh: scalar.name };
    return {
      name: `value-${i}`,
      title,
      xLabel: STEP,
      yLabel: { en: '', zh: '' },
      unit: '',
      series: [seriesOf(title, scalar.points)],
    };
  });
  return {
    run: {
      id,
      name,
      ...(program === undefined ? {} : { program }),
      settings: flat(settings),
      charts,
      figures,
    },
    pieces,
  };
}

/** Means of neighbouring points, at most {@link MOST_POINTS}. */
function thinned(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / MOST_POINTS);
  if (size <= 1) return [...points];
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const part = points.slice(i * size, (i + 1) * size);
    return {
      step: part.at(-1)!.step,
      value: part.reduce((sum, { value }) => sum + value, 0) / part.length,
    };
  });
}

function chartsOf({ steps, epochs, config }: ReportData): SiteChart[] {
  const charts: SiteChart[] = [];
  const chance = Math.log(config.model.classes.length);
  if (steps.length > 0)
    charts.push({
      name: 'loss',
      title: { en: 'Training loss', zh: '训练损失' },
      xLabel: STEP,
      yLabel: LOSS,
      unit: '',
      ...(Number.isFinite(chance) && chance > 0 ? { mark: Number(chance.toFixed(3)) } : {}),
      series: [seriesOf(LOSS, thinned(steps.map(({ step, loss }) => ({ step, value: loss }))))],
    });
  const classified = epochs.filter(isClassified);
  if (classified.length > 0)
    charts.push({
      name: 'accuracy',
      title: { en: 'Accuracy', zh: '准确率' },
      xLabel: EPOCH,
      yLabel: { en: 'accuracy', zh: '准确率' },
      unit: ' %',
      series: [
        seriesOf(
          { en: 'training', zh: '训练' },
          classified.map(({ epoch, trainAccuracy }) => ({ step: epoch, value: trainAccuracy })),
        ),
        seriesOf(
          { en: 'test', zh: '测试' },
          classified.map(({ epoch, testAccuracy }) => ({ step: epoch, value: testAccuracy })),
        ),
      ],
    });
  else
    for (const [i, name] of [...new Set(epochs.flatMap((e) => metricsOf(e).map(([n]) => n)))].entries())
      charts.push({
        name: `metric-${i}`,
        title: metricName(name),
        xLabel: EPOCH,
        yLabel: metricName(name),
        unit: '',
        series: [
          seriesOf(
            metricName(name),
            epochs.flatMap((event) => {
              const value = new Map(metricsOf(event)).get(name);
              return value === undefined ? [] : [{ step: event.epoch, value }];
            }),
          ),
        ],
      });
  return charts;
}

/** The images of the report; its curves are drawn from their numbers. */
async function drawFigures(draw: (language: Language) => readonly Figure[], id: string) {
  const pieces: Piece[] = [];
  const figures: SiteImage[] = [];
  const [english, chinese] = LANGUAGES.map(draw) as [Figure[], Figure[]];
  for (const [i, { name, title: en, svg, image }] of english.entries()) {
    const other = chinese[i]!;
    if (!image) continue;
    const file = { en: `runs/${id}/${name}.svg`, zh: `runs/${id}/${name}.zh.svg` };
    pieces.push({ path: file.en, bytes: Buffer.from(svg) }, { path: file.zh, bytes: Buffer.from(other.svg) });
    const size = await sizeOf(pieces.at(-1)!);
    figures.push({ file, title: { en, zh: other.title }, ...(size ? { size } : {}) });
  }
  return { figures, pieces };
}
