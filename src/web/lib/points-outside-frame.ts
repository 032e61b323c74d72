/** Data of a chart's line, without its style on the page. */
export interface ExportedLine {
  readonly label: string;
  /** A custom property of the style sheet, such as `--run-1`. */
  readonly color: string;
  readonly step: readonly number[];
  readonly value: readonly (number | null)[];
  /** The logged values at the same steps, if the line is smoothed. */
  readonly logged?: readonly (number | null)[];
  /** The mean of several lines: its band is one standard deviation to both sides. */
  readonly mean?: 'logged' | 'smoothed';
  /** Extremes, drawn as a band behind the line; of a mean see there. */
  readonly band?: { readonly min: readonly number[]; readonly max: readonly number[] };
  readonly dash?: readonly number[];
  /** Custom property for the colour of its marks, if the line's own colour is too pale. */
  readonly markColor?: string;
  /** Steps with NaN or infinity, which are marked. */
  readonly gaps?: readonly number[];
  /** Outliers that the line omits, which are marked. */
  readonly outside?: { readonly step: readonly number[]; readonly value: readonly number[] };
}

export interface Far {
  readonly step: number;
  readonly value: number;
}

/** Points where a line leaves the frame, and steps with NaN or infinity. */
export function outsideOf(
  { step, value, band, outside, gaps = [] }: ExportedLine,
  frame: { readonly min: number; readonly max: number },
): { readonly above: readonly Far[]; readonly below: readonly Far[]; readonly gaps: readonly number[] } {
  const above: Far[] = [];
  const below: Far[] = [];
  const look = (at: number, low: number | null | undefined, high: number | null | undefined): void => {
    if (typeof high === 'number' && high > frame.max) above.push({ step: at, value: high });
    if (typeof low === 'number' && low < frame.min) below.push({ step: at, value: low });
  };
  for (let i = 0; i < step.length; i++) look(step[i]!, (band?.min ?? value)[i], (band?.max ?? value)[i]);
  outside?.step.forEach((at, i) => {
    look(at, outside.value[i], outside.value[i]);
  });
  const inOrder = (all: Far[]) => (outside ? all.sort((a, b) => a.step - b.step) : all);
  return { above: inOrder(above), below: inOrder(below), gaps };
}
