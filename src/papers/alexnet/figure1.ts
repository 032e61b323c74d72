import type { Claim, Judgement } from '../claims/claim.js';
import { resultsOf, withSeeds } from '../claims/claim.js';
import type { Job, Variant } from '../claims/job.js';
import { epochsTo } from '../claims/kinds.js';
import type { Result, Results } from '../claims/result.js';
import { type Search, searchRate as search } from '../claims/search.js';
import { show, summarise } from '../claims/statistics.js';
import { partsOf } from '../paper.js';
import type { Activation } from './layers.js';
import { recipes } from './recipe.js';

/** Training error, in percent, that the networks of Figure 1 have to reach. */
export const TARGET = 25;
const SEARCH_EPOCHS = 4;
/** Training stops after this many epochs even if the target is not reached. */
const MOST_EPOCHS = 40;
const EPOCH_SECONDS = 20;
/** Learning rates are chosen with this seed; the networks are measured with other seeds. */
const SEARCH_SEED = 0;
const SEEDS = [1, 2, 3];

/** Candidate learning rates, about √10 apart. */
const LADDER = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
/** The search starts with this rate and its two neighbours. */
const MIDDLE: Readonly<Record<Activation, number>> = {
  relu: 0.01,
  'leaky-relu': 0.01,
  tanh: 0.01,
  'scaled-tanh': 0.01,
  sigmoid: 0.1,
};

const { model, training } = partsOf(recipes['four-layer']);

/** Initialisation: scaled to the activation, or the small weights of the author's own code. */
export type Start = 'kaiming' | 'cuda-convnet';

/** One curve of the figure. */
export interface Curve {
  readonly activation: Activation;
  readonly start: Start;
}

function variant({ activation, start }: Curve, lr: number, epochs: number, expected: number): Variant {
  const search = epochs === SEARCH_EPOCHS ? '-search' : '';
  const small = start === 'cuda-convnet' ? '-small-start' : '';
  return {
    id: `figure1-${activation}${small}-lr${lr}${search}`,
    dataset: 'cifar10',
    model: { ...model, init: start, options: { activation } },
    training: { ...training, lr, epochs, schedule: { kind: 'constant' }, untilTrainError: TARGET },
    seconds: EPOCH_SECONDS * expected,
  };
}

/** Lower is better: epochs to the target, or the last loss plus `MOST_EPOCHS` if the target is not reached. */
function score(result: Result): number {
  const reached = epochsTo(result, TARGET);
  if (reached !== undefined) return reached;
  return 1e6 + (result.diverged ? 1e6 : result.epochs.at(-1)!.trainLoss);
}

/** The search for a curve's rate. */
export const searchRate = (curve: Curve, results: Results): Search =>
  search(
    {
      ladder: LADDER,
      middle: MIDDLE[curve.activation],
      seed: SEARCH_SEED,
      variant: (lr) => variant(curve, lr, SEARCH_EPOCHS, SEARCH_EPOCHS),
      score,
    },
    results,
  );

const chosen = (curve: Curve, { best }: Search): Variant | undefined =>
  best === undefined ? undefined : variant(curve, best, MOST_EPOCHS, 15);

/** The variant that measures a curve; undefined until the search for its rate has finished. */
export function measuredCurve(
  curve: Curve,
  results: Results,
): { readonly variant: Variant; readonly seeds: readonly number[] } | undefined {
  const net = chosen(curve, searchRate(curve, results));
  return net && { variant: net, seeds: SEEDS };
}

/** First the rate search, whose result decides the remaining jobs. */
function figure1Jobs(curves: readonly Curve[], results: Results): Job[] {
  return curves.flatMap((curve) => {
    const search = searchRate(curve, results);
    const net = chosen(curve, search);
    return [...search.jobs, ...(net ? withSeeds(net, SEEDS) : [])];
  });
}

interface Speed {
  readonly activation: Activation;
  readonly rate: number;
  /** Epochs to the target, for the seeds that reached it. */
  readonly epochs: readonly number[];
}

function speedOf(curve: Curve, results: Results): Speed {
  const net = chosen(curve, searchRate(curve, results))!;
  const epochs = resultsOf(results, net, SEEDS).flatMap((result) => epochsTo(result, TARGET) ?? []);
  return { activation: curve.activation, rate: net.training.lr, epochs };
}

const describe = ({ activation, rate, epochs }: Speed): string =>
  epochs.length === SEEDS.length
    ? `${activation} (lr ${rate}) ${show(summarise(epochs))}`
    : `${activation} (lr ${rate}) > ${MOST_EPOCHS} (${SEEDS.length - epochs.length}/${SEEDS.length})`;

/** Ratio of epochs a / b with its spread; seeds that never reached the target count with the cap. */
function ratioOf(a: Speed, b: Speed): { mean: number; std: number; atLeast: boolean } {
  const missing = SEEDS.length - a.epochs.length;
  const [x, y] = [summarise([...a.epochs, ...Array<number>(missing).fill(MOST_EPOCHS)]), summarise(b.epochs)];
  const mean = x.mean / y.mean;
  return { mean, std: mean * Math.hypot(x.std / x.mean, y.std / y.mean), atLeast: missing > 0 };
}

/** A claim over {@link figure1Jobs}; `rule` gets the ratio of each activation's epochs to ReLU's. */
export function figure1Claim(
  claim: Omit<Claim, 'jobs' | 'judge'>,
  others: readonly Activation[],
  verdict: (ratios: ReadonlyMap<Activation, number>) => Pick<Judgement, 'verdict' | 'reason'>,
  start: Start = 'kaiming',
): Claim {
  const curves = (['relu', ...others] as const).map((activation) => ({ activation, start }));
  return {
    ...claim,
    jobs: (results) => figure1Jobs(curves, results),
    judge: (results) => {
      const [relu, ...speeds] = curves.map((curve) => speedOf(curve, results));
      const list = [relu!, ...speeds].map(describe).join(', ');
      if (relu!.epochs.length < SEEDS.length)
        return {
          verdict: 'trend only',
          measured: list,
          reason: {
            en: 'ReLU did not reach 25 % with every seed',
            zh: 'ReLU 并非每个种子都降到 25 %',
          },
        };
      const ratios = speeds.map((speed) => [speed, ratioOf(speed, relu!)] as const);
      const times = ratios.map(
        ([{ activation }, { mean, std, atLeast }]) =>
          `${activation}/relu ${atLeast ? '≥ ' : ''}${mean.toFixed(1)} ± ${std.toFixed(1)}`,
      );
      return {
        ...verdict(new Map(ratios.map(([{ activation }, { mean }]) => [activation, mean]))),
        measured: `${list}; ${times.join(', ')}`,
      };
    },
  };
}
