/**
 * Indices of values without a neighbour, between two gaps or at an end. A line through one value has no length, so they
 * are drawn as dots.
 *
 * @param value null and NaN are gaps; undefined stands for a position of another line
 */
export function isolated(value: readonly (number | null | undefined)[], from: number, to: number): number[] {
  const found: number[] = [];
  let [length, last] = [0, -1];
  const close = (): void => {
    if (length === 1) found.push(last);
    length = 0;
  };
  for (let i = from; i <= to; i++) {
    const each = value[i];
    if (each === undefined) continue;
    if (each === null || !Number.isFinite(each)) {
      close();
      continue;
    }
    length++;
    last = i;
  }
  close();
  return found;
}
