import { z } from 'zod';
import * as transforms from '../../data/transforms/index.js';
import type { Module } from '../../nn/module.js';
import { cifar10Part } from '../cifar10-part.js';
import { definePaper, option } from '../paper.js';
import { charts } from './charts.js';
import { claims } from './claims.js';
import { Autoencoder, conv, logistic, type Network, twoLayer } from './model.js';
import { recipes } from './recipe.js';
import { training } from './training.js';

const count = z.number().int().positive();

export default definePaper<Module>({
  id: 'adam',
  name: 'Adam',
  citation: 'D. P. Kingma, J. L. Ba: Adam: a method for stochastic optimization. ICLR 2015',
  presets: {
    logistic: 'logistic regression on digits',
    'two-layer': 'two hidden layers of 1000 ReLUs on digits',
    conv: 'three convolutions and a fully connected layer on CIFAR-10',
    autoencoder: 'a variational autoencoder of digits',
  },
  imageSize: (preset) => (preset === 'conv' ? 32 : 28),
  channels: (preset) => (preset === 'conv' ? 3 : 1),
  inits: ['pytorch'],
  options: z.object({
    kernels: option(count, '<n>', 'kernels of the first two convolutions (default: 64)'),
    decay: option(
      z.enum(['none', 'root']),
      '<name>',
      'root: divide the rate by the root of the step (default: the preset’s)',
    ),
    correction: option(
      z.enum(['on', 'off']),
      '<on|off>',
      'the correction of the bias of Adam’s averages (default: on)',
    ),
  }),
  recipes,
  datasets: { 'cifar10-part': cifar10Part(5000) },
  build: ({ preset, classes, dropout, options = {} }) => {
    const net = { numClasses: classes.length, dropout };
    const builders: Readonly<Record<Network, () => Module>> = {
      logistic: () => logistic(net),
      'two-layer': () => twoLayer(net),
      conv: () => {
        const kernels = Number(options.kernels ?? 64);
        // The fully connected layer and the dropped share of the input keep their proportions.
        return conv({
          ...net,
          kernels,
          units: Math.ceil((1000 * kernels) / 64),
          inputDropout: dropout === 0 ? 0 : 0.2,
        });
      },
      autoencoder: () => new Autoencoder(),
    };
    return builders[preset as Network]();
  },
  transforms: ({ preset }) => {
    const finish = transforms.compose(
      preset === 'conv'
        ? [transforms.toTensor(), transforms.normalize([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616])]
        : [transforms.toTensor()],
    );
    return { train: finish, test: finish };
  },
  training,
  claims,
  charts,
});

export { Autoencoder, conv, logistic, twoLayer } from './model.js';
