import { SERIES_DASHES, seriesColour, seriesDash } from '../../../display/series-colours.js';

export interface RunLook {
  /** A custom property of the style sheet. */
  readonly color: string;
  readonly dash: readonly number[] | undefined;
}

/**
 * Colours and dashes of runs. A run has the same colour in every view: the chosen one, or that of its place among all
 * runs in the order in which they began. Runs of one colour have different dashes.
 *
 * @param runs those of the view
 * @param all all runs in the folder
 * @param every number of runs in a row that have the same dashes, if their colours differ
 */
export function looksOf(
  runs: readonly { readonly id: string; readonly color?: number | undefined }[],
  all: readonly { readonly id: string; readonly started: string }[],
  every = Number.POSITIVE_INFINITY,
): readonly RunLook[] {
  const begun = [...all].sort((a, b) =>
    a.started === b.started ? (a.id < b.id ? -1 : 1) : a.started < b.started ? -1 : 1,
  );
  const place = new Map(begun.map(({ id }, i) => [id, i]));
  const taken = new Map<number, number[]>();
  return runs.map((run, i) => {
    const color = run.color ?? seriesColour(place.get(run.id) ?? i);
    const used = taken.get(color) ?? [];
    const first = Math.floor(i / every);
    const choices = Array.from({ length: SERIES_DASHES }, (_, n) => (first + n) % SERIES_DASHES);
    const dash = choices.find((choice) => !used.includes(choice)) ?? used.length % SERIES_DASHES;
    taken.set(color, [...used, dash]);
    return { color: `--run-${color}`, dash: seriesDash(dash, 1) };
  });
}
