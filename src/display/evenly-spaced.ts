/**
 * Evenly spaced indices into a list, including the first and the last; the last alone for a count of 1.
 *
 * @param most maximum number of indices
 */
export function evenlySpaced(length: number, most: number): number[] {
  const count = Math.min(length, most);
  if (count === 1) return [length - 1];
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - 1)) / (count - 1)));
}
