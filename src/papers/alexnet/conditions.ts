import type { Text } from '../claims/claim.js';
import type { Job, Variant } from '../claims/job.js';
import { epochsTo } from '../claims/kinds.js';
import type { Ratio } from '../claims/ratio.js';
import type { Result, Results } from '../claims/result.js';
import { searchRate } from '../claims/search.js';
import { partsOf } from '../paper.js';
import { TARGET } from './figure1.js';
import type { Init } from './initialise.js';
import { recipes } from './recipe.js';

/*
 * Figure 1 under other conditions than the paper may have had. Each network trains on few images, so that all conditions
 * can be searched on two cores.
 */

/** Training images. */
export const PART = 1000;
export const PART_NAME = `cifar10-${PART}`;
/** Smaller than the recipe's, since there are few images. */
export const BATCH = 16;
/** Training stops after this many epochs even if the target is not reached. */
export const MOST_EPOCHS = 60;
const SEED = 1;
const EPOCH_SECONDS = 0.4;

/** Candidate learning rates, about √10 apart. */
const LADDER = [
  1e-8, 3e-8, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1,
];

/** Where searches begin unless a condition says otherwise. */
const MIDDLE = { relu: 0.003, tanh: 0.01 };

type Options = NonNullable<Variant['model']['options']>;

/** One setting of the comparison, which differs from the first one in what its name says. */
export interface Condition {
  /** Part of its files' names, and its label in the figure. */
  readonly id: string;
  readonly name: Text;
  readonly init?: Init;
  readonly options?: Options;
  readonly training?: Partial<Variant['training']>;
  /** LeCun's scaled function in the place of tanh. */
  readonly scaled?: boolean;
  /** Where the searches for the two rates begin. */
  readonly middle?: { readonly relu: number; readonly tanh: number };
}

const bytes: Options = { pixels: 'bytes' };

export const CONDITIONS: readonly Condition[] = [
  {
    id: 'base',
    name: { en: 'as in the claims above', zh: '与前述论断相同' },
    middle: { relu: 0.001, tanh: 0.003 },
  },
  {
    id: 'bytes',
    name: {
      en: 'bytes minus the mean as input, with weights for inputs of variance 1',
      zh: '输入为减均值的字节，初始权重按单位方差输入设定',
    },
    options: bytes,
    middle: { relu: 3e-6, tanh: 0.003 },
  },
  {
    id: 'scaled-tanh',
    name: { en: 'LeCun’s 1.7159 tanh(2x/3)', zh: 'LeCun 的 1.7159 tanh(2x/3)' },
    scaled: true,
    middle: { relu: 0.001, tanh: 0.003 },
  },
  {
    id: 'small-start',
    name: { en: 'small initial weights of cuda-convnet', zh: 'cuda-convnet 的小初始权重' },
    init: 'cuda-convnet',
  },
  {
    id: 'bytes-small-start',
    name: { en: 'bytes, and the small weights of cuda-convnet', zh: '字节输入，cuda-convnet 的小初始权重' },
    init: 'cuda-convnet',
    options: bytes,
    middle: { relu: 3e-4, tanh: 0.01 },
  },
  {
    id: 'no-momentum',
    name: { en: 'no momentum', zh: '无动量' },
    training: { momentum: 0 },
    middle: { relu: 0.003, tanh: 0.03 },
  },
  {
    id: 'bytes-paper-start',
    name: { en: 'bytes, and weights from N(0, 0.01²)', zh: '字节输入，初始权重取 N(0, 0.01²)' },
    init: 'paper',
    options: bytes,
    middle: { relu: 3e-4, tanh: 0.01 },
  },
  {
    id: 'batch-64',
    name: { en: 'batches of 64', zh: '批大小 64' },
    training: { batchSize: 64 },
    middle: { relu: 0.001, tanh: 0.03 },
  },
  {
    id: 'deeper',
    name: { en: 'one more hidden layer of 64 units', zh: '多一个 64 单元的隐藏层' },
    options: { hidden: 64 },
  },
  {
    id: 'uniform-start',
    name: { en: 'PyTorch’s initial weights', zh: 'PyTorch 的初始权重' },
    init: 'pytorch',
  },
  {
    id: 'bytes-uniform-start',
    name: { en: 'bytes, and PyTorch’s weights', zh: '字节输入，PyTorch 的初始权重' },
    init: 'pytorch',
    options: bytes,
    middle: { relu: 3e-5, tanh: 0.003 },
  },
  {
    id: 'shallower',
    name: { en: 'one convolution less', zh: '少一个卷积层' },
    options: { without: 'conv3' },
  },
  {
    id: 'wider',
    name: { en: 'full width', zh: '完整宽度' },
    options: { width: 'full' },
    middle: { relu: 0.001, tanh: 0.003 },
  },
  {
    id: 'batch-4',
    name: { en: 'batches of 4', zh: '批大小 4' },
    training: { batchSize: 4 },
    middle: { relu: 3e-4, tanh: 0.001 },
  },
];

