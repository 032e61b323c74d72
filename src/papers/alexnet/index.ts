import { cifar10Part } from '../cifar10-part.js';
import { definePaper } from '../paper.js';
import { alexNetOptions, alexNetTransforms, buildAlexNet, FOUR_LAYER } from './build.js';
import { charts, ratios } from './charts.js';
import { claims } from './claims.js';
import { PART, PART_NAME } from './conditions.js';
import { INITS } from './initialise.js';
import { namings, translate } from './names.js';
import { recipes } from './recipe.js';
import { recognise } from './recognise.js';
import { towers } from './towers.js';

export { FourLayerNet, type FourLayerOptions } from './four-layer.js';
export { AlexNet, type AlexNetOptions, type AlexNetPreset } from './model.js';
export { type RecipeName, recipes } from './recipe.js';

export default definePaper({
  id: 'alexnet',
  name: 'AlexNet',
  citation:
    'A. Krizhevsky, I. Sutskever, G. E. Hinton: ImageNet classification with deep convolutional neural networks. NeurIPS 2012',
  presets: {
    notes: 'LRN before ReLU, one tower, dropout before the fully connected layers',
    paper: 'LRN after ReLU with the paper’s constants, two towers, dropout after the fully connected layers',
    batchnorm: 'notes with batch normalisation instead of LRN',
    torchvision: '64/192/384/256/256 kernels, no LRN',
    caffe: 'bvlc_alexnet: paper with Caffe’s LRN constants and pooling',
    [FOUR_LAYER]: 'three small convolutions and one fully connected layer for 32 × 32 images',
  },
  imageSize: (preset) => (preset === FOUR_LAYER ? 32 : preset === 'caffe' ? 227 : 224),
  inits: INITS,
  options: alexNetOptions,
  recipes,
  // For a search over many short training runs.
  datasets: { [PART_NAME]: { ...cifar10Part(PART), byNameOnly: true } },
  build: buildAlexNet,
  transforms: alexNetTransforms,
  lastBias: 'classifier.6.bias',
  weights: { recognise, translate, namings },
  parallel: { towers },
  claims,
  charts,
  ratios,
});
