import { Generator } from 'paperweight/core';
import type { Claim } from '../claims/claim.js';
import { counted, measuredIn } from '../claims/kinds.js';

interface Settings {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps?: number;
}

/**
 * Algorithm 1 for one parameter with step size 1.
 * @returns the update after each gradient, negated, and the corrected average of the gradients
 */
export function adamSteps(
  gradients: readonly number[],
  { beta1, beta2, eps = 0 }: Settings,
): { readonly step: number; readonly average: number }[] {
  let [m, v] = [0, 0];
  return gradients.map((g, i) => {
    const t = i + 1;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const average = m / (1 - beta1 ** t);
    const step = average / (Math.sqrt(v / (1 - beta2 ** t)) + eps);
    return { step: Number.isNaN(step) ? 0 : step, average };
  });
}

const DEFAULTS: Settings = { beta1: 0.9, beta2: 0.999 };
const STEPS = 2000;

const normals = (count: number, seed: number): number[] => {
  const generator = new Generator(seed);
  return Array.from({ length: count }, () => generator.normal(0, 1));
};

/** Settings on both sides of the paper's two cases. */
const BOUNDS: readonly Settings[] = [DEFAULTS, { beta1: 0.9, beta2: 0.99 }, { beta1: 0.99, beta2: 0.999 }];

const boundOf = ({ beta1, beta2 }: Settings): number => Math.max(1, (1 - beta1) / Math.sqrt(1 - beta2));

/** Gradients that make the last step as large as possible: each older one smaller by β₁ / β₂ (Cauchy–Schwarz). */
const rising = ({ beta1, beta2 }: Settings): number[] =>
  Array.from({ length: STEPS }, (_, i) => (beta1 / beta2) ** (STEPS - 1 - i));

/** A gradient that is zero at all steps but the last. */
const sparse = (): number[] => Array.from({ length: STEPS }, (_, i) => Number(i === STEPS - 1));

const largest = (gradients: readonly number[], settings: Settings): number =>
  adamSteps(gradients, settings).reduce((most, { step }) => Math.max(most, Math.abs(step)), 0);

