import { checkOptionNames, nn, ops, Tensor, tensor, UsageError } from 'paperweight/core';

export interface ResNetOptions {
  numClasses?: number;
  /** Number of layers with weights: 6n + 2. */
  depth?: number;
  /** False: the plain network with the same layers but no shortcuts. */
  shortcuts?: boolean;
}

/**
 * The residual network for CIFAR-10 (He, Zhang, Ren and Sun, 2015, section 4.2): a 3 × 3 convolution, three
 * stages of n blocks with 16, 32 and 64 kernels, global average pooling, and one fully connected layer.
 * [N, 3, 32, 32] → logits [N, numClasses].
 *
 * @throws UsageError for a depth that is not 6n + 2 and for an unknown option
 */
export class ResNet extends nn.Module {
  readonly stem: nn.Sequential;
  readonly blocks: nn.Sequential;
  readonly fc: nn.Linear;

  constructor(options: ResNetOptions = {}) {
    super();
    checkOptionNames('ResNet', options, ['numClasses', 'depth', 'shortcuts']);
    const { numClasses = 10, depth = 20, shortcuts = true } = options;
    const n = (depth - 2) / 6;
    if (!Number.isInteger(n) || n < 1)
      throw new UsageError({
        what: `ResNet cannot have ${depth} layers`,
        expected: '6n + 2: 8, 14, 20, 26, 32 …',
        got: String(depth),
      });
    this.stem = new nn.Sequential(conv3x3(3, 16), new nn.BatchNorm2d(16));
    const blocks: Block[] = [];
    let channels = 16;
    for (const [stage, kernels] of [16, 32, 64].entries())
      for (let i = 0; i < n; i++) {
        const stride = stage > 0 && i === 0 ? 2 : 1;
        blocks.push(new Block(channels, kernels, stride, shortcuts));
        channels = kernels;
      }
    this.blocks = new nn.Sequential(...blocks);
    this.fc = new nn.Linear(64, numClasses);
    for (const [, m] of this.namedModules())
      if (m instanceof nn.Conv2d || m instanceof nn.Linear) nn.init.kaimingNormal(m.weight);
  }

  forward(x: Tensor): Tensor {
    const maps = this.blocks.forward(this.stem.forward(x).relu());
    return this.fc.forward(maps.mean([2, 3]));
  }
}

/** Without bias, because the batch normalisation that follows has one. */
const conv3x3 = (from: number, to: number, stride = 1) =>
  new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false });

/** Two convolutions plus the shortcut (equation 1). */
class Block extends nn.Module {
  readonly body: nn.Sequential;
  readonly last: nn.Sequential;
  readonly shortcut: Shortcut | null;

  constructor(from: number, to: number, stride: number, shortcuts: boolean) {
    super();
    this.body = new nn.Sequential(conv3x3(from, to, stride), new nn.BatchNorm2d(to));
    this.last = new nn.Sequential(conv3x3(to, to), new nn.BatchNorm2d(to));
    this.shortcut = shortcuts ? new Shortcut(to - from, stride) : null;
  }

  forward(x: Tensor): Tensor {
    const y = this.last.forward(this.body.forward(x).relu());
    return (this.shortcut ? y.add(this.shortcut.forward(x)) : y).relu();
  }
}

/** Option A: subsamples by 2 and pads the new channels with zeros. No parameters. */
class Shortcut extends nn.Module {
  readonly #subsample: nn.MaxPool2d | undefined;

  constructor(
    readonly newChannels: number,
    stride: number,
  ) {
    super();
    this.#subsample = stride > 1 ? new nn.MaxPool2d(1, { stride }) : undefined;
  }

  forward(x: Tensor): Tensor {
    const small = this.#subsample?.forward(x) ?? x;
    return this.newChannels === 0 ? small : this.scoped(() => padChannels(small, this.newChannels));
  }
}

/** Pads channels with zeros on both sides, by cropping [N, 1, C, H·W] with a window larger than the image. */
function padChannels(x: Tensor, count: number): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const top = -Math.floor(count / 2);
  const offsets = Int32Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? top : 0));
  const rows = ops.reshape(x.node, [n, 1, c, h * w]);
  const padded = ops.crop(rows, tensor(offsets, { shape: [n, 2] }).node, [c + count, h * w]);
  return new Tensor(ops.reshape(padded, [n, c + count, h, w]));
}
