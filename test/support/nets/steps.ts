import type { Device } from '../../../src/backend/backend.js';
import * as nn from '../../../src/nn/index.js';
import { finiteGuard } from '../../../src/optim/finite.js';
import { SGD } from '../../../src/optim/index.js';
import { AlexNet } from '../../../src/papers/alexnet/model.js';
import { ResNet } from '../../../src/papers/resnet/model.js';
import { cat } from '../../../src/tensor/functions.js';
import { manualSeed } from '../../../src/tensor/random.js';
import type { Tensor } from '../../../src/tensor/tensor.js';
import { batchOf } from '../generated.js';

/* Networks that are trained for a few steps on two devices. */

/** Three convolutions, each with pooling, and a fully connected layer. */
const fourLayers = (channels: number): nn.Module => {
  const block = (from: number) => [
    new nn.Conv2d(from, channels, 5, { padding: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  ];
  return new nn.Sequential(
    ...block(3),
    ...block(channels),
    ...block(channels),
    new nn.Flatten(),
    new nn.Linear(channels * 16, 10),
  );
};

/** Each layer of a dense block reads the results of all layers before it. */
class DenseNet extends nn.Module {
  readonly stem = new nn.Conv2d(3, 8, 3, { padding: 1, stride: 2, bias: false });
  readonly norms = new nn.ModuleList([8, 12, 16].map((width) => new nn.BatchNorm2d(width)));
  readonly convs = new nn.ModuleList(
    [8, 12, 16].map((width) => new nn.Conv2d(width, 4, 3, { padding: 1, bias: false })),
  );
  readonly fc = new nn.Linear(20, 10);

  forward(x: Tensor): Tensor {
    let all = this.stem.forward(x);
    for (const [i, conv] of [...this.convs].entries())
      all = cat(
        [all, (conv as nn.Conv2d).forward((this.norms.at(i) as nn.BatchNorm2d).forward(all).relu())],
        1,
      );
    return this.fc.forward(all.mean([2, 3]));
  }
}

/** Patches of an image as tokens, one layer of attention, and the mean of the tokens. */
class TinyTransformer extends nn.Module {
  readonly patches = new nn.Conv2d(3, 32, 8, { stride: 8 });
  readonly layer = new nn.TransformerEncoderLayer(32, 4, {
    dimFeedforward: 64,
    dropout: 0,
    batchFirst: true,
  });
  readonly norm = new nn.LayerNorm([32]);
  readonly head = new nn.Linear(32, 10);

  forward(x: Tensor): Tensor {
    const tokens = this.patches.forward(x).flatten(2).permute([0, 2, 1]);
    return this.head.forward(this.norm.forward(this.layer.forward(tokens)).mean([1]));
  }
}

export interface Net {
  readonly make: () => nn.Module;
  readonly side: number;
  readonly batch: number;
  readonly lr: number;
}

export const NETS = {
  'four layers': { make: () => fourLayers(16), side: 32, batch: 4, lr: 0.02 },
  'ResNet-20': { make: () => new ResNet(), side: 32, batch: 4, lr: 0.005 },
  AlexNet: {
    make: () => new AlexNet({ numClasses: 10, hidden: 64, dropout: 0.5 }),
    side: 63,
    batch: 2,
    lr: 0.01,
  },
  'a dense block': { make: () => new DenseNet(), side: 16, batch: 4, lr: 0.05 },
  'a transformer': { make: () => new TinyTransformer(), side: 32, batch: 4, lr: 0.05 },
} satisfies Record<string, Net>;

/** Trains a network from the same start on any device. @returns the losses */
export async function trainSteps(device: Device, net: Net, steps: number): Promise<number[]> {
  manualSeed(5);
  const model = await net.make().to(device);
  const optimizer = new SGD(model.parameters(), { lr: net.lr, momentum: 0.9, weightDecay: 1e-3 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const [images, labels] = batchOf(net.batch, [3, net.side, net.side], step);
    optimizer.zeroGrad();
    const loss = new nn.CrossEntropyLoss().forward(model.forward(images) as Tensor, labels);
    loss.backward();
    const grads = [...model.parameters()].map((parameter) => parameter.grad! as Tensor);
    const guard = finiteGuard(loss, grads);
    optimizer.step({ guard });
    losses.push(await loss.item());
  }
  return losses;
}