/** Short names of the conditions, by their ids. */
const LABELS: Readonly<Record<string, Text>> = {
  base: { en: 'as above', zh: '同论断' },
  bytes: { en: 'bytes', zh: '字节输入' },
  'scaled-tanh': { en: 'scaled tanh', zh: '缩放的 tanh' },
  'small-start': { en: 'small weights', zh: '小初始权重' },
  'bytes-small-start': { en: 'bytes + small weights', zh: '字节＋小权重' },
  'no-momentum': { en: 'no momentum', zh: '无动量' },
  'bytes-paper-start': { en: 'bytes + paper weights', zh: '字节＋论文权重' },
  'batch-64': { en: '64 a batch', zh: '每批 64 张' },
  deeper: { en: 'one layer more', zh: '多一层' },
  'uniform-start': { en: 'PyTorch weights', zh: 'PyTorch 权重' },
  'bytes-uniform-start': { en: 'bytes + PyTorch', zh: '字节＋PyTorch 权重' },
  shallower: { en: 'one layer less', zh: '少一层卷积' },
  wider: { en: 'full width', zh: '完整宽度' },
  'batch-4': { en: '4 a batch', zh: '每批 4 张' },
};

/** A short name for figures. */
export const labelOf = ({ id }: Condition): Text => LABELS[id] ?? { en: id, zh: id };

const SIDES = ['relu', 'tanh'] as const;
type Side = (typeof SIDES)[number];

const { model, training } = partsOf(recipes['four-layer']);

/** Another tanh changes nothing for ReLU. */
const trained = (condition: Condition, side: Side): Condition =>
  side === 'relu' && condition.scaled ? CONDITIONS[0]! : condition;

function variant(condition: Condition, side: Side, lr: number, epochs: number): Variant {
  const activation = condition.scaled ? 'scaled-tanh' : side;
  return {
    id: `conditions-${condition.id}-${side}-lr${lr}${epochs === MOST_EPOCHS ? '' : `-${epochs}-epochs`}`,
    dataset: PART_NAME,
    model: {
      ...model,
      ...(condition.init ? { init: condition.init } : {}),
      options: { width: 'half', activation, ...condition.options },
    },
    training: {
      ...training,
      batchSize: BATCH,
      ...condition.training,
      lr,
      epochs,
      schedule: { kind: 'constant' },
      untilTrainError: TARGET,
      evalLimit: 100,
      insightEvery: 0,
      checkpointEvery: 5000,
    },
    seconds: EPOCH_SECONDS * Math.min(epochs, 30),
  };
}

/** Lower is better: epochs to the target, or else the last training error. The loss of large logits would mislead. */
const score = ({ epochs, diverged }: Result): number =>
  diverged ? 1e6 : (epochsTo({ epochs }, TARGET) ?? 1e3 * (epochs.at(-1)!.trainError ?? 100));

/** The training with the best rate and its result, once every job is done. */
interface Measured {
  readonly jobs: readonly Job[];
  readonly best?: Result | undefined;
}

/**
 * Tries rates by what is judged, the epochs to the target, until the best has a worse one on either side. Only the first
 * may need all epochs: the others stop where it reached the target, since later they could not be better.
 */
function measure(of: Condition, side: Side, results: Results): Measured {
  const condition = trained(of, side);
  const middle = (condition.middle ?? MIDDLE)[side];
  const first = variant(condition, side, middle, MOST_EPOCHS);
  const result = results.get(first, SEED);
  if (!result) return { jobs: [{ variant: first, seed: SEED }] };
  const enough = Math.ceil(epochsTo(result, TARGET) ?? MOST_EPOCHS);
  const tried = (lr: number): Variant => (lr === middle ? first : variant(condition, side, lr, enough));
  const { jobs, best } = searchRate({ ladder: LADDER, middle, seed: SEED, variant: tried, score }, results);
  return { jobs, best: best === undefined ? undefined : results.get(tried(best), SEED) };
}

/** The trainings of all conditions, as far as known from the results so far. */
export const conditionJobs = (results: Results): Job[] =>
  CONDITIONS.flatMap((condition) => SIDES.flatMap((side) => measure(condition, side, results).jobs));

/** How many times as many epochs tanh takes as ReLU, each with its best rate. */
export interface ConditionRatio extends Ratio {
  readonly condition: Condition;
}

/** The ratios of those conditions that have been measured: bounds where one side did not reach the target. */
export const ratiosOf = (results: Results): ConditionRatio[] =>
  CONDITIONS.flatMap((condition) => {
    const [relu, tanh] = SIDES.map((side) => measure(condition, side, results).best);
    if (!relu || !tanh) return [];
    const [slow, fast] = [epochsTo(tanh, TARGET), epochsTo(relu, TARGET)];
    if (slow === undefined && fast === undefined) return [{ condition, value: Number.NaN }];
    const value = (slow ?? MOST_EPOCHS) / (fast ?? MOST_EPOCHS);
    const bound = slow === undefined ? 'least' : fast === undefined ? 'most' : undefined;
    return [{ condition, value, bound }];
  });
