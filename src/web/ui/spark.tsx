/** A line as small as a word. */
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
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) return <span class="nothing">–</span>;
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const x = (i: number) => 2 + (i * (width - 6)) / (values.length - 1);
  const y = (v: number) => 3 + ((high - v) / (high - low || 1)) * (height - 6);
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
    // biome-ignore lint/a11y/noSvgWithoutTitle: it has an aria-label, or stands beside the words.
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })}
    >
      <path d={path} />
      <circle cx={x(last)} cy={y(values[last]!)} r="2" />
    </svg>
  );
}
