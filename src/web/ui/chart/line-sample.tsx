/** A short piece of a curve's line, as in a legend. */
export function LineSample({
  color,
  dash,
  width,
  height,
}: {
  /** Name of a custom property of the style sheet. */
  color: string;
  dash?: readonly number[] | undefined;
  width: number;
  height: number;
}) {
  return (
    <svg width={width} height={height} aria-hidden="true">
      <line
        class="stroke"
        x1="1"
        x2={width - 1}
        y1={height / 2}
        y2={height / 2}
        style={{ stroke: `var(${color})` }}
        stroke-dasharray={dash?.join(' ')}
      />
    </svg>
  );
}
