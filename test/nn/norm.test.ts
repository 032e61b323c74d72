import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { ShapeError } from '../../src/errors/errors.js';
import { BatchNorm2d, LayerNorm, Linear, Module } from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { evaluate, Tensor, tensor, zeros } from '../../src/tensor/tensor.js';
import { update } from '../../src/tensor/update.js';
import { assertNear, values } from '../support/generated.js';

const batch = (index: number): Float32Array => values([3, 2, 2, 2], index, 2);
const input = (index: number): Tensor => tensor(batch(index), { shape: [3, 2, 2, 2] });

/** Expected running statistics, with the unbiased variance. */
function expected(batches: readonly number[], momentum = 0.1): { mean: number[]; variance: number[] } {
  const [mean, variance] = [
    [0, 0],
    [1, 1],
  ];
  for (const index of batches)
    for (const c of [0, 1]) {
      const channel = [...batch(index)].filter((_, i) => Math.floor(i / 4) % 2 === c);
      const m = channel.reduce((a, v) => a + v, 0) / 12;
      const v = channel.reduce((a, x) => a + (x - m) ** 2, 0) / 11;
      mean[c] = (1 - momentum) * mean[c]! + momentum * m;
      variance[c] = (1 - momentum) * variance[c]! + momentum * v;
    }
  return { mean: mean!, variance: variance! };
}

async function check(norm: BatchNorm2d, batches: readonly number[], momentum?: number): Promise<void> {
  const { mean, variance } = expected(batches, momentum);
  assertNear(await norm.runningMean!.data(), mean, 1e-6, 'running mean');
  assertNear(await norm.runningVar!.data(), variance, 1e-6, 'running variance');
}

const make = async (momentum?: number) => {
  const norm = await new BatchNorm2d(2, momentum === undefined ? {} : { momentum }).to(referenceDevice());
  return { norm, optimizer: new SGD(norm.parameters(), { lr: 0.1 }) };
};

