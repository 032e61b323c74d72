import { assembleBatch, imagesOf } from '../../data/batch.js';
import type { Dataset } from '../../data/dataset.js';
import { sampleOf } from '../../data/stratified-sample.js';
import { applied, type Transform } from '../../data/transforms/transform.js';
import { sizeOf } from '../../graph/types.js';
import { LeakyReLU, ReLU, Sigmoid, Tanh } from '../../nn/activation.js';
import type { Module } from '../../nn/module.js';
import { watching } from '../../nn/watch.js';
import { Generator } from '../../random.js';
import type { ActivationInsight, Insight } from '../../run/events.js';
import { evaluate, type Tensor } from '../../tensor/tensor.js';

/** Number of test images for activation statistics: a fixed stratified sample. */
const IMAGES = 16;
const BINS = 32;

/** An output closer than this to an end of the range, as a fraction of the range, counts as saturated. */
const SATURATED = 0.01;
/** Output range of each saturating layer. */
const endsOf = (module: Module): readonly [number, number] | undefined =>
  module instanceof Sigmoid ? [0, 1] : module instanceof Tanh ? [-1, 1] : undefined;

const isActivation = (module: Module): boolean =>
  module instanceof ReLU || module instanceof LeakyReLU || endsOf(module) !== undefined;

/** Sum of squares of each parameter's gradient. */
export type GradientSquares = readonly (readonly [string, Tensor])[];

export interface ProbeParts {
  readonly model: Module;
  /** Without images there are no activations in an insight. */
  readonly images: { readonly testSet: Dataset; readonly testTransform: Transform } | undefined;
}

/** Measures gradients, weights and activations of a model in training; changes neither it nor the random state. */
export class Probe {
  readonly #parts: ProbeParts;
  #images: Tensor | undefined;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
  }

  /** Sum of squares of each parameter's gradient, to be computed in the run of a step. */
  gradientSquares(): [string, Tensor][] {
    return this.#parts.model
      .namedParameters()
      .flatMap(([name, { grad }]) => (grad ? [[name, grad.mul(grad).sum()]] : []));
  }

  /**
   * @param step number of completed steps
   * @param squares result of {@link gradientSquares} for the last of them
   */
  async measure(step: number, squares: GradientSquares): Promise<Insight> {
    const { model } = this.#parts;
    const parameters = model.namedParameters();
    const norms = parameters.map(([, p]) => p.mul(p).sum());
    const { images } = this.#parts;
    const watched = images ? this.#forward(await this.#input(images)) : [];
    const values = await evaluate(...norms, ...watched.map(({ output }) => output));
    const gradients = new Map<string, number>();
    for (const [name, square] of squares) gradients.set(name, Math.sqrt(await square.item()));
    return {
      event: 'insight',
      step,
      parameters: parameters.map(([name], i) => ({
        name,
        gradNorm: gradients.get(name) ?? 0,
        norm: Math.sqrt(values[i]![0]!),
      })),
      activations: watched.map(({ name, module, output }, i) => ({
        name,
        kind: module.constructor.name,
        ...describe(values[norms.length + i]!, output.shape, endsOf(module)),
      })),
    };
  }

  /** Outputs of the activation layers in evaluation mode, as graph nodes in the order of their calls. */
  #forward(input: Tensor) {
    const { model } = this.#parts;
    const found: { name: string; module: Module; output: Tensor }[] = [];
    const wasTraining = model.training;
    model.eval();
    try {
      watching(
        model.namedModules().filter(([, module]) => isActivation(module)),
        (name, module, _inputs, output) => found.push({ name, module, output }),
        () => model.forward(input),
      );
    } finally {
      model.train(wasTraining);
    }
    return found;
  }

  async #input({ testSet, testTransform }: NonNullable<ProbeParts['images']>): Promise<Tensor> {
    if (!this.#images) {
      const few = sampleOf(testSet, IMAGES);
      const indices = Int32Array.from({ length: few.length }, (_, i) => i);
      this.#images = imagesOf(await assembleBatch(few, indices, 0));
    }
    return applied(testTransform, this.#images, { generator: new Generator(0) });
  }
}

/**
 * @param values N images × units × positions of a feature map
 * @param ends output range of a saturating layer
 */
export function describe(
  values: ArrayLike<number>,
  [images = 0, units = 1, ...places]: readonly number[],
  ends?: readonly [number, number],
): Omit<ActivationInsight, 'name' | 'kind'> {
  const size = sizeOf(places);
  const margin = ends ? SATURATED * (ends[1] - ends[0]) : 0;
  const [low, high] = ends ? [ends[0] + margin, ends[1] - margin] : [0, Number.POSITIVE_INFINITY];
  const alive = new Uint8Array(units);
  let [active, sum, squares] = [0, 0, 0];
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let n = 0, at = 0; n < images; n++)
    for (let unit = 0; unit < units; unit++) {
      const before = active;
      for (let i = 0; i < size; i++, at++) {
        const value = values[at]!;
        if (value > low && value < high) active++;
        sum += value;
        squares += value * value;
        if (value < min) min = value;
        if (value > max) max = value;
      }
      if (active > before) alive[unit] = 1;
    }
  const count = images * units * size;
  const mean = sum / count;
  const dead = alive.reduce((total, one) => total - one, units);
  return {
    units,
    dead: dead / units,
    active: active / count,
    mean,
    std: Math.sqrt(Math.max(0, squares / count - mean * mean)),
    // The outputs of a diverged model have no finite range for a histogram.
    ...(Number.isFinite(sum) ? { histogram: histogram(values, min, max) } : {}),
  };
}

function histogram(values: ArrayLike<number>, min: number, max: number) {
  const counts = new Array<number>(BINS).fill(0);
  const scale = max > min ? BINS / (max - min) : 0;
  for (let i = 0; i < values.length; i++)
    counts[Math.min(BINS - 1, Math.floor((values[i]! - min) * scale))]!++;
  return { min, max, counts };
}
