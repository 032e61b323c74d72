import { type Claim, resultsOf, type Text, withSeeds } from '../claims/claim.js';
import { compared, counted, measuredIn, testError, testMetric, unmeasured } from '../claims/kinds.js';
import type { Result } from '../claims/result.js';
import {
  distancesOf,
  EPOCHS,
  LAYERS,
  observed,
  residual,
  SEEDS,
  TESTED,
  transformer,
  twoDirections,
  withoutPositions,
} from './experiments.js';
import { parametersOf } from './model.js';
import { APART, LINE, NEAR } from './observe.js';
import { SIZES, type Size } from './sizes.js';

const SMALL: Text = {
  en: `a network of 4 layers and 16 patches on 5,000 images of CIFAR-10, ${EPOCHS} epochs`,
  zh: `4 层、16 个图块的网络，CIFAR-10 的 5,000 张图像，${EPOCHS} 轮`,
};

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const count = (size: Size, numClasses: number, patch: number = SIZES[size].patch): number =>
  parametersOf({ ...SIZES[size], patch, imageSize: 224, numClasses });

/** Millions as Chinese counts them: 8600 万, 3.07 亿. */
const inChinese = (millions: number): string =>
  millions < 100 ? `${100 * millions} 万` : `${Number((millions / 100).toFixed(4))} 亿`;

const parameters = (name: string, size: Size, millions: number, otherwise?: Text): Claim =>
  counted({
    id: `parameters-${name.toLowerCase()}`,
    section: '4.1, table 1',
    statement: {
      en: `ViT-${name} has ${millions} million parameters.`,
      zh: `ViT-${name} 有 ${inChinese(millions)}个参数。`,
    },
    paperSays: `${millions}M`,
    rule: {
      en: `the count at 224 × 224 with patches of ${SIZES[size].patch} pixels, without a head or with one for 1000 classes, rounds to the paper’s number`,
      zh: `224 × 224 图像、${SIZES[size].patch} 像素图块，不含分类头或含 1000 类分类头，参数个数四舍五入与论文一致`,
    },
    judge: () => {
      const counts = [count(size, 0), count(size, 1000)];
      const fits = counts.some((found) => Math.round(found / 1e6) === millions);
      return {
        verdict: fits ? 'confirmed' : 'refuted',
        measured: counts.map((found) => found.toLocaleString('en-US')).join(' / '),
        ...(fits || !otherwise ? {} : { reason: otherwise }),
      };
    },
  });

/** In millions. */
const LARGE_32 = Number((count('large-16', 1000, 32) / 1e6).toFixed(1));

const counting: Claim[] = [
  parameters('Base', 'base-16', 86),
  parameters('Large', 'large-16', 307, {
    en: `with patches of 32 pixels and a head for 1000 classes it has ${LARGE_32} million`,
    zh: `图块为 32 像素且含 1000 类分类头时有 ${inChinese(LARGE_32)}`,
  }),
  parameters('Huge', 'huge-14', 632),
  counted({
    id: 'sequence',
    section: '3.1, 4.1',
    statement: {
      en: 'An image becomes HW / P² tokens: the sequence grows with the inverse square of the patch.',
      zh: '一张图像变成 HW / P² 个词元：序列长度与图块边长的平方成反比。',
    },
    paperSays: 'N = HW / P²',
    rule: {
      en: 'each patch of 32, 16 or 14 pixels adds one position to the parameters of ViT-Base at 224 × 224, beside that of the class token',
      zh: '224 × 224 的 ViT-Base 中，32、16、14 像素的图块每块对应一个位置参数，外加类别词元的一个',
    },
    judge: () => {
      const { width } = SIZES['base-16'];
      // The only parameters that depend on the image are the positions.
      const found = [32, 16, 14].map((patch) => {
        const at = (imageSize: number) =>
          parametersOf({ ...SIZES['base-16'], patch, imageSize, numClasses: 0 });
        return { patch, tokens: (at(224) - at(patch)) / width + 1 };
      });
      const fits = found.every(({ patch, tokens }) => tokens === (224 / patch) ** 2);
      return {
        verdict: fits ? 'confirmed' : 'refuted',
        measured: found.map(({ patch, tokens }) => `P = ${patch}: ${tokens}`).join(' · '),
      };
    },
  }),
];

/** What one trained transformer shows. */
interface Sight {
  readonly shown: string;
  readonly direction: 'paper’s' | 'opposite' | 'unclear';
}

