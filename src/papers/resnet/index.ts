import { z } from 'zod';
import * as transforms from '../../data/transforms/index.js';
import { definePaper } from '../paper.js';
import { charts } from './charts.js';
import { claims } from './claims.js';
import { ResNet } from './model.js';
import { recipes } from './recipe.js';
import { nearly, recognise, translate } from './recognise.js';

const DEPTHS = [20, 32, 44, 56, 110];

/** Of CIFAR-10's training images; the paper subtracts the mean of each pixel. */
const finish = [
  transforms.toTensor(),
  transforms.normalize([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]),
];

export default definePaper({
  id: 'resnet',
  name: 'ResNet',
  citation: 'K. He, X. Zhang, S. Ren, J. Sun: Deep residual learning for image recognition. CVPR 2016',
  presets: Object.fromEntries(
    DEPTHS.flatMap((depth) => [
      [`resnet-${depth}`, `${depth} layers with identity shortcuts`],
      [`plain-${depth}`, `the same ${depth} layers without shortcuts`],
    ]),
  ),
  imageSize: () => 32,
  inits: ['kaiming'],
  options: z.object({}),
  recipes,
  build: ({ preset, classes }) => {
    const [kind, depth] = preset.split('-');
    return new ResNet({ numClasses: classes.length, depth: Number(depth), shortcuts: kind === 'resnet' });
  },
  transforms: ({ imageSize }, augment) => {
    const resize = transforms.resize([imageSize, imageSize]);
    const moved = [transforms.randomCrop(imageSize, { padding: 4 }), transforms.randomHorizontalFlip()];
    return {
      train: transforms.compose([resize, ...(augment === 'crop-mirror' ? moved : []), ...finish]),
      test: transforms.compose([resize, ...finish]),
    };
  },
  lastBias: 'fc.bias',
  weights: { recognise, nearly, translate, namings: {} },
  claims,
  charts,
});

export { ResNet, type ResNetOptions } from './model.js';
