import { nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const [SYMBOLS, LENGTH, HIDDEN] = [64, 64, 128];

class CharLstm extends nn.Module {
  readonly embedding = new nn.Embedding(SYMBOLS, 64);
  readonly lstm = new nn.LSTM(64, HIDDEN, { numLayers: 2, batchFirst: true });
  readonly out = new nn.Linear(HIDDEN, SYMBOLS);

  forward(ids: Tensor): Tensor {
    const [hidden] = this.lstm.forward(this.embedding.forward(ids));
    return this.out.forward(hidden);
  }
}

export const charLstm: Net = {
  batch: 64,
  inputs: (n) => [
    { shape: [n, LENGTH], below: SYMBOLS },
    { shape: [n * LENGTH], below: SYMBOLS },
  ],
  build: () => new CharLstm(),
  loss: (model: CharLstm, ids, next) => nn.functional.crossEntropy(model.forward(ids).flatten(0, 1), next),
};