/** Something to be seen in the trained transformer, with each seed; always a trend. */
const seen = (
  claim: Pick<Claim, 'id' | 'section' | 'statement' | 'rule'>,
  look: (result: Result) => Sight,
): Claim => ({
  ...claim,
  paperSays: '—',
  order: 1,
  jobs: () => withSeeds(transformer, SEEDS),
  judge: (results) => {
    const found = observed(results).map(look);
    const all = (wanted: Sight['direction']) => found.every(({ direction }) => direction === wanted);
    const holds = found.filter(({ direction }) => direction === 'paper’s').length;
    const direction: Text = all('paper’s')
      ? { en: 'in the paper’s direction', zh: '方向与论文一致' }
      : all('opposite')
        ? { en: 'against the paper’s direction', zh: '方向与论文相反' }
        : holds === 0
          ? { en: 'not seen here: the differences are too small', zh: '差异太小，此处看不出来' }
          : {
              en: `in the paper’s direction with ${holds} of ${found.length} seeds`,
              zh: `${found.length} 个种子中有 ${holds} 个方向与论文一致`,
            };
    return {
      verdict: 'trend only',
      measured: found.map(({ shown }) => shown).join('; '),
      reason: { en: `${direction.en}; ${SMALL.en}`, zh: `${direction.zh}；${SMALL.zh}` },
    };
  },
});

/** Errors of the paper's table 8, which gives accuracies: 64.206, 64.001 and 61.382 %. */
const TABLE_8 = { line: '35.8', plane: '36.0', none: '38.6' };
const ITS_ERRORS: Text = {
  en: 'the paper’s errors are those of ViT-B/16 on ImageNet from five images of each class, 100 % minus the accuracies of its table',
  zh: '论文的误差为 100 % 减去表中的准确率（ViT-B/16，ImageNet，每类五张图像）',
};

