/** One line of a chart. Lines with the same `step` array are drawn without joining. */
export interface Line {
  readonly label: string;
  /** A custom property of the style sheet, such as `--run-1`. */
  readonly color: string;
  readonly step: readonly number[];
  readonly value: readonly (number | null)[];
  /** Extremes, drawn as a band behind the line. */
  readonly band?: { readonly min: readonly number[]; readonly max: readonly number[] };
  readonly dash?: readonly number[];
  readonly points?: boolean;
  /** A custom property for its marks, where its own colour is faint. */
  readonly markColor?: string;
  /** Steps without a finite value, which are marked. */
  readonly gaps?: readonly number[];
  /** Values that the line leaves out because they lie far off, which are marked. */
  readonly outside?: { readonly step: readonly number[]; readonly value: readonly number[] };
}
