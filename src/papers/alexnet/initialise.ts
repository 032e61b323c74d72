import { Conv2d, Linear, type Module } from '../../nn/index.js';
import { constant, kaimingNormal, type Nonlinearity, normal } from '../../nn/init.js';
import type { Activation } from './layers.js';

/** AlexNet's initialisations, by the names that configurations use. */
export const INITS = ['pytorch', 'kaiming', 'paper', 'caffe', 'cuda-convnet'] as const;
export type Init = (typeof INITS)[number];

type Layer = Conv2d | Linear;

/**
 * Overwrites the initial weights of a model that PyTorch's default initialised.
 *
 * @param options `positive`: convolutions whose biases start above 0 in the paper's and Caffe's initialisation; `bytes`:
 *   images are not divided by their standard deviation
 */
export function initialise(
  model: Module,
  init: Init,
  activation: Activation = 'relu',
  {
    positive = new Set(),
    bytes = false,
  }: { readonly positive?: ReadonlySet<Module>; readonly bytes?: boolean } = {},
): void {
  const layers = model
    .namedModules()
    .flatMap(([, m]) => (m instanceof Conv2d || m instanceof Linear ? [m] : []));
  if (init === 'kaiming') kaiming(layers, activation);
  if (init === 'paper') gaussian(layers, positive, { bias: 1, hiddenStd: 0.01 });
  if (init === 'cuda-convnet') small(layers, bytes ? 1 : 63);
  // models/bvlc_alexnet/train_val.prototxt uses 0.1: with biases of 1 its authors saw the loss stay flat at first.
  if (init === 'caffe') gaussian(layers, positive, { bias: 0.1, hiddenStd: 0.005 });
}

const NONLINEARITY: Readonly<Record<Activation, Nonlinearity>> = {
  relu: 'relu',
  'leaky-relu': 'leakyRelu',
  tanh: 'tanh',
  // It is made so that outputs have the variance of its inputs.
  'scaled-tanh': 'linear',
  sigmoid: 'sigmoid',
};

/**
 * Kaiming-normal weights for the activation, and zero biases. The last layer starts smaller: otherwise its first
 * logits are so large that the loss rises before it falls.
 */
function kaiming(layers: readonly Layer[], activation: Activation): void {
  for (const layer of layers) {
    if (layer === layers.at(-1)) normal(layer.weight, { std: 0.01 });
    else if (activation === 'relu') kaimingNormal(layer.weight);
    else kaimingNormal(layer.weight, { a: 0.01, nonlinearity: NONLINEARITY[activation] });
    if (layer.bias) constant(layer.bias, 0);
  }
}

/**
 * The paper's initialisation (section 5): weights from N(0, 0.01²); positive biases in conv 2, 4, 5 and the hidden
 * fully connected layers, so that their ReLUs get positive inputs; other biases 0.
 */
function gaussian(
  layers: readonly Layer[],
  positive: ReadonlySet<Module>,
  { bias, hiddenStd }: { bias: number; hiddenStd: number },
): void {
  for (const layer of layers) {
    const hidden = layer instanceof Linear && layer !== layers.at(-1);
    normal(layer.weight, { std: hidden ? hiddenStd : 0.01 });
    if (layer.bias) constant(layer.bias, hidden || positive.has(layer) ? bias : 0);
  }
}

/**
 * The small initial weights of the author's cuda-convnet, layers-18pct.cfg: N(0, 0.0001²) in the first convolution,
 * N(0, 0.01²) elsewhere. There, images are bytes; where they are divided by about 63, the first convolution's weights
 * are 63 times larger to give the same feature maps.
 */
function small(layers: readonly Layer[], scale: number): void {
  for (const [i, layer] of layers.entries()) {
    normal(layer.weight, { std: i === 0 ? 1e-4 * scale : 0.01 });
    if (layer.bias) constant(layer.bias, 0);
  }
}
