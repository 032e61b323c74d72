import type { ClaimRow } from '../../papers/page-types.js';

/** A value with its name and spread, such as `tanh 6.4 ± 0.2`. */
export interface NamedValue {
  readonly name: string;
  readonly value: number;
  readonly spread: number;
}

/** Numbers in the text of a claim's measurement. */
export interface MeasuredValues {
  readonly values: readonly NamedValue[];
  /** The difference or ratio at the end of the text, after a colon. */
  readonly result?: { readonly value: number; readonly spread: number };
}

const NUMBER = '([−-]?\\d[\\d,]*(?:\\.\\d+)?)';
const VALUE = new RegExp(`^([^±]*[^\\s±])\\s${NUMBER}(?:\\s±\\s${NUMBER})?\\s?%?$`);
const RESULT = new RegExp(`^\\s*${NUMBER}(?:\\s±\\s${NUMBER})?`);

const numberOf = (text: string): number => Number(text.replaceAll(',', '').replace('−', '-'));

/** A symbol such as β₁: its number is a setting of the training, not a measurement. */
const SYMBOL = /^\p{Script=Greek}[₀-₉]*$/u;

/** Bars from 0 say nothing if all have about the same length. */
const LEAST_DIFFERENCE = 0.02;

/** Whether values can be compared by the lengths of bars: their names differ, and so do their lengths. */
function areComparable(values: readonly NamedValue[]): boolean {
  const numbers = values.map(({ value }) => value);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const names = new Set(values.map(({ name }) => name));
  return (
    values.length > 1 &&
    names.size === values.length &&
    numbers.every(Number.isFinite) &&
    high - low >= LEAST_DIFFERENCE * Math.max(Math.abs(low), Math.abs(high))
  );
}

/**
 * Named values and the result of `a 1.2 ± 0.1 %, b 3.4 %: 2.2 ± 0.2 (n = 3)`. Other texts have no values: a list with
 * another part, with the same name twice, with settings, or of about the same values, cannot be compared.
 */
export function measuredValues(text: string): MeasuredValues {
  const [list = '', ...rest] = text.split(';')[0]!.split(/:(?=\s)/);
  const parts = list.split(/,\s/);
  const values = parts.flatMap((part): NamedValue[] => {
    const match = VALUE.exec(part.trim());
    if (!match || SYMBOL.test(match[1]!)) return [];
    return [{ name: match[1]!, value: numberOf(match[2]!), spread: match[3] ? numberOf(match[3]) : 0 }];
  });
  const result = RESULT.exec(rest.join(':'));
  return {
    values: values.length === parts.length && areComparable(values) ? values : [],
    ...(result
      ? { result: { value: numberOf(result[1]!), spread: result[2] ? numberOf(result[2]) : 0 } }
      : {}),
  };
}

/** The paper's number: that of a name, or the first one of a text that names a difference; undefined if there is none. */
export function paperNumber(text: string, name?: string): number | undefined {
  if (/→|·|>|≤|×/.test(text)) return undefined;
  for (const part of text.split(/,\s/)) {
    const match = /^(.*?)\s*([−+-]?\d+(?:\.\d+)?)\s?%?$/.exec(part.trim());
    if (!match) continue;
    if (name === undefined || match[1]!.toLowerCase() === name.toLowerCase())
      return Number(match[2]!.replace('−', '-'));
  }
  return undefined;
}

/** More bars are not drawn: the text beside the chart has all values. */
const MOST_BARS = 24;

export interface ClaimBar extends NamedValue {
  /** The paper's number of this name. */
  readonly paper: number | undefined;
}

/** The values that a claim compares, in the order of its text, and how many of them are left out. */
export function claimBars(
  { paperSays, measured }: Pick<ClaimRow, 'paperSays' | 'measured'>,
  language: 'en' | 'zh',
): { readonly bars: readonly ClaimBar[]; readonly left: number } {
  // The paper's numbers have English names.
  const { values } = measuredValues(measured.en);
  const names = measuredValues(measured[language]).values;
  const bars = values.slice(0, MOST_BARS).map((each, i) => ({
    ...each,
    name: names[i]?.name ?? each.name,
    paper: paperNumber(paperSays.en, each.name),
  }));
  return { bars, left: values.length - bars.length };
}
