import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { updateGroups } from '../../../src/backend/plan/updates.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { CrossEntropyLoss, Linear, ReLU, Sequential } from '../../../src/nn/index.js';
import { Adam, AdamW, type Optimizer, SGD } from '../../../src/optim/index.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { type Tensor, tensor } from '../../../src/tensor/tensor.js';
import { update } from '../../../src/tensor/update.js';
import { assertNear, batchOf, values } from '../../support/generated.js';

const ENGINES = {
  onednn: () => new OneDnnEngine({ threads: 2 }),
  wasm: () => new WasmEngine({ threads: 2 }),
  reference: () => new ReferenceEngine(),
};

const OPTIMIZERS = {
  'SGD with momentum': (p: Iterable<Parameter>) => new SGD(p, { lr: 0.05, momentum: 0.9, weightDecay: 0.01 }),
  Adam: (p: Iterable<Parameter>) => new Adam(p, { lr: 2e-3 }),
  // Where a weight's gradient is 0, as in the padding of a layout, it divides 0 by 0.
  'Adam without eps': (p: Iterable<Parameter>) => new Adam(p, { lr: 2e-3, eps: 0 }),
  AdamW: (p: Iterable<Parameter>) => new AdamW(p, { lr: 2e-3 }),
};

/** Remembers the last run of a device, to profile it. */
class Watched extends InlineDevice {
  last: Parameters<Device['run']> | undefined;

  override run(...request: Parameters<Device['run']>): ReturnType<Device['run']> {
    this.last = request;
    return super.run(...request);
  }

  /** Names of the steps of the last run. */
  async names(): Promise<string[]> {
    return (await this.profile(...this.last!)).map(({ op }) => op);
  }
}

describe('updates of parameters', () => {
  const devices = new Map<string, Watched>();
  before(() => {
    for (const [name, open] of Object.entries(ENGINES)) devices.set(name, new Watched(open()));
  });
  after(async () => {
    for (const device of devices.values()) await device.close();
  });

  /** Trains two layers, whose sizes fill no vectors; returns weights, and the names of the last step's kernels. */
  async function trained(
    device: Watched,
    make: (p: Iterable<Parameter>) => Optimizer,
  ): Promise<{ weights: ArrayLike<number>[]; names: string[] }> {
    manualSeed(3);
    const model = new Sequential(new Linear(37, 53), new ReLU(), new Linear(53, 10));
    await model.to(device);
    const optimizer = make(model.parameters());
    for (let batch = 0; batch < 5; batch++) {
      const [x, labels] = batchOf(70, [1, 1, 37], batch);
      optimizer.zeroGrad();
      new CrossEntropyLoss().forward(model.forward(x.reshape(70, 37)), labels).backward();
      optimizer.step();
    }
    const weights: ArrayLike<number>[] = [];
    for (const parameter of model.parameters()) weights.push(await parameter.data());
    return { weights, names: await device.names() };
  }

  for (const [name, make] of Object.entries(OPTIMIZERS))
    it(`are one or two steps for a small network: ${name}`, async () => {
      const { weights: expected } = await trained(devices.get('reference')!, make);
      for (const engine of ['onednn', 'wasm']) {
        const { weights, names } = await trained(devices.get(engine)!, make);
        for (const [k, of] of expected.entries()) assertNear(weights[k]!, of, 1e-4, `${engine}, ${k}`);
        // On onednn weights whose layout has padding may need a kernel of their own.
        const steps = names.filter((op) => op.includes('addScaled')).length;
        assert.ok(steps === 1 || (engine === 'onednn' && steps === 2), `${engine}: ${names}`);
      }
    });

  /** The values of parameters after an update, on each engine. */
  async function afterUpdate(
    change: (a: Parameter, b: Parameter, c: Parameter) => Parameters<typeof update>,
  ): Promise<Map<string, number[][]>> {
    const found = new Map<string, number[][]>();
    for (const [name, device] of devices) {
      const all = [1, 2, 3].map((k) => new Parameter(values([300], k, 1), [300]));
      for (const parameter of all) await parameter.place(device);
      update(...change(...(all as [Parameter, Parameter, Parameter])));
      const now: number[][] = [];
      for (const parameter of all) now.push([...(await parameter.data())]);
      found.set(name, now);
    }
    return found;
  }

  it('read the old values of all parameters', async () => {
    const cases: Readonly<
      Record<string, (a: Parameter, b: Parameter, c: Parameter) => Parameters<typeof update>>
    > = {
      swapped: (a, b) => [
        [
          [a, b.mul(1)],
          [b, a.mul(1)],
        ],
      ],
      'a copy of what changes': (a, b) => [
        [
          [a, a.mul(2)],
          [b, a],
        ],
      ],
      'a moving average of new values': (a, b, c) => {
        const next = a.sub(c.mul(0.1));
        return [
          [
            [a, next],
            [b, b.mul(0.9).add(next.mul(0.1))],
          ],
        ];
      },
      'from three': (a, b, c) => [
        [
          [a, a.add(b)],
          [b, b.add(c)],
          [c, c.add(a)],
        ],
      ],
      'with an output of the old value': (a, b) => [[[a, a.add(b)]], { compute: [a.mul(3)] }],
      'refused by a guard': (a, b) => [[[a, a.add(b)]], { guard: a.sum().mul(Number.NaN) }],
    };
    for (const [what, change] of Object.entries(cases)) {
      const found = await afterUpdate(change);
      for (const [name, now] of found)
        for (const [k, of] of found.get('reference')!.entries())
          assertNear(now[k]!, of, 1e-6, `${what}: ${name}, ${k}`);
    }
  });

  it('of parameters larger than the memory that vector kernels reach are computed too', async () => {
    // Three of 6 million numbers with their momentum take more than 64 MiB.
    const device = devices.get('onednn')!;
    const count = 6_000_000;
    const model = [0, 1, 2].map((k) => new Parameter(new Float32Array(count).fill(k), [count]));
    for (const parameter of model) await parameter.place(device);
    const optimizer = new SGD(model, { lr: 0.5, momentum: 0.5 });
    for (let n = 0; n < 2; n++) {
      optimizer.zeroGrad();
      model
        .map((parameter) => parameter.sum())
        .reduce((a, b) => a.add(b))
        .backward();
      optimizer.step();
    }
    for (const [k, parameter] of model.entries()) {
      const data = await parameter.data();
      assert.ok(
        data.every((value) => value === k - 0.5 - 0.75),
        `${k}: ${data[0]}`,
      );
    }
  });

  it('are those of one shape that only they read', async () => {
    const device = devices.get('reference')!;
    const [a, b] = [1, 2].map((k) => new Parameter(values([30], k, 1), [30])) as [Parameter, Parameter];
    for (const parameter of [a, b]) await parameter.place(device);
    const [g, h] = [3, 4].map((k) => tensor(values([30], k, 1), { shape: [30] })) as [Tensor, Tensor];
    const changes = [
      [a, a.sub(g.mul(0.5).tanh())],
      [b, b.sub(h.mul(2))],
    ] as const;
    update(changes, { compute: [h.mul(2)] });
    await a.data();
    const [, graph] = device.last!;
    const groups = updateGroups(graph).map(({ nodes }) => nodes.map((i) => graph.nodes[i]!.op));
    assert.deepEqual(groups, [['affine', 'tanh', 'sub'], ['sub']]);
  });
});