const training: Claim[] = [
  compared({
    id: 'below-residual',
    section: '1, 4.3',
    order: 1,
    statement: {
      en: 'Trained from scratch on few images, a vision transformer stays behind a residual network of the same size.',
      zh: '用较少图像从头训练时，视觉 Transformer 逊于同等大小的残差网络。',
    },
    paperSays: { en: 'a few points below', zh: '低几个百分点' },
    rule: {
      en: `error on ${TESTED} test images after ${EPOCHS} epochs, both networks trained in the same way, one seed; 78,042 and 86,554 parameters; always a trend`,
      zh: `训练 ${EPOCHS} 轮后在 ${TESTED} 张测试图像上的误差，两种网络训练方式相同，一个种子；残差网络 78,042 个参数，Transformer 86,554 个；只作趋势`,
    },
    less: { label: { en: 'residual', zh: '残差网络' }, variant: residual },
    more: { label: { en: 'transformer', zh: 'Transformer' }, variant: transformer },
    seeds: SEEDS,
    measure: testError,
    trend: SMALL,
  }),
  compared({
    id: 'positions-needed',
    section: 'D.4, table 8',
    order: 2,
    statement: {
      en: 'Without position embeddings the error is clearly higher.',
      zh: '没有位置嵌入时误差明显更高。',
    },
    paperSays: {
      en: `1-D ${TABLE_8.line} %, none ${TABLE_8.none} %`,
      zh: `一维 ${TABLE_8.line} %, 无 ${TABLE_8.none} %`,
    },
    rule: {
      en: `error on ${TESTED} test images after ${EPOCHS} epochs, one seed; always a trend; ${ITS_ERRORS.en}`,
      zh: `训练 ${EPOCHS} 轮后在 ${TESTED} 张测试图像上的误差，一个种子；只作趋势；${ITS_ERRORS.zh}`,
    },
    less: { label: { en: '1-D', zh: '一维' }, variant: transformer },
    more: { label: { en: 'none', zh: '无' }, variant: withoutPositions },
    seeds: SEEDS,
    measure: testError,
    trend: SMALL,
  }),
  {
    id: 'two-directions',
    section: '3.1, D.4',
    order: 3,
    statement: {
      en: 'Positions that know rows and columns gain nothing over plain ones.',
      zh: '区分行列的二维位置嵌入并不优于一维嵌入。',
    },
    paperSays: {
      en: `1-D ${TABLE_8.line} %, 2-D ${TABLE_8.plane} %`,
      zh: `一维 ${TABLE_8.line} %, 二维 ${TABLE_8.plane} %`,
    },
    rule: {
      en: `the same error, one seed; in the paper’s direction unless 2-D positions are better by more than one point; always a trend; ${ITS_ERRORS.en}`,
      zh: `同上误差，一个种子；除非二维优于一维一个百分点以上，否则视为方向一致；只作趋势；${ITS_ERRORS.zh}`,
    },
    jobs: () => [...withSeeds(transformer, SEEDS), ...withSeeds(twoDirections, SEEDS)],
    judge: (results) => {
      const [one, two] = [transformer, twoDirections].map((variant) =>
        mean(resultsOf(results, variant, SEEDS).map(testError)),
      ) as [number, number];
      const direction: Text =
        one - two > 1
          ? { en: 'against the paper’s direction', zh: '方向与论文相反' }
          : { en: 'in the paper’s direction', zh: '方向与论文一致' };
      return {
        verdict: 'trend only',
        ...measuredIn({
          en: `1-D ${one.toFixed(1)} %, 2-D ${two.toFixed(1)} %`,
          zh: `一维 ${one.toFixed(1)} %, 二维 ${two.toFixed(1)} %`,
        }),
        reason: { en: `${direction.en}; ${SMALL.en}`, zh: `${direction.zh}；${SMALL.zh}` },
      };
    },
  },
  seen(
    {
      id: 'closer-positions',
      section: '4.5, figure 7 centre',
      statement: {
        en: 'Closer patches have more similar position embeddings.',
        zh: '越近的图块，位置嵌入越相似。',
      },
      rule: {
        en: 'mean cosine of neighbouring patches against that of patches in other rows and columns; always a trend',
        zh: '相邻图块与不同行列图块的平均余弦相似度；只作趋势',
      },
    },
    (result) => {
      const [near, apart] = [testMetric(NEAR)(result), testMetric(APART)(result)];
      return {
        direction: near > apart ? 'paper’s' : 'opposite',
        shown: `${near.toFixed(3)} / ${apart.toFixed(3)}`,
      };
    },
  ),
  seen(
    {
      id: 'rows-and-columns',
      section: '4.5, figure 7 centre',
      statement: {
        en: 'Patches in the same row or column have similar embeddings.',
        zh: '同行或同列的图块位置嵌入相似。',
      },
      rule: {
        en: 'mean cosine of patches in a row or column, without neighbours, against that of all others; always a trend',
        zh: '同行或同列（不含相邻）图块与其余图块的平均余弦相似度；只作趋势',
      },
    },
    (result) => {
      const [line, apart] = [testMetric(LINE)(result), testMetric(APART)(result)];
      return {
        direction: line > apart ? 'paper’s' : 'opposite',
        shown: `${line.toFixed(3)} / ${apart.toFixed(3)}`,
      };
    },
  ),
  seen(
    {
      id: 'first-heads',
      section: '4.5, figure 7 right',
      statement: {
        en: 'Already in the lowest layer some heads attend to most of the image, others only nearby.',
        zh: '最底层就已有一些注意力头关注图像的大部分，另一些只看附近。',
      },
      rule: {
        en: 'attention distances of the heads of layer 1 in pixels; seen if the largest is at least one and a half times the smallest; always a trend',
        zh: '第 1 层各头的注意力距离（像素）；最大者至少为最小者的一倍半才算看到；只作趋势',
      },
    },
    (result) => {
      const found = distancesOf(result, 1).sort((a, b) => a - b);
      return {
        direction: found.at(-1)! >= 1.5 * found[0]! ? 'paper’s' : 'unclear',
        shown: found.map((value) => value.toFixed(1)).join(' '),
      };
    },
  ),
  seen(
    {
      id: 'distance-grows',
      section: '4.5, figure 7 right',
      statement: {
        en: 'The attention distance grows with depth.',
        zh: '注意力距离随层数加深而增大。',
      },
      rule: {
        en: 'mean distance over the heads of each layer in pixels; a difference between the last and the first layer counts if it is larger than the spread of the heads within the first; always a trend',
        zh: '各层注意力头的平均距离（像素）；末层与首层之差大于首层各头之间的差距才算数；只作趋势',
      },
    },
    (result) => {
      const means = Array.from({ length: LAYERS }, (_, i) => mean(distancesOf(result, i + 1)));
      const first = distancesOf(result, 1).sort((a, b) => a - b);
      const [growth, spread] = [means.at(-1)! - means[0]!, first.at(-1)! - first[0]!];
      return {
        direction: Math.abs(growth) <= spread ? 'unclear' : growth > 0 ? 'paper’s' : 'opposite',
        shown: means.map((value) => value.toFixed(1)).join(' → '),
      };
    },
  ),
];

const NEEDS: Text = {
  en: 'needs pre-training on JFT-300M or ImageNet-21k, with accelerators',
  zh: '需要用加速器在 JFT-300M 或 ImageNet-21k 上预训练',
};

const elsewhere: Claim[] = [
  unmeasured({
    id: 'imagenet',
    section: '4.2, table 2',
    statement: {
      en: 'ViT-H/14, pre-trained on JFT-300M, reaches 88.55 % on ImageNet and 99.50 % on CIFAR-10.',
      zh: '在 JFT-300M 上预训练的 ViT-H/14 在 ImageNet 上达 88.55 %，在 CIFAR-10 上达 99.50 %。',
    },
    paperSays: '88.55 %, 99.50 %',
    rule: { en: '', zh: '' },
    needs: NEEDS,
  }),
  unmeasured({
    id: 'scale',
    section: '4.3, figures 3 and 4',
    statement: {
      en: 'With enough images for pre-training, vision transformers overtake residual networks.',
      zh: '预训练图像足够多时，视觉 Transformer 会超过残差网络。',
    },
    paperSays: '—',
    rule: { en: '', zh: '' },
    needs: NEEDS,
  }),
];

export const claims: readonly Claim[] = [...counting, ...training, ...elsewhere];
