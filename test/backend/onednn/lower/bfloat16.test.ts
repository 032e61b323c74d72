import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../../src/backend/backend.js';
import { openDevice } from '../../../../src/backend/open.js';
import { cat, grad, nn, optim, type Tensor, tensor } from '../../../../src/core.js';
import { manualSeed } from '../../../../src/tensor/random.js';
import { values } from '../../../support/generated.js';

/** Inverted bottleneck with a residual connection, as in MobileNetV2. */
class Bottleneck extends nn.Module {
  readonly layers = new nn.Sequential(
    new nn.Conv2d(16, 48, 1, { bias: false }),
    new nn.BatchNorm2d(48),
    new nn.ReLU6(),
    new nn.Conv2d(48, 48, 3, { padding: 1, groups: 48, bias: false }),
    new nn.BatchNorm2d(48),
    new nn.ReLU6(),
    new nn.Conv2d(48, 16, 1, { bias: false }),
    new nn.BatchNorm2d(16),
  );
  forward(x: Tensor): Tensor {
    return x.add(this.layers.forward(x));
  }
}

/** Layers whose outputs are joined: 16 channels and 12, 12 and 7 more, so that some normalisations have odd numbers. */
class Dense extends nn.Module {
  readonly norms = new nn.ModuleList([16, 28, 40].map((channels) => new nn.BatchNorm2d(channels)));
  readonly convs = new nn.ModuleList(
    [16, 28, 40].map((channels, k) => new nn.Conv2d(channels, [12, 12, 7][k]!, 3, { padding: 1 })),
  );
  forward(x: Tensor): Tensor {
    let all = x;
    for (let k = 0; k < 3; k++) {
      const made = this.convs.at(k)!.forward(this.norms.at(k)!.forward(all).relu());
      all = cat([all, made], 1);
    }
    return all;
  }
}

/** Channels scaled by gates, as in a squeeze-and-excitation network. */
class Excitation extends nn.Module {
  readonly conv = new nn.Conv2d(16, 32, 3, { padding: 1 });
  readonly norm = new nn.BatchNorm2d(32);
  readonly gate = new nn.Sequential(new nn.AdaptiveAvgPool2d(1), new nn.Conv2d(32, 32, 1), new nn.Sigmoid());
  forward(x: Tensor): Tensor {
    const y = this.norm.forward(this.conv.forward(x));
    return y.mul(this.gate.forward(y)).relu();
  }
}

const BLOCKS = {
  Bottleneck: () => new Bottleneck(),
  Dense: () => new Dense(),
  Excitation: () => new Excitation(),
};

/** Losses of some steps, and what the plan of a step computes with loops in TypeScript. */
async function train(block: () => nn.Module, device: Device) {
  manualSeed(3);
  const net = new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { padding: 1 }),
    block(),
    new nn.AdaptiveAvgPool2d(1),
  );
  await net.to(device);
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
  const x = tensor(values([8, 3, 20, 20], 0, 1), { shape: [8, 3, 20, 20] });
  const losses: number[] = [];
  for (let step = 0; step < 8; step++) {
    optimizer.zeroGrad();
    const loss = net.forward(x).sub(1).square().mean();
    loss.backward();
    optimizer.step();
    losses.push(await loss.item());
  }
  return { losses, scripted: (await device.stats()).at(-1)!.scripted };
}

describe('layers between convolutions of bfloat16', () => {
  let [half, full]: Device[] = [];
  before(async () => {
    const open = async (precision: 'float32' | 'bfloat16') =>
      (await openDevice('onednn', { threads: 2, precision })).device;
    [half, full] = [await open('bfloat16'), await open('float32')];
  });
  after(async () => {
    await half!.close();
    await full!.close();
  });

  for (const [name, block] of Object.entries(BLOCKS))
    it(`${name}: trains as in float32, without more loops in TypeScript`, async () => {
      const [a, b] = [await train(block, half!), await train(block, full!)];
      a.losses.forEach((loss, i) => {
        const expected = b.losses[i]!;
        assert.ok(Math.abs(loss - expected) < 0.01 + 0.05 * expected, `step ${i}: ${loss}, not ${expected}`);
      });
      assert.ok(b.losses.at(-1)! < b.losses[0]!, `learns: ${b.losses}`);
      assert.notDeepEqual(a.losses, b.losses, 'bfloat16 was not used');
      assert.deepEqual(a.scripted, b.scripted);
    });

  it('gives the gradient of the input of a 1 × 1 convolution with an odd number of channels', async () => {
    const gradient = async (device: Device): Promise<Float32Array> => {
      const from = async (shape: number[], index: number): Promise<Tensor> =>
        tensor(values(shape, index, 1), { shape, requiresGrad: true });
      const x = await (await from([2, 3, 10, 12], 0)).to(device);
      manualSeed(5);
      const [first, second] = [new nn.Conv2d(3, 17, 1), new nn.Conv2d(17, 4, 1)];
      for (const layer of [first, second]) await layer.to(device);
      const y = first.forward(x);
      // Joined, the channels come last in memory.
      const [dx] = grad(
        cat([y, second.forward(y)], 1)
          .square()
          .mean(),
        [x],
      );
      return (await dx!.data()) as Float32Array;
    };
    const [got, expected] = [await gradient(half!), await gradient(full!)];
    const largest = Math.max(...expected.map(Math.abs));
    got.forEach((value, i) => {
      assert.ok(Math.abs(value - expected[i]!) < 0.02 * largest, `${value}, not ${expected[i]}, at ${i}`);
    });
  });
});
