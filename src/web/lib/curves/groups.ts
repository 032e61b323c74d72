import { lowerBound } from '../points.js';

/** Positions of a mean curve, unless its members share fewer. */
const POSITIONS = 240;

export interface Member {
  /** Ascending. */
  readonly step: readonly number[];
  readonly value: readonly (number | null)[];
}

export interface Mean {
  readonly step: readonly number[];
  readonly value: readonly number[];
  readonly band: { readonly min: readonly number[]; readonly max: readonly number[] };
}

/** Mean of several curves with ± one standard deviation, at each position over the curves that reach it. */
export function meanOf(members: readonly Member[]): Mean {
  const clean = members.map(finite).filter(({ step }) => step.length > 0);
  const [step, value, min, max]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (const at of positions(clean)) {
    const values = clean.flatMap((member) => valueAt(member, at) ?? []);
    if (values.length === 0) continue;
    const mean = values.reduce((sum, v) => sum + v / values.length, 0);
    const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
    const deviation = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
    step.push(at);
    value.push(mean);
    min.push(mean - deviation);
    max.push(mean + deviation);
  }
  return { step, value, band: { min, max } };
}

interface Clean {
  readonly step: readonly number[];
  readonly value: readonly number[];
}

function finite({ step, value }: Member): Clean {
  const kept = value.flatMap((v, i) => (typeof v === 'number' && Number.isFinite(v) ? [i] : []));
  return { step: kept.map((i) => step[i]!), value: kept.map((i) => value[i]!) };
}

function positions(members: readonly Clean[]): readonly number[] {
  const all = [...new Set(members.flatMap(({ step }) => step))].sort((a, b) => a - b);
  if (all.length <= POSITIONS) return all;
  const [first, last] = [all[0]!, all.at(-1)!];
  return Array.from({ length: POSITIONS }, (_, i) => first + (i * (last - first)) / (POSITIONS - 1));
}

/** The value on the straight line between two neighbours; undefined beyond the ends. */
function valueAt({ step, value }: Clean, at: number): number | undefined {
  const right = lowerBound(step, at);
  if (step[right] === at) return value[right];
  if (right === 0 || right === step.length) return undefined;
  const [x, y] = [step[right - 1]!, value[right - 1]!];
  return y + ((at - x) / (step[right]! - x)) * (value[right]! - y);
}
