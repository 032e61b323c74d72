/** Colour of a cell in the confusion matrix. */
export interface Heat {
  /** Step of the style sheet's colour scale, 0 (empty) to 9. */
  readonly level: number;
  /** Fraction of the row's total. */
  readonly share: number;
}

/** The square root keeps rare confusions visible beside the diagonal. */
export function heat(count: number, rowTotal: number): Heat {
  const share = rowTotal > 0 ? count / rowTotal : 0;
  return { level: count === 0 ? 0 : Math.max(1, Math.round(Math.sqrt(share) * 9)), share };
}

/** Share of all images on the diagonal, in percent. */
export function accuracy(counts: readonly (readonly number[])[]): number {
  let right = 0;
  let all = 0;
  counts.forEach((row, t) => {
    row.forEach((count, p) => {
      all += count;
      if (t === p) right += count;
    });
  });
  return all > 0 ? (100 * right) / all : 0;
}

/** The most frequent confusions, in descending order. */
export function worstPairs(
  counts: readonly (readonly number[])[],
  most: number,
): { truth: number; predicted: number; count: number }[] {
  return counts
    .flatMap((row, truth) => row.map((count, predicted) => ({ truth, predicted, count })))
    .filter(({ truth, predicted, count }) => truth !== predicted && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, most);
}
