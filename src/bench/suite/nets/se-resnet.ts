import { nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const conv = (from: number, to: number, kernel: number, stride = 1) =>
  new nn.Sequential(
    new nn.Conv2d(from, to, kernel, { stride, padding: (kernel - 1) / 2, bias: false }),
    new nn.BatchNorm2d(to),
  );

/** Scales each channel by a number between 0 and 1 that depends on the means of all channels. */
class SqueezeExcitation extends nn.Module {
  readonly squeeze: nn.Linear;
  readonly excite: nn.Linear;

  constructor(channels: number, reduction = 4) {
    super();
    this.squeeze = new nn.Linear(channels, channels / reduction);
    this.excite = new nn.Linear(channels / reduction, channels);
  }

  forward(x: Tensor): Tensor {
    const scale = this.excite.forward(this.squeeze.forward(x.mean([2, 3])).relu()).sigmoid();
    return x.mul(scale.unsqueeze(-1).unsqueeze(-1));
  }
}

class Block extends nn.Module {
  readonly body: nn.Sequential;
  readonly shortcut: nn.Sequential;

  constructor(from: number, to: number) {
    super();
    const layers = [conv(from, to, 3, to / from), new nn.ReLU(), conv(to, to, 3), new SqueezeExcitation(to)];
    this.body = new nn.Sequential(...layers);
    this.shortcut = from === to ? new nn.Sequential() : conv(from, to, 1, to / from);
  }

  forward(x: Tensor): Tensor {
    return this.body.forward(x).add(this.shortcut.forward(x)).relu();
  }
}

/** arXiv:1709.01507: SE-ResNet-14 for 32 × 32 images. */
class SeResNet extends nn.Module {
  readonly features = new nn.Sequential(
    conv(3, 16, 3),
    new nn.ReLU(),
    ...[16, 16, 32, 32, 64, 64].map((to, i, all) => new Block(all[i - 1] ?? 16, to)),
  );
  readonly fc = new nn.Linear(64, 10);

  forward(x: Tensor): Tensor {
    return this.fc.forward(this.features.forward(x).mean([2, 3]));
  }
}

export const seResnet: Net = {
  batch: 64,
  inputs: (n) => [{ shape: [n, 3, 32, 32] }, { shape: [n], below: 10 }],
  build: () => new SeResNet(),
  loss: (model: SeResNet, x, y) => nn.functional.crossEntropy(model.forward(x), y),
};
