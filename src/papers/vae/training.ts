import { eye, optim, type Tensor, tensor } from 'paperweight/core';
import type { ModelConfig } from '../../run/config.js';
import type { MeasureContext, SampleContext } from '../../train/method/method.js';
import type { Training, TrainingSetup } from '../../train/method/training.js';
import { type BoundTerms, divergence, drawn, logNormal, logPrior, missing, type VAE } from './model.js';

/** AEVB is the paper's algorithm, wake-sleep the one that it is compared with. */
export const ALGORITHMS = ['aevb', 'wake-sleep'] as const;

const option = <T>({ options = {} }: ModelConfig, name: string, fallback: T): T =>
  (options[name] ?? fallback) as T;

/** Side of the grid of Figure 4. */
const GRID = 20;

type Batch = readonly [images: Tensor, labels: Tensor];

const noiseFor = (model: VAE, { normal, count }: MeasureContext, draws: number): Tensor[] =>
  Array.from({ length: draws }, () => normal([count, model.latent]));

const means = ({ reconstruction, divergence: kl }: BoundTerms) => ({
  reconstruction: reconstruction.mean(),
  divergence: kl.mean(),
});

/** How the network is trained: by the bound itself (algorithm 1), or by wake-sleep. */
export function training({ model, config }: TrainingSetup<VAE>): Training {
  const draws = option(config.model, 'draws', 1);
  const shared: Pick<Training, 'measure' | 'samples'> = {
    measure: (batch, context) => measured(model, batch as Batch, context),
    samples: (context) => images(model, context),
  };
  if (option<string>(config.model, 'algorithm', 'aevb') === 'wake-sleep')
    return { ...shared, ...wakeSleep(model, config) };
  return {
    ...shared,
    loss(batch, context) {
      const [x] = batch as Batch;
      const terms = model.bound(x, noiseFor(model, context, draws));
      return { loss: terms.reconstruction.add(terms.divergence).mean(), metrics: means(terms) };
    },
  };
}

/**
 * Wake-sleep (Hinton, Dayan, Frey and Neal, 1995) with the same two networks: the decoder learns from codes of real
 * images, the encoder from images that the decoder has drawn, whose codes are known.
 */
function wakeSleep(
  model: VAE,
  { lr, weightDecay }: { readonly lr: number; readonly weightDecay: number },
): Pick<Training, 'optimizers' | 'step'> {
  const rule = { lr, weightDecay };
  return {
    optimizers: {
      decoder: new optim.Adagrad(model.decoder.namedParameters(), rule),
      encoder: new optim.Adagrad(model.encoder.namedParameters(), rule),
    },
    step(batch, { update, normal, uniform, count }) {
      const [x] = batch as Batch;
      const q = model.encode(x);
      const code = drawn(q, normal([count, model.latent])).detach();
      const reconstruction = missing(model.decode(code), x);
      update(reconstruction.mean(), {
        optimizer: 'decoder',
        metrics: means({ reconstruction, divergence: divergence(q) }),
      });
      const dreamt = normal([count, model.latent]);
      const chances = model.decode(dreamt).sigmoid();
      const dream = uniform([count, chances.shape[1]!]).lt(chances).toFloat().detach();
      const loss = logNormal(dreamt, model.encode(dream)).neg().mean();
      update(loss, { optimizer: 'encoder', metrics: { recognition: loss } });
    },
  };
}

/** The negated bound in nats, its parts, and the spread of the two estimators of section 2.3. */
function measured(model: VAE, [x, digits]: Batch, context: MeasureContext): Record<string, Tensor> {
  const q = model.encode(x);
  const [a, b] = [0, 1].map(() => {
    const z = drawn(q, context.normal([context.count, model.latent]));
    const reconstruction = missing(model.decode(z), x);
    return { reconstruction, generic: reconstruction.sub(logPrior(z)).add(logNormal(z, q)) };
  }) as [Estimate, Estimate];
  const terms = { reconstruction: a.reconstruction, divergence: divergence(q) };
  // Half of the mean squared difference of two draws is the variance.
  const variance = (one: Tensor, two: Tensor): Tensor => one.sub(two).square().mean().mul(0.5);
  return {
    loss: terms.reconstruction.add(terms.divergence).mean(),
    ...means(terms),
    'neighbours of the same digit': neighbours(q.mean, digits),
    'variance of estimator A': variance(a.generic, b.generic),
    'variance of estimator B': variance(a.reconstruction, b.reconstruction),
  };
}

/** The share of images, in percent, whose nearest code within the batch belongs to the same digit. */
function neighbours(codes: Tensor, digits: Tensor): Tensor {
  const [count] = codes.shape as [number];
  const apart = codes.unsqueeze(1).sub(codes.unsqueeze(0)).square().sum(2);
  // Its own code does not count.
  const nearest = apart.add(eye(count).mul(1e9)).argmin(1);
  const own = digits.toFloat();
  return own.indexSelect(0, nearest).eq(own).toFloat().mean().mul(100);
}

interface Estimate {
  readonly reconstruction: Tensor;
  readonly generic: Tensor;
}

/** Images from the prior (Figure 5), and for two latent variables the manifold (Figure 4). */
function images(model: VAE, { normal }: SampleContext): Record<string, Tensor> {
  const shown = (z: Tensor): Tensor => model.decode(z).sigmoid().unflatten(1, [1, 28, 28]);
  return {
    samples: shown(normal([100, model.latent])),
    ...(model.latent === 2 ? { manifold: shown(grid()) } : {}),
  };
}

/** A grid over the unit square, transformed by the inverse of the normal distribution function: [GRID², 2]. */
function grid(): Tensor {
  const values = Array.from({ length: GRID }, (_, i) => quantile((i + 0.5) / GRID));
  const codes = values.flatMap((y) => values.flatMap((x) => [x, y]));
  return tensor(Float32Array.from(codes), { shape: [GRID * GRID, 2] });
}

/** The value below which a standard normal variable lies with this chance, by bisection of its distribution. */
export function quantile(chance: number): number {
  let [low, high] = [-9, 9];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (below(middle) < chance) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The normal distribution function, by Simpson's rule from 0. */
function below(x: number): number {
  const steps = 200;
  const width = x / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++)
    sum += (i === 0 || i === steps ? 1 : i % 2 === 0 ? 2 : 4) * Math.exp(-0.5 * (i * width) ** 2);
  return 0.5 + (sum * width) / 3 / Math.sqrt(2 * Math.PI);
}
