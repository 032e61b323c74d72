import { grouped } from '../../errors/counted.js';
import { withoutInit } from '../../nn/init.js';
import { inspect } from '../../nn/inspect.js';
import type { Claim, Text } from '../claims/claim.js';
import type { Variant } from '../claims/job.js';
import { compared, counted, single, testError, trainError } from '../claims/kinds.js';
import { partsOf } from '../paper.js';
import { ResNet } from './model.js';
import { recipes } from './recipe.js';

const { model, training } = partsOf(recipes.short);

/** A training of four epochs. Seconds are for two cores, extrapolated from a few steps: about 0.2 s each at 20 layers. */
const short = (preset: string, seconds: number): Variant => ({
  id: preset,
  dataset: 'cifar10',
  model: { ...model, preset },
  training,
  seconds,
});
const resnet20 = short('resnet-20', 200);
const plain20 = short('plain-20', 200);
const resnet44 = short('resnet-44', 450);
const plain44 = short('plain-44', 450);

/** The paper's complete recipe. */
const whole: Variant = {
  id: 'resnet-20-whole',
  recipe: 'resnet-20',
  dataset: 'cifar10',
  ...partsOf(recipes['resnet-20']),
  seconds: 164 * 50,
};

/** The variants trained for four epochs. */
export const variants: readonly Variant[] = [plain20, plain44, resnet20, resnet44];

const SHORT: Text = {
  en: '4 epochs instead of 164, and 44 layers instead of 56',
  zh: '只训练 4 轮而非 164 轮，以 44 层代替 56 层',
};

const parameters = (depth: number): number =>
  inspect(
    withoutInit(() => new ResNet({ depth })),
    [3, 32, 32],
  ).parameters;

const SIZES = [
  [20, '0.27'],
  [32, '0.46'],
  [44, '0.66'],
  [56, '0.85'],
  [110, '1.7'],
] as const;

export const claims: readonly Claim[] = [
  counted({
    id: 'parameters',
    section: '4.2, table 6',
    statement: {
      en: 'ResNets of 20, 32, 44, 56 and 110 layers have 0.27, 0.46, 0.66, 0.85 and 1.7 million parameters.',
      zh: '20、32、44、56、110 层的 ResNet 分别有 27 万、46 万、66 万、85 万、170 万个参数。',
    },
    paperSays: SIZES.map(([, millions]) => `${millions}M`).join(' · '),
    rule: {
      en: 'all five counts agree when rounded to the digits printed in the paper',
      zh: '五个数按论文所印位数四舍五入后全部相同',
    },
    judge: () => {
      const found = SIZES.map(([depth, millions]) => {
        const count = parameters(depth);
        const digits = millions.length - 2;
        return { count, fits: (count / 1e6).toFixed(digits) === millions };
      });
      return {
        verdict: found.every(({ fits }) => fits) ? 'confirmed' : 'refuted',
        measured: found.map(({ count }) => grouped(count)).join(' · '),
      };
    },
  }),
  counted({
    id: 'same-size',
    section: '4.2',
    statement: {
      en: 'With identity shortcuts, residual networks have exactly as many parameters as their plain counterparts.',
      zh: '采用恒等捷径时，残差网络与对应的普通网络参数个数完全相同。',
    },
    paperSays: '=',
    rule: { en: 'the two counts at 20 layers are equal', zh: '20 层时两者参数个数相等' },
    judge: () => {
      const plain = inspect(
        withoutInit(() => new ResNet({ shortcuts: false })),
        [3, 32, 32],
      ).parameters;
      return {
        verdict: plain === parameters(20) ? 'confirmed' : 'refuted',
        measured: `${grouped(parameters(20))} / ${grouped(plain)}`,
      };
    },
  }),
  compared({
    id: 'degradation',
    section: '4.2, figure 6',
    order: 2,
    statement: {
      en: 'A deeper plain network has a higher training error than a shallower one.',
      zh: '更深的普通网络训练误差反而更高。',
    },
    paperSays: 'plain-56 > plain-20',
    rule: {
      en: 'training error over the fourth epoch, 44 and 20 layers',
      zh: '44 层与 20 层在第 4 轮的训练误差',
    },
    less: { label: 'plain-20', variant: plain20 },
    more: { label: 'plain-44', variant: plain44 },
    seeds: [0],
    measure: trainError,
    trend: SHORT,
  }),
  compared({
    id: 'depth-helps',
    section: '4.2, figure 6',
    order: 3,
    statement: {
      en: 'A deeper residual network has a lower test error than a shallower one.',
      zh: '更深的残差网络测试误差更低。',
    },
    paperSays: 'ResNet-44 7.17 %, ResNet-20 8.75 %',
    rule: { en: 'test error after four epochs', zh: '4 轮后的测试误差' },
    less: { label: 'resnet-44', variant: resnet44 },
    more: { label: 'resnet-20', variant: resnet20 },
    seeds: [0],
    measure: testError,
    trend: SHORT,
  }),
  compared({
    id: 'shortcuts',
    section: '4.1',
    order: 1,
    statement: {
      en: 'If a network is not overly deep, shortcuts make it converge faster at the early stage.',
      zh: '网络不太深时，捷径使其在训练初期收敛更快。',
    },
    paperSays: '—',
    rule: { en: 'training error over the fourth epoch', zh: '第 4 轮的训练误差' },
    less: { label: 'resnet-20', variant: resnet20 },
    more: { label: 'plain-20', variant: plain20 },
    seeds: [0],
    measure: trainError,
    trend: SHORT,
  }),
  single({
    id: 'resnet-20-error',
    section: '4.2, table 6',
    order: 4,
    statement: {
      en: 'ResNet-20 has a test error of 8.75 % on CIFAR-10.',
      zh: 'ResNet-20 在 CIFAR-10 上的测试误差为 8.75 %。',
    },
    paperSays: '8.75 %',
    rule: {
      en: 'test error after 164 epochs of the resnet-20 recipe, one seed; confirmed up to half a point above the paper’s error',
      zh: 'resnet-20 配方训练 164 轮后的测试误差，一个种子；不高于论文 0.5 个百分点即证实',
    },
    variant: whole,
    measure: testError,
    digits: 2,
    holds: (error) => error <= 8.75 + 0.5,
  }),
];
