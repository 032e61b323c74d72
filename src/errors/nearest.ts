/** Largest edit distance as a share of the word's length, so that short words do not match everything. */
const WRONG_SHARE = 0.4;

/**
 * The word that was probably meant by a misspelled or abbreviated one.
 *
 * @returns undefined if no word is similar
 */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/^-+/, '');
  const given = plain(word);
  if (given === '' || given.length > 100) return undefined;
  const near = words
    .map((one) => ({ one, distance: distance(given, plain(one)) }))
    .filter(({ one, distance }) => distance <= WRONG_SHARE * Math.min(given.length, plain(one).length))
    .sort((a, b) => a.distance - b.distance);
  if (near[0]) return near[0].one;
  const isPart = (part: string, whole: string): boolean =>
    part.length > 1 &&
    (whole.split(/[-.]/).includes(part) ||
      (part.length > 2 && whole.startsWith(part)) ||
      initials(whole) === part);
  return words.find((one) => isPart(given, plain(one))) ?? words.find((one) => isPart(plain(one), given));
}

/** `lr` of `learning-rate`. */
const initials = (text: string): string =>
  text
    .split(/[-.]/)
    .map((part) => part[0] ?? '')
    .join('');

/** Damerau-Levenshtein distance: insertions, deletions, substitutions and swaps of adjacent letters. */
function distance(a: string, b: string): number {
  const [one, other] = [[...a], [...b]];
  let [before, last]: [number[], number[]] = [[], other.map((_, j) => j)];
  last.push(other.length);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[other.length]!;
}

/** "did you mean X? Otherwise …", or only the advice if no word is similar. */
export function didYouMean(word: string, words: readonly string[], otherwise: string): string {
  const near = nearest(word, words);
  return near === undefined ? otherwise : `did you mean ${near}? Otherwise ${otherwise}`;
}