describe('batch norm’s running statistics', () => {
  it('are updated by each step, in the same run', async () => {
    const { norm, optimizer } = await make(0.3);
    const step = (index: number) => {
      optimizer.zeroGrad();
      norm.forward(input(index)).square().mean().backward();
      optimizer.step();
    };
    step(0);
    const plans = (await referenceDevice().stats()).length;
    step(1);
    step(2);
    await check(norm, [0, 1, 2], 0.3);
    assert.equal((await referenceDevice().stats()).length, plans);
  });

  it('accumulate over two forward passes before a step', async () => {
    const { norm, optimizer } = await make();
    norm.forward(input(0)).square().mean().backward();
    norm.forward(input(1)).square().mean().backward();
    optimizer.step();
    await check(norm, [0, 1]);
  });

  it('are written without a step when the model is evaluated, saved or moved', async () => {
    for (const leave of [
      (norm: BatchNorm2d) => norm.eval(),
      (norm: BatchNorm2d) => norm.stateDict(),
      (norm: BatchNorm2d) => norm.to(referenceDevice()),
    ]) {
      const { norm } = await make();
      norm.forward(input(0));
      norm.forward(input(1));
      await leave(norm);
      await check(norm, [0, 1]);
    }
  });

  it('are used at once in evaluation, even if only this layer’s mode was set', async () => {
    const { norm } = await make();
    norm.forward(input(0));
    norm.training = false;
    const y = await norm.forward(input(1)).data();
    const { mean, variance } = expected([0]);
    const wanted = [...batch(1)].map((v, i) => {
      const c = Math.floor(i / 4) % 2;
      return (v - mean[c]!) / Math.sqrt(variance[c]! + 1e-5);
    });
    assertNear(y, wanted, 1e-6, 'output');
  });

  it('are written from time to time if there is never a step', async () => {
    const { norm } = await make();
    const batches = Array.from({ length: 70 }, (_, i) => i);
    let depth = 0;
    for (const index of batches) {
      norm.forward(input(index));
      depth = Math.max(depth, norm.runningMean!.storage!.version);
    }
    assert.equal(depth, 2);
    norm.eval();
    await check(norm, batches);
  });

  it('are written by the step of another model on the device', async () => {
    const { norm } = await make();
    norm.forward(input(0));
    const other = await new Linear(1, 1).to(referenceDevice());
    other
      .forward(tensor([[1]]))
      .sum()
      .backward();
    new SGD(other.parameters(), { lr: 0.1 }).step();
    await check(norm, [0]);
  });

  it('are replaced by loaded values', async () => {
    const { norm } = await make();
    norm.forward(input(0));
    const saved = (value: number) => ({ data: Float32Array.of(value, value), shape: [2] });
    norm.loadStateDict(
      new Map([
        ['weight', saved(1)],
        ['bias', saved(0)],
        ['running_mean', saved(5)],
        ['running_var', saved(6)],
      ]),
    );
    norm.eval();
    assert.deepEqual([...(await norm.runningMean!.data())], [5, 5]);
    assert.deepEqual([...(await norm.runningVar!.data())], [6, 6]);
  });

  it('are up to date wherever they are read or used, without a step', async () => {
    const { mean } = expected([0]);
    const pieces = async (norm: BatchNorm2d): Promise<number[]> => {
      const found: number[] = [];
      for await (const piece of norm.runningMean!.pieces()) found.push(...piece);
      return found;
    };
    for (const read of [
      async (norm: BatchNorm2d) => norm.runningMean!.data(),
      async (norm: BatchNorm2d) => norm.namedBuffers()[0]![1].data(),
      async (norm: BatchNorm2d) => norm.runningMean!.mul(1).data(),
      async (norm: BatchNorm2d) => norm.runningMean!.detach().data(),
      async (norm: BatchNorm2d) => (await evaluate(norm.runningMean!))[0]!,
      async (norm: BatchNorm2d) => new Tensor(norm.runningMean!.node).data(),
      pieces,
    ]) {
      const { norm } = await make();
      norm.forward(input(0));
      assertNear(await read(norm), mean, 1e-6, String(read));
      norm.forward(input(1));
      await check(norm, [0, 1]);
    }
  });

  it('are those of the weights before these are replaced', async () => {
    for (const replace of [
      (linear: Linear) => linear.weight.load(new Float32Array(64)),
      (linear: Linear) => update([[linear.weight, linear.weight.mul(0)]]),
    ]) {
      const linear = await new Linear(8, 8).to(referenceDevice());
      linear.weight.load(Float32Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 1 : 0)));
      linear.bias!.load(new Float32Array(8));
      const { norm } = await make();
      norm.forward(linear.forward(input(0).flatten(1)).reshape(3, 2, 2, 2));
      replace(linear);
      await check(norm, [0]);
    }
  });

  it('are kept if they are loaded or updated after a forward pass', async () => {
    for (const write of [
      (norm: BatchNorm2d) => norm.runningMean!.load(Float32Array.of(5, 5)),
      (norm: BatchNorm2d) => update([[norm.runningMean!, tensor([5, 5])]]),
    ]) {
      const { norm } = await make();
      norm.forward(input(0));
      write(norm);
      assert.deepEqual([...(await norm.runningMean!.data())], [5, 5]);
      assertNear(await norm.runningVar!.data(), expected([0]).variance, 1e-6, 'running variance');
    }
  });

  it('do not change in evaluation, or on the host', async () => {
    const { norm } = await make();
    norm.eval();
    norm.forward(input(0));
    norm.train();
    await check(norm, []);
    const nowhere = new BatchNorm2d(2);
    nowhere.forward(input(0));
    assert.deepEqual([...(await nowhere.eval().runningMean!.data())], [0, 0]);
  });

  it('need the rank of their inputs', () => {
    for (const shape of [[4], [2, 4], [2, 4, 3], [2, 4, 3, 3, 3]])
      for (const norm of [new BatchNorm2d(4), new BatchNorm2d(4).eval()])
        assert.throws(
          () => norm.forward(zeros(shape)),
          (error) => error instanceof ShapeError && /normalises images.*BatchNorm1d/.test(error.message),
        );
  });

  it('need more than one value', () => {
    assert.throws(
      () => new BatchNorm2d(2).forward(tensor([[1, 2]]).reshape([1, 2, 1, 1])),
      (error) => error instanceof ShapeError && /single value/.test(error.message),
    );
  });
});

describe('a model with batch norm in the middle', () => {
  class Net extends Module {
    readonly norm = new BatchNorm2d(2);
    readonly head = new Linear(8, 1);
    forward(x: Tensor): Tensor {
      return this.head.forward(this.norm.forward(x).relu().flatten(1));
    }
  }

  it('trains with one plan from the first step on, even if values are read in between', async () => {
    const net = await new Net().to(referenceDevice());
    const optimizer = new SGD(net.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 0.01 });
    const before = (await referenceDevice().stats()).length;
    const losses: number[] = [];
    for (let step = 0; step < 5; step++) {
      optimizer.zeroGrad();
      const loss = net.forward(input(step)).square().mean();
      loss.backward();
      optimizer.paramGroups[0]!.lr *= 0.9;
      optimizer.step();
      losses.push(await loss.item());
    }
    assert.equal((await referenceDevice().stats()).length, before + 1);
    assert.ok(losses.every(Number.isFinite));
    await check(net.norm, [0, 1, 2, 3, 4]);
  });
});

for (const shape of [
  [0, 6],
  [3, 0, 6],
])
  it(`LayerNorm of [${shape.join(', ')}] is empty, as in PyTorch`, async () => {
    const layer = await new LayerNorm(6).to(referenceDevice());
    const x = new Parameter(new Float32Array(0), shape);
    await x.place(referenceDevice());
    const y = layer.forward(x);
    assert.deepEqual([y.shape, x.shape], [shape, shape]);
    y.sum().backward();
    assert.deepEqual([...(await y.data())], []);
    assert.deepEqual([...(await layer.weight!.grad!.data())], [0, 0, 0, 0, 0, 0]);
  });
