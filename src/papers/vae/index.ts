import { z } from 'zod';
import * as transforms from '../../data/transforms/index.js';
import { definePaper, option } from '../paper.js';
import { charts, samples } from './charts.js';
import { claims } from './claims.js';
import { VAE } from './model.js';
import { recipes } from './recipe.js';
import { ALGORITHMS, training } from './training.js';

const count = z.number().int().positive();

export default definePaper<VAE>({
  id: 'vae',
  name: 'VAE',
  citation: 'D. P. Kingma, M. Welling: Auto-encoding variational Bayes. ICLR 2014',
  presets: {
    mnist: '500 hidden units, 20 latent variables',
    manifold: '500 hidden units, 2 latent variables',
  },
  imageSize: () => 28,
  channels: () => 1,
  inits: ['normal'],
  options: z.object({
    latent: option(count, '<n>', 'latent variables (default: the preset’s)'),
    hidden: option(count, '<n>', 'hidden units of encoder and decoder (default: 500)'),
    draws: option(count, '<n>', 'draws of the latent variables for each image (default: 1)'),
    algorithm: option(z.enum(ALGORITHMS), '<name>', `${ALGORITHMS.join(' or ')} (default: aevb)`),
  }),
  recipes,
  build: ({ preset, options = {} }) =>
    new VAE({
      latent: Number(options.latent ?? (preset === 'manifold' ? 2 : 20)),
      hidden: Number(options.hidden ?? 500),
    }),
  transforms: () => ({ train: transforms.toTensor(), test: transforms.toTensor() }),
  training,
  claims,
  charts,
  samples,
});

export { VAE, type VAEOptions } from './model.js';
