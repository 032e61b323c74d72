/**
 * Chooses the lines whose values are shown at the cursor. Of many, lines that have a value there come first, then the
 * nearest ones.
 *
 * @param far distance of a line from the cursor; infinite without a value
 */
export function linesAt<L extends { readonly step: readonly number[] }>(
  lines: readonly L[],
  x: number,
  far: (line: L) => number,
  most: number,
): { readonly shown: readonly L[]; readonly more: number } {
  if (lines.length <= most) return { shown: lines, more: 0 };
  const order = lines.map((line) => {
    const distance = far(line);
    const [first, last] = [line.step[0], line.step.at(-1)];
    const reaches = first !== undefined && last !== undefined && first <= x && x <= last;
    return { line, distance, late: reaches && Number.isFinite(distance) ? 0 : 1 };
  });
  // Two infinite distances have no difference.
  order.sort((a, b) => a.late - b.late || (a.distance === b.distance ? 0 : a.distance - b.distance));
  return { shown: order.slice(0, most).map(({ line }) => line), more: lines.length - most };
}
