import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InlineDevice } from '../../src/backend/device.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError, DeviceError, ShapeError, UsageError } from '../../src/errors/errors.js';
import { Linear } from '../../src/nn/index.js';
import { SGD, type SGDOptions } from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { type Tensor, tensor } from '../../src/tensor/tensor.js';
import { assertNear, readFixture } from '../support/generated.js';

interface Path {
  readonly name: string;
  readonly options: Required<SGDOptions>;
  readonly lrs: number[];
  readonly start: number[];
  readonly grads: number[][];
  readonly params: number[][];
  readonly momentumBuffers: (number[] | null)[];
}
const { sgd, paper } = readFixture<{ sgd: Path[]; paper: Path[] }>('optim.json');

/** A float64 parameter on the device, so that results can be compared precisely. */
async function placed(values: readonly number[]): Promise<Parameter> {
  const parameter = new Parameter(Float64Array.from(values, Math.fround), [values.length]);
  await parameter.place(referenceDevice());
  return parameter;
}

/** A scalar whose gradient with respect to p is `grad`. */
const lossOf = (p: Parameter, grad: readonly number[]): Tensor =>
  p.mul(tensor(Float64Array.from(grad, Math.fround), { shape: [grad.length] })).sum();

function take(optimizer: SGD, p: Parameter, grad: readonly number[]): Tensor {
  optimizer.zeroGrad();
  const loss = lossOf(p, grad);
  loss.backward();
  optimizer.step();
  return loss;
}

const plans = async () => (await referenceDevice().stats()).length;

