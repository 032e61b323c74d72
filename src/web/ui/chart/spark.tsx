import { robustLimits } from '../../../display/robust-limits.js';

/** A sparkline. Outliers are clipped and marked at its edge. */
export function Spark({
  values,
  width = 96,
  height = 24,
  label,
}: {
  values: readonly number[];
  width?: number;
  height?: number;
  label?: string;
}) {
  const limits = robustLimits([values]);
  if (!limits || values.filter(Number.isFinite).length < 2) return <span class="nothing">–</span>;
  const { min: low, max: high } = limits;
  const inside = (v: number) => Math.min(Math.max(v, low), high);
  const x = (i: number) => 2 + (i * (width - 6)) / (values.length - 1);
  const y = (v: number) => 3 + ((high - inside(v)) / (high - low || 1)) * (height - 6);
  let pen = 'M';
  const path = values
    .map((v, i) => {
      if (!Number.isFinite(v)) {
        pen = 'M';
        return '';
      }
      const part = `${pen}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
      pen = 'L';
      return part;
    })
    .join('');
  const last = values.findLastIndex(Number.isFinite);
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: it has an aria-label, or is beside the text that it illustrates.
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })}
    >
      <path d={path} />
      {values.map((v, i) => {
        if (!Number.isFinite(v) || inside(v) === v) return null;
        const [edge, tip] = v > high ? [4.5, 0] : [height - 4.5, height];
        return <path key={i} class="spark-far" d={`M${x(i) - 2.5} ${edge}h5L${x(i)} ${tip}z`} />;
      })}
      <circle cx={x(last)} cy={y(values[last]!)} r="2" />
    </svg>
  );
}