export const countedClaims: readonly Claim[] = [
  counted({
    id: 'unbiased',
    section: '3',
    statement: {
      en: 'Divided by 1 − β₁ᵗ, the average of a stationary gradient has the gradient’s mean at every step.',
      zh: '除以 1 − β₁ᵗ 后，平稳梯度的平均值在每一步都等于梯度的均值。',
    },
    paperSays: 'E[m̂] = E[g]',
    rule: {
      en: 'the corrected average of a constant gradient of 3 over 2000 steps stays within 1e-9; without the correction its first value is 0.3',
      zh: '恒为 3 的梯度，2000 步内校正后的平均值误差不超过 1e-9；不校正时首步为 0.3',
    },
    judge: () => {
      const steps = adamSteps(Array<number>(STEPS).fill(3), DEFAULTS);
      const off = steps.reduce((most, { average }) => Math.max(most, Math.abs(average - 3)), 0);
      return { verdict: off < 1e-9 ? 'confirmed' : 'refuted', measured: `|m̂ − 3| ≤ ${off.toExponential(0)}` };
    },
  }),
  counted({
    id: 'scale-invariant',
    section: '2.1',
    statement: {
      en: 'The size of the steps does not change when gradients are rescaled.',
      zh: '梯度整体缩放时，步长不变。',
    },
    paperSays: '=',
    rule: {
      en: 'steps for 2000 normal gradients multiplied by 0.001 and by 1000 differ by at most 1e-9 with ε = 0',
      zh: 'ε = 0 时，2000 个正态梯度乘以 0.001 与乘以 1000，步长之差不超过 1e-9',
    },
    judge: () => {
      const gradients = normals(STEPS, 1);
      const differences = (eps: number): number => {
        const [small, large] = [1e-3, 1e3].map((scale) =>
          adamSteps(
            gradients.map((g) => scale * g),
            { ...DEFAULTS, eps },
          ),
        ) as [ReturnType<typeof adamSteps>, ReturnType<typeof adamSteps>];
        return small.reduce((most, { step }, i) => Math.max(most, Math.abs(step - large[i]!.step)), 0);
      };
      const exact = differences(0);
      return {
        verdict: exact < 1e-9 ? 'confirmed' : 'refuted',
        ...measuredIn({
          en: `largest difference ${exact.toExponential(0)} (ε = 0), ${differences(1e-8).toExponential(0)} (ε = 1e-8)`,
          zh: `最大差 ${exact.toExponential(0)}（ε = 0）、${differences(1e-8).toExponential(0)}（ε = 1e-8）`,
        }),
      };
    },
  }),
  counted({
    id: 'step-bound',
    section: '2.1',
    statement: {
      en: 'A step is at most α · (1 − β₁) / √(1 − β₂) if 1 − β₁ > √(1 − β₂), and at most α otherwise.',
      zh: '若 1 − β₁ > √(1 − β₂)，每步至多为 α · (1 − β₁) / √(1 − β₂)，否则至多为 α。',
    },
    paperSays: '|Δ| ≤ max(1, (1 − β₁) / √(1 − β₂)) α',
    rule: {
      en: 'largest step in units of α over 2000 steps: normal gradients, one gradient after zeros, and gradients that each grow by β₂ / β₁; refuted if one exceeds the bound by 1 %',
      zh: '2000 步内以 α 为单位的最大步长：正态梯度、全零后的单个梯度、逐步按 β₂ / β₁ 增大的梯度；任一超出上界 1 % 即不成立',
    },
    judge: () => {
      const found = BOUNDS.map((settings) => {
        const [random, single, growing] = [normals(STEPS, 2), sparse(), rising(settings)].map((gradients) =>
          largest(gradients, settings),
        ) as [number, number, number];
        return { settings, random, single, growing, most: Math.max(random, single, growing) };
      });
      const list = found.map(({ settings, random, single, growing }) => {
        const steps = [random, single, growing].map((step) => step.toFixed(2)).join(', ');
        const bound = boundOf(settings).toFixed(2);
        const betas = `β₁ = ${settings.beta1}, β₂ = ${settings.beta2}`;
        return { en: `${steps} (${betas}, bound ${bound})`, zh: `${steps}（${betas}，上界 ${bound}）` };
      });
      const broken = found.filter(({ settings, most }) => most > 1.01 * boundOf(settings));
      return {
        verdict: broken.length === 0 ? 'confirmed' : 'refuted',
        ...measuredIn({
          en: `largest step for normal, single, growing gradients: ${list.map(({ en }) => en).join('; ')}`,
          zh: `梯度为正态、单个、逐步增大时的最大步长：${list.map(({ zh }) => zh).join('；')}`,
        }),
        ...(broken.length === 0
          ? {}
          : {
              reason: {
                en: 'gradients that grow from step to step exceed it; the bound of sums of products gives a further factor 1 / √(1 − β₁² / β₂)',
                zh: '逐步增大的梯度会超出此上界；按乘积和的上界还应乘以 1 / √(1 − β₁² / β₂)',
              },
            }),
      };
    },
  }),
  counted({
    id: 'adagrad-limit',
    section: '5',
    statement: {
      en: 'With β₁ = 0, β₂ close to 1 and a rate divided by the root of the step, Adam becomes AdaGrad.',
      zh: '取 β₁ = 0、β₂ 趋于 1，并将学习率除以步数的平方根，Adam 即成为 AdaGrad。',
    },
    paperSays: '=',
    rule: {
      en: 'steps for 2000 normal gradients with 1 − β₂ = 1e-9 differ from AdaGrad’s by at most 1e-4',
      zh: '1 − β₂ = 1e-9 时，2000 个正态梯度下的步长与 AdaGrad 之差不超过 1e-4',
    },
    judge: () => {
      const gradients = normals(STEPS, 3);
      let squares = 0;
      const off = adamSteps(gradients, { beta1: 0, beta2: 1 - 1e-9 }).reduce((most, { step }, i) => {
        squares += gradients[i]! ** 2;
        return Math.max(most, Math.abs(step / Math.sqrt(i + 1) - gradients[i]! / Math.sqrt(squares)));
      }, 0);
      return {
        verdict: off < 1e-4 ? 'confirmed' : 'refuted',
        ...measuredIn({
          en: `largest difference ${off.toExponential(0)}`,
          zh: `最大差 ${off.toExponential(0)}`,
        }),
      };
    },
  }),
];
