import { nn, type Tensor } from 'paperweight/core';

/** Stages of the residual network, by their numbers of kernels. */
const STAGES = [16, 32, 64];

/**
 * A small residual network of about the size of the small transformer, to compare with: a convolution, a block for each of
 * three stages, the mean of each map, a linear layer. [N, 3, 32, 32] → logits.
 */
export class Residual extends nn.Module {
  readonly stem: nn.Sequential;
  readonly blocks: nn.Sequential;
  readonly head: nn.Linear;

  constructor(numClasses = 10) {
    super();
    this.stem = conv(3, STAGES[0]!, 1);
    this.blocks = new nn.Sequential(
      ...STAGES.map((to, i) => new Block(STAGES[i - 1] ?? to, to, i > 0 ? 2 : 1)),
    );
    this.head = new nn.Linear(STAGES.at(-1)!, numClasses);
  }

  forward(x: Tensor): Tensor {
    return this.head.forward(this.blocks.forward(this.stem.forward(x).relu()).mean([2, 3]));
  }
}

const conv = (from: number, to: number, stride: number, size = 3): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(from, to, size, { stride, padding: (size - 1) / 2, bias: false }),
    new nn.BatchNorm2d(to),
  );

/** Two convolutions beside a shortcut, which is a 1 × 1 convolution where the maps become smaller. */
class Block extends nn.Module {
  readonly first: nn.Sequential;
  readonly second: nn.Sequential;
  readonly shortcut: nn.Sequential | null;

  constructor(from: number, to: number, stride: number) {
    super();
    this.first = conv(from, to, stride);
    this.second = conv(to, to, 1);
    this.shortcut = stride > 1 ? conv(from, to, stride, 1) : null;
  }

  forward(x: Tensor): Tensor {
    const y = this.second.forward(this.first.forward(x).relu());
    return y.add(this.shortcut?.forward(x) ?? x).relu();
  }
}
