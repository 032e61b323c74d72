import { Conv2d, Linear, type Module } from '../../nn/index.js';
import { constant, kaimingNormal, type Nonlinearity, normal } from '../../nn/init.js';
import type { Activation } from './layers.js';

/** Ways to start AlexNet's weights, by the names that a configuration uses. */
export const INITS = ['pytorch', 'kaiming', 'paper', 'caffe', 'cuda-convnet'] as const;
export type Init = (typeof INITS)[number];

type Layer = Conv2d | Linear;

/**
 * Overwrites the weights that PyTorch's default gave a new model.
 *
 * @param positive convolutions whose biases start above 0 by the paper's and Caffe's ways
 */
export function initialise(
  model: Module,
  init: Init,
  activation: Activation = 'relu',
  positive: ReadonlySet<Module> = new Set(),
): void {
  const layers = model
    .namedModules()
    .flatMap(([, m]) => (m instanceof Conv2d || m instanceof Linear ? [m] : []));
  if (init === 'kaiming') kaiming(layers, activation);
  if (init === 'paper') gaussian(layers, positive, { bias: 1, hiddenStd: 0.01 });
  if (init === 'cuda-convnet') small(layers);
  // models/bvlc_alexnet/train_val.prototxt: its authors found biases of 1 to be a flat start.
  if (init === 'caffe') gaussian(layers, positive, { bias: 0.1, hiddenStd: 0.005 });
}

const NONLINEARITY: Readonly<Record<Activation, Nonlinearity>> = {
  relu: 'relu',
  'leaky-relu': 'leakyRelu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
};

/**
 * Normal weights whose scale fits the activation, and biases of 0, which start to learn at once. The last layer
 * starts small instead: otherwise its first logits are so large that the loss jumps before it falls.
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
 * The paper's start (section 5): weights from N(0, 0.01²), a positive bias in conv 2, 4, 5 and the hidden fully
 * connected layers, so that their ReLUs get positive inputs, and 0 elsewhere.
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
 * The small start of the author's cuda-convnet, layers-18pct.cfg: N(0, 0.0001²) in the first convolution, N(0,
 * 0.01²) elsewhere. There, images are bytes; here they are divided by about 63, so that the first convolution's
 * weights are 63 times as large for the same maps.
 */
function small(layers: readonly Layer[]): void {
  for (const [i, layer] of layers.entries()) {
    normal(layer.weight, { std: i === 0 ? 1e-4 * 63 : 0.01 });
    if (layer.bias) constant(layer.bias, 0);
  }
}