describe('SGD', () => {
  for (const { name, options, lrs, start, grads, params, momentumBuffers } of sgd)
    it(`follows PyTorch: ${name}`, async () => {
      const p = await placed(start);
      const optimizer = new SGD([['p', p]], { ...options, lr: lrs[0]! });
      const compiled: number[] = [];
      for (const [t, lr] of lrs.entries()) {
        optimizer.paramGroups[0]!.lr = lr;
        take(optimizer, p, grads[t]!);
        assertNear(await p.data(), params[t]!, 1e-11, `values after step ${t + 1}`);
        const buffer = optimizer.stateDict().tensors.get('momentum.p');
        assert.equal(buffer === undefined, momentumBuffers[t] === null);
        if (buffer)
          assertNear(await buffer.data(), momentumBuffers[t]!, 1e-11, `momentum after step ${t + 1}`);
        compiled.push(await plans());
      }
      assert.equal(optimizer.steps, lrs.length);
      // One plan for all steps; with dampening the first step has another graph.
      assert.equal(compiled.at(-1), compiled[options.dampening === 0 ? 0 : 1]);
    });

  for (const { name, options, lrs, start, grads, params } of paper)
    it(`has the paper’s rule, resumed after each step: ${name}`, async () => {
      const p = await placed(start);
      const make = () => new SGD([['p', p]], { ...options, lr: lrs[0]!, rateInVelocity: true });
      let optimizer = make();
      for (const [t, lr] of lrs.entries()) {
        optimizer.paramGroups[0]!.lr = lr;
        take(optimizer, p, grads[t]!);
        assertNear(await p.data(), params[t]!, 1e-11, `values after step ${t + 1}`);
        const { tensors, state } = optimizer.stateDict();
        const velocity = tensors.get('momentum.p')!;
        const saved = { data: await velocity.data(), shape: velocity.shape };
        optimizer = make();
        optimizer.loadStateDict({
          tensors: new Map([['momentum.p', saved]]),
          state: JSON.parse(JSON.stringify(state)),
        });
      }
    });

  it('keeps its plan when the rate changes with rateInVelocity', async () => {
    const p = await placed([1, 2]);
    const optimizer = new SGD([p], { lr: 0.1, momentum: 0.9, rateInVelocity: true });
    const compiled: number[] = [];
    for (const lr of [0.1, 0.1, 0.01, 0.001]) {
      optimizer.paramGroups[0]!.lr = lr;
      take(optimizer, p, [1, 1]);
      await p.data();
      compiled.push(await plans());
    }
    assert.equal(compiled.at(-1), compiled[1]);
    optimizer.paramGroups[0]!.lr = 0;
    assert.throws(() => take(optimizer, p, [1, 1]), /lr above 0/);
  });

  it('keeps the velocity of a parameter without a gradient while the rate changes', async () => {
    const [a, b] = [await placed([0]), await placed([0])];
    const optimizer = new SGD([a, b], { lr: 1, momentum: 0.5, rateInVelocity: true });
    take(optimizer, b, [1]);
    optimizer.paramGroups[0]!.lr = 0.1;
    take(optimizer, a, [1]);
    take(optimizer, b, [1]);
    // v = −1, then 0.5 · −1 − 0.1.
    assertNear(await b.data(), [-1.6], 1e-12, 'b');
    assertNear(await a.data(), [-0.1], 1e-12, 'a');
  });

  it('rejects a saved velocity without its rate', async () => {
    const p = await placed([1]);
    const optimizer = new SGD([['p', p]], { lr: 1, momentum: 0.5, rateInVelocity: true });
    take(optimizer, p, [1]);
    const { state } = optimizer.stateDict();
    const tensors = new Map([['momentum.p', { data: new Float64Array(1), shape: [1] }]]);
    assert.throws(
      () => optimizer.loadStateDict({ tensors, state: { ...state, parameters: {} } }),
      CheckpointError,
    );
  });

  it('computes the loss and other requested tensors in the same run', async () => {
    const p = await placed([1, 2]);
    const optimizer = new SGD([p], { lr: 0.5 });
    const loss = lossOf(p, [3, 4]);
    const doubled = p.mul(2);
    loss.backward();
    const grad = p.grad!;
    optimizer.step({ compute: [doubled, grad] });
    const compiled = await plans();
    assert.equal(await loss.item(), 11);
    assert.deepEqual([...(await doubled.data())], [2, 4]);
    assert.deepEqual([...(await grad.data())], [3, 4]);
    assert.deepEqual([...(await p.data())], [-0.5, 0]);
    assert.equal(await plans(), compiled);
  });

  it('has options for each group, which may change between steps', async () => {
    const [a, b] = [await placed([1]), await placed([1])];
    const optimizer = new SGD([{ params: [a] }, { params: [['b', b]], lr: 0.1, weightDecay: 1 }], { lr: 1 });
    const step = () => {
      optimizer.zeroGrad();
      a.mul(b).sum().backward();
      optimizer.step();
    };
    step();
    assert.deepEqual([...(await a.data())], [0]);
    assertNear(await b.data(), [1 - 0.1 * (1 + 1)], 1e-12, 'b');
    optimizer.paramGroups[1]!.lr = 0;
    step();
    assertNear(await a.data(), [-0.8], 1e-12, 'a');
    assertNear(await b.data(), [0.8], 1e-12, 'b');
  });

  it('does not change parameters without a gradient', async () => {
    const [a, b] = [await placed([1]), await placed([1])];
    const optimizer = new SGD([a, b], { lr: 1, momentum: 0.9, weightDecay: 0.1 });
    take(optimizer, a, [1]);
    assert.deepEqual([...(await b.data())], [1]);
    assert.deepEqual([...optimizer.stateDict().tensors.keys()], ['momentum.0']);
  });

  it('sums gradients of several backward passes', async () => {
    const p = await placed([1]);
    const optimizer = new SGD([p], { lr: 1 });
    lossOf(p, [1]).backward();
    lossOf(p, [2]).backward();
    optimizer.step();
    assert.deepEqual([...(await p.data())], [-2]);
  });

  it('keeps its plan with frozen parameters between the trained ones', async () => {
    const all = [await placed([1]), await placed([1]), await placed([1])] as const;
    const optimizer = new SGD([all[2], all[0]], { lr: 0.1, momentum: 0.9 });
    const step = () => {
      optimizer.zeroGrad();
      all[0].mul(all[1]).mul(all[2]).sum().backward();
      optimizer.step();
    };
    step();
    step();
    const compiled = await plans();
    step();
    step();
    await all[0].data();
    assert.equal(await plans(), compiled);
  });

  it('continues exactly from a saved state', async () => {
    const options = { lr: 0.1, momentum: 0.9, weightDecay: 0.01, dampening: 0.2 };
    const [a, b] = [await placed([1, -2]), await placed([0.5])];
    const run = (optimizer: SGD, from: number, to: number) => {
      for (let t = from; t < to; t++) {
        optimizer.zeroGrad();
        a.square().sum().mul(b.sum()).backward();
        optimizer.step();
      }
    };
    const first = new SGD(
      [
        ['a', a],
        ['b', b],
      ],
      options,
    );
    run(first, 0, 3);
    const { tensors, state } = first.stateDict();
    const saved = {
      state: JSON.parse(JSON.stringify(state)),
      tensors: new Map(
        await Promise.all(
          [...tensors].map(async ([name, t]) => [name, { data: await t.data(), shape: t.shape }] as const),
        ),
      ),
    };
    assert.deepEqual([...tensors.keys()], ['momentum.a', 'momentum.b']);
    const weights = [await a.data(), await b.data()] as const;
    run(first, 3, 6);
    const expected = [await a.data(), await b.data()];
    a.load(weights[0]);
    b.load(weights[1]);
    const second = new SGD(
      [
        ['a', a],
        ['b', b],
      ],
      { lr: 7 },
    );
    second.loadStateDict(saved);
    assert.equal(second.steps, 3);
    assert.equal(second.paramGroups[0]!.lr, 0.1);
    run(second, 3, 6);
    assert.deepEqual([await a.data(), await b.data()], expected);
  });

  it('rejects a state of other parameters, and changes nothing', async () => {
    const p = await placed([1, 2]);
    const optimizer = new SGD([['p', p]], { lr: 0.1, momentum: 0.5 });
    const { state } = optimizer.stateDict();
    const changed = { ...state, groups: [{ ...state.groups[0]!, lr: 9 }] };
    const load = (tensors: [string, number[], Float64Array][], s = changed) =>
      optimizer.loadStateDict({
        tensors: new Map(tensors.map(([name, shape, data]) => [name, { data, shape }])),
        state: s,
      });
    const two = new Float64Array(2);
    assert.throws(
      () => load([['momentum.q', [2], two]]),
      (e) => e instanceof CheckpointError && /momentum\.q/.test(e.message),
    );
    assert.throws(() => load([['momentum.p', [1, 2], two]]), ShapeError);
    assert.throws(() => load([['momentum.p', [2], new Float64Array(3)]]), ShapeError);
    assert.throws(() => load([], { ...state, groups: [] }), CheckpointError);
    assert.throws(() => load([], { ...state, groups: [{ ...state.groups[0]!, momentum: 2 }] }), UsageError);
    assert.equal(optimizer.paramGroups[0]!.lr, 0.1);
  });

  it('rejects options and parameters that are not valid', async () => {
    const p = await placed([1]);
    const wrong: [make: () => unknown, says: RegExp][] = [
      [() => new SGD([p], { lr: -1 }), /learning rate.*got -1/],
      [() => new SGD([p], { lr: Number.NaN }), /learning rate/],
      [() => new SGD([p], { lr: 1, momentum: 1 }), /momentum.*\[0, 1\)/],
      [() => new SGD([p], { lr: 1, dampening: -0.1 }), /dampening/],
      [() => new SGD([p], { lr: 1, weightDecay: -1 }), /weightDecay/],
      [() => new SGD([p], { lr: 0, momentum: 0.9, rateInVelocity: true }), /rateInVelocity/],
      [() => new SGD([p], { lr: 1, dampening: 0.1, rateInVelocity: true }), /rateInVelocity/],
      [() => new SGD([p], { lr: 1, nesterov: true }), /nesterov/],
      [() => new SGD([p], { lr: 1, nesterov: true, momentum: 0.9, dampening: 0.1 }), /nesterov/],
      [() => new SGD([{ params: [p], momentum: 3 }], { lr: 1 }), /momentum/],
      [() => new SGD([], { lr: 1 }), /no parameters/],
      [() => new SGD([p, p], { lr: 1 }), /twice/],
      [
        () => new SGD([new Parameter(new Float32Array(1), [1], { trainable: false })], { lr: 1 }),
        /cannot be optimised/,
      ],
    ];
    for (const [make, says] of wrong)
      assert.throws(make, (error) => error instanceof UsageError && says.test(error.message));
  });

  it('says what is missing: a device, a gradient, or zeroGrad()', async () => {
    const layer = new Linear(1, 1);
    const early = new SGD(layer.namedParameters(), { lr: 0.1, momentum: 0.9 });
    const backward = () =>
      layer
        .forward(tensor([[1]]))
        .sum()
        .backward();
    backward();
    assert.throws(
      () => early.step(),
      (e) =>
        e instanceof DeviceError &&
        /weight \[1, 1\] is not on a device.*await model\.to\(device\)/.test(e.message),
    );
    await layer.to(referenceDevice());
    early.zeroGrad();
    assert.throws(
      () => early.step(),
      (e) => e instanceof UsageError && /loss\.backward\(\)/.test(e.message),
    );
    // An optimizer created before the model was moved works too.
    backward();
    early.step();
    assert.throws(
      () => early.step(),
      (e) => e instanceof UsageError && /zeroGrad/.test(e.message),
    );
    backward();
    assert.throws(
      () => early.step(),
      (e) => e instanceof UsageError && /its sum with the gradient of the last step/.test(e.message),
    );
    early.zeroGrad();
    backward();
    early.step();
    assert.equal(early.steps, 2);
    const elsewhere = new InlineDevice(new ReferenceEngine());
    await layer.to(elsewhere);
    early.zeroGrad();
    backward();
    assert.throws(
      () => early.step(),
      (e) => e instanceof DeviceError && /is on another device than its momentum/.test(e.message),
    );
    await elsewhere.close();
  });
});
