import * as transforms from '../../data/transforms/index.js';
import { Conv2d } from '../../nn/conv.js';
import { constant, kaimingNormal, normal } from '../../nn/init.js';
import { Linear } from '../../nn/linear.js';
import type { Module } from '../../nn/module.js';
import type { ModelConfig } from '../../train/config.js';
import { AlexNet, type AlexNetPreset } from './model.js';

/** Builds the network that a configuration describes, with fresh weights. */
export function buildAlexNet({ preset, classes, dropout, init }: ModelConfig): Module {
  const model = new AlexNet({ numClasses: classes.length, preset: preset as AlexNetPreset, dropout });
  if (init === 'kaiming') kaiming(model);
  return model;
}

/**
 * Kaiming-normal weights and biases of 0, which start to learn at once. The last layer starts small instead:
 * otherwise its first logits are so large that the loss jumps before it falls.
 */
function kaiming(model: Module): void {
  const layers = model
    .namedModules()
    .flatMap(([, m]) => (m instanceof Conv2d || m instanceof Linear ? [m] : []));
  for (const layer of layers) {
    if (layer === layers.at(-1)) normal(layer.weight, { std: 0.01 });
    else kaimingNormal(layer.weight);
    if (layer.bias) constant(layer.bias, 0);
  }
}

/** The notes' preparation of pictures: resized, scaled to [0, 1], then to [−1, 1]. */
export function notesTransform({ imageSize }: Pick<ModelConfig, 'imageSize'>): transforms.Transform {
  const half = [0.5, 0.5, 0.5];
  return transforms.compose([
    transforms.resize([imageSize, imageSize]),
    transforms.toTensor(),
    transforms.normalize(half, half),
  ]);
}
