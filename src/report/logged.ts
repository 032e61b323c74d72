import { deflateSync } from 'node:zlib';
import type { Language } from '../display/languages.js';
import type { Point } from './curve.js';
import { curvesSvg } from './curves.js';
import { type Figure, slug, withUniqueNames } from './figures.js';
import { type Histogram, histogramsSvg } from './histogram.js';
import { type SampleSet, samplesSvg } from './samples.js';
import { titlesOf } from './titles.js';
import { wordsOf } from './words.js';

/** Maximum number of charts on a page. */
export const MOST_CHARTS = 100;

/** The values of one name; a point is the mean of neighbouring steps if there are very many. */
export interface LoggedScalar {
  readonly name: string;
  readonly points: readonly Point[];
  /** Steps at which it was NaN or infinite. */
  readonly gaps: readonly number[];
  /** Undefined if no value is finite. */
  readonly range?: { readonly last: number; readonly least: number; readonly most: number };
}

/** What a program logged itself: with `Logger`, or in TensorBoard's event files. */
export interface LoggedRun {
  readonly name: string;
  /** File name of the program; unknown for event files. */
  readonly program?: string;
  readonly steps: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly machine: Readonly<Record<string, unknown>>;
  readonly scalars: readonly LoggedScalar[];
  /** The last of each name. */
  readonly histograms: readonly {
    readonly name: string;
    readonly step: number;
    readonly histogram: Histogram;
  }[];
  /** The last of each name, as uint8 [count, 1 or 3, height, width]. */
  readonly images: readonly {
    readonly name: string;
    readonly step: number;
    readonly set: SampleSet;
  }[];
}

/** The charts, histograms and images of a run, with the charts of other runs that have the same values. */
export function loggedFigures(run: LoggedRun, others: readonly LoggedRun[], language: Language): Figure[] {
  const words = wordsOf(language);
  const titles = titlesOf(language);
  const charts = run.scalars.slice(0, MOST_CHARTS).map(({ name }) => ({
    name: slug('value', name),
    title: name,
    image: false,
    svg: curvesSvg({
      title: name,
      xLabel: words.step,
      yLabel: '',
      series: [run, ...others].flatMap(({ name: label, scalars }) => {
        const found = scalars.find((scalar) => scalar.name === name);
        return found ? [{ label, points: found.points, gaps: found.gaps }] : [];
      }),
    }),
  }));
  const images = run.images.map(({ name, step, set }) => {
    const title = titles.logged(name, step);
    return { name: slug('image', name), title, image: true, svg: samplesSvg(set, title, deflateSync) };
  });
  const panels = run.histograms.map(({ name, step, histogram }) => ({
    name,
    note: titles.atStep(step),
    histogram,
  }));
  const histograms =
    panels.length === 0
      ? []
      : [
          {
            name: 'distributions',
            title: titles.distributions,
            image: true,
            svg: histogramsSvg(panels, titles.distributions),
          },
        ];
  return withUniqueNames([...charts, ...images, ...histograms]);
}
