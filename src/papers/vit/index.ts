import { z } from 'zod';
import * as transforms from '../../data/transforms/index.js';
import type { Module } from '../../nn/module.js';
import { cifar10Part } from '../cifar10-part.js';
import { definePaper, option } from '../paper.js';
import { charts, samples } from './charts.js';
import { claims } from './claims.js';
import { POSITIONS, type Positions, ViT } from './model.js';
import { observe } from './observe.js';
import { recipes } from './recipe.js';
import { Residual } from './residual.js';
import { SIZES, type Size } from './sizes.js';

const count = z.number().int().positive();

export default definePaper<Module>({
  id: 'vit',
  name: 'ViT',
  citation:
    'A. Dosovitskiy et al.: An image is worth 16 × 16 words: transformers for image recognition at scale. ICLR 2021',
  presets: {
    small: '4 layers of 48 features, patches of 4 × 4 pixels, for CIFAR-10',
    residual: 'a residual network of the same size, to compare with',
    'base-16': 'ViT-Base: 12 layers of 768 features, patches of 16 × 16',
    'large-16': 'ViT-Large: 24 layers of 1024 features, patches of 16 × 16',
    'huge-14': 'ViT-Huge: 32 layers of 1280 features, patches of 14 × 14',
  },
  imageSize: (preset) => (Object.hasOwn(SIZES, preset) ? 224 : 32),
  inits: ['paper'],
  options: z.object({
    positions: option(z.enum(POSITIONS), '<name>', `${POSITIONS.join(', ')} (default: 1d)`),
    patch: option(count, '<n>', 'side of a patch in pixels (default: the preset’s)'),
    depth: option(count, '<n>', 'layers (default: the preset’s)'),
    width: option(count, '<n>', 'features of a token (default: the preset’s)'),
  }),
  recipes,
  datasets: { 'cifar10-part': cifar10Part(5000) },
  build: ({ preset, classes, imageSize, dropout, options = {} }) => {
    const numClasses = classes.length;
    if (preset === 'residual') return new Residual(numClasses);
    const size = Object.hasOwn(SIZES, preset) ? SIZES[preset as Size] : {};
    const { positions = '1d', ...more } = options;
    return new ViT({
      numClasses,
      imageSize,
      dropout,
      ...size,
      ...more,
      positions: positions as Positions,
    });
  },
  transforms: ({ imageSize }, augment) => {
    const resize = transforms.resize([imageSize, imageSize]);
    const moved = [
      transforms.randomCrop(imageSize, { padding: Math.round(imageSize / 8) }),
      transforms.randomHorizontalFlip(),
    ];
    // From −1 to 1.
    const finish = [transforms.toTensor(), transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])];
    return {
      train: transforms.compose([resize, ...(augment === 'crop-mirror' ? moved : []), ...finish]),
      test: transforms.compose([resize, ...finish]),
    };
  },
  observe,
  lastBias: 'head.bias',
  claims,
  charts,
  samples,
});

export { ViT, type ViTOptions } from './model.js';
