import { cat, nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const twice = (from: number, to: number) =>
  new nn.Sequential(
    new nn.Conv2d(from, to, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(to, to, 3, { padding: 1 }),
    new nn.ReLU(),
  );

/** arXiv:1505.04597, with two levels and padding. */
class UNet extends nn.Module {
  readonly down1 = twice(3, 32);
  readonly down2 = twice(32, 64);
  readonly middle = twice(64, 128);
  readonly up2 = new nn.ConvTranspose2d(128, 64, 2, { stride: 2 });
  readonly merge2 = twice(128, 64);
  readonly up1 = new nn.ConvTranspose2d(64, 32, 2, { stride: 2 });
  readonly merge1 = twice(64, 32);
  readonly out = new nn.Conv2d(32, 1, 1);
  readonly pool = new nn.MaxPool2d(2);

  forward(x: Tensor): Tensor {
    const a = this.down1.forward(x);
    const b = this.down2.forward(this.pool.forward(a));
    const c = this.middle.forward(this.pool.forward(b));
    const d = this.merge2.forward(cat([b, this.up2.forward(c)], 1));
    return this.out.forward(this.merge1.forward(cat([a, this.up1.forward(d)], 1)));
  }
}

export const unet: Net = {
  batch: 64,
  inputs: (n) => [{ shape: [n, 3, 32, 32] }, { shape: [n, 1, 32, 32], below: 2 }],
  build: () => new UNet(),
  loss: (model: UNet, x, mask) =>
    nn.functional.binaryCrossEntropyWithLogits(
      model.forward(x),
      mask.toFloat(x.dtype as 'float32' | 'float64'),
    ),
};
