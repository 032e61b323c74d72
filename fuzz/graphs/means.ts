import type { Attrs, Shape, TypedArray } from '../../src/graph/types.js';
import { around } from '../../src/graph/types.js';
import { Generator } from '../../src/random.js';

/*
 * Normalisations whose means are rounded as a device rounds them. The error of a mean moves all elements of its channel
 * or row in one direction, which perturbing each element by itself does not show: a kernel that computes its means in
 * float64 takes a common shift away again.
 */

/** Elements that share a mean: their positions, and the number of the channel; −1 for rows, which have no gamma. */
interface Group {
  readonly positions: readonly number[];
  readonly channel: number;
}

/** Adds a rounding error to a sum, relative to the sum of its terms' absolute values. */
type Round = (sum: number, terms: number) => number;

/** A sum over positions, with its rounding error. */
function summed(positions: readonly number[], of: (i: number) => number, round: Round): number {
  let [sum, terms] = [0, 0];
  for (const i of positions) {
    sum += of(i);
    terms += Math.abs(of(i));
  }
  return round(sum, terms);
}

/** Mean, variance, and normalised elements. */
function normal(x: TypedArray, { positions }: Group, eps: number, round: Round) {
  const mean = summed(positions, (i) => x[i]!, round) / positions.length;
  const variance = summed(positions, (i) => (x[i]! - mean) ** 2, round) / positions.length;
  const inverse = 1 / Math.sqrt(variance + eps);
  return { mean, variance, inverse, at: (i: number) => (x[i]! - mean) * inverse };
}

type Normalisation = (
  inputs: readonly TypedArray[],
  group: Group,
  eps: number,
  round: Round,
  output: TypedArray,
) => void;

const forward: Normalisation = ([x, gamma, beta], group, eps, round, output) => {
  const { at } = normal(x!, group, eps, round);
  const [scale, shift] = group.channel < 0 ? [1, 0] : [gamma![group.channel]!, beta![group.channel]!];
  for (const i of group.positions) output[i] = at(i) * scale + shift;
};

const backward: Normalisation = ([g, x, gamma], group, eps, round, output) => {
  const { positions, channel } = group;
  const { at, inverse } = normal(x!, group, eps, round);
  const plain = summed(positions, (i) => g![i]!, round) / positions.length;
  const along = summed(positions, (i) => g![i]! * at(i), round) / positions.length;
  const scale = inverse * (channel < 0 ? 1 : gamma![channel]!);
  for (const i of positions) output[i] = scale * (g![i]! - plain - at(i) * along);
};

const NORMALISATIONS: Readonly<Record<string, Normalisation>> = {
  batchStats: ([x], group, eps, round, output) => {
    const { mean, variance } = normal(x!, group, eps, round);
    output[group.channel] = mean;
    output[output.length / 2 + group.channel] = variance;
  },
  batchNormTrain: forward,
  batchNormTrainGrad: backward,
  batchNormGradGamma: ([g, x], group, eps, round, output) => {
    const { at } = normal(x!, group, eps, round);
    output[group.channel] = summed(group.positions, (i) => g![i]! * at(i), round);
  },
  normalizeRows: forward,
  normalizeRowsGrad: backward,
};

/** Operations that compute means of their inputs. */
export const hasMeans = (op: string): boolean => Object.hasOwn(NORMALISATIONS, op);

function groupsOf(op: string, shape: Shape): Group[] {
  const { outer, length, inner } = around(shape, 1);
  const isRows = op.startsWith('normalizeRows');
  return Array.from({ length: isRows ? outer : length }, (_, group) => ({
    channel: isRows ? -1 : group,
    positions: isRows
      ? Array.from({ length }, (_, i) => group * length + i)
      : Array.from(
          { length: outer * inner },
          (_, i) => (Math.floor(i / inner) * length + group) * inner + (i % inner),
        ),
  }));
}

/**
 * Computes a normalisation with a random rounding error in each of its sums.
 *
 * @param inputs values of its inputs, of which x has this shape
 * @param size largest error, relative to the sum of the terms' absolute values
 */
export function normaliseRoundly(
  op: string,
  inputs: readonly TypedArray[],
  shape: Shape,
  attrs: Attrs,
  output: TypedArray,
  { size, seed }: { readonly size: number; readonly seed: number },
): void {
  const random = new Generator(seed);
  const round: Round = (sum, terms) => sum + size * random.uniform(-1, 1) * terms;
  for (const group of groupsOf(op, shape))
    NORMALISATIONS[op]!(inputs, group, (attrs.eps as number | undefined) ?? 0, round, output);
}
