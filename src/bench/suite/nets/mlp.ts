import { nn } from '../../../core.js';
import type { Net } from './net.js';

const net = (inputs: number, hidden: number): Net => ({
  batch: 64,
  inputs: (n) => [{ shape: [n, inputs] }, { shape: [n], below: 10 }],
  build: () => new nn.Sequential(new nn.Linear(inputs, hidden), new nn.ReLU(), new nn.Linear(hidden, 10)),
  loss: (model: nn.Sequential, x, y) => nn.functional.crossEntropy(model.forward(x), y),
});

export const mlpSmall = net(20, 64);
export const mlp = net(784, 256);
