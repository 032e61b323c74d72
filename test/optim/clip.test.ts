import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { UsageError } from '../../src/errors/errors.js';
import { clipGradNorm, clipGradValue, finiteGuard, SGD } from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { tensor } from '../../src/tensor/tensor.js';
import { assertNear, readFixture } from '../support/generated.js';

const { shapes, grads, norms, values } = readFixture<{
  shapes: number[][];
  grads: number[][];
  norms: { maxNorm: number; norm: number; grads: number[][] }[];
  values: { maxValue: number; grads: number[][] }[];
}>('clip.json');

/** Float64 parameters of zeros, with the gradients of the fixture. */
async function withGradients(): Promise<Parameter[]> {
  const parameters: Parameter[] = [];
  for (const [i, shape] of shapes.entries()) {
    const parameter = new Parameter(new Float64Array(grads[i]!.length), shape);
    await parameter.place(referenceDevice());
    parameter
      .mul(tensor(Float64Array.from(grads[i]!, Math.fround), { shape }))
      .sum()
      .backward();
    parameters.push(parameter);
  }
  return parameters;
}

describe('clipping of gradients', () => {
  before(() => setDefaultDevice(referenceDevice()));

  for (const { maxNorm, norm, grads: after } of norms)
    it(`by norm ${maxNorm} gives PyTorch’s values, in the same run as the step`, async () => {
      const parameters = await withGradients();
      const optimizer = new SGD(parameters, { lr: 1 });
      const total = clipGradNorm(parameters, maxNorm);
      optimizer.step({ compute: [total] });
      assertNear([await total.item()], [norm], 1e-11, 'the norm before clipping');
      for (const [i, p] of parameters.entries())
        assertNear(
          await p.data(),
          after[i]!.map((g) => -g),
          1e-11,
          `gradient ${i}`,
        );
    });

  for (const [normType, of] of [
    [1, (all: number[]) => all.reduce((sum, g) => sum + Math.abs(g), 0)],
    [3, (all: number[]) => all.reduce((sum, g) => sum + Math.abs(g) ** 3, 0) ** (1 / 3)],
    [Number.POSITIVE_INFINITY, (all: number[]) => Math.max(...all.map(Math.abs))],
  ] as const)
    it(`by the norm of type ${normType} follows its definition`, async () => {
      const parameters = await withGradients();
      const total = clipGradNorm(parameters, 0.5, { normType });
      const expected = of(grads.flat().map(Math.fround));
      assertNear([await total.item()], [expected], 1e-11, 'norm');
      for (const [i, p] of parameters.entries())
        assertNear(
          await p.grad!.data(),
          grads[i]!.map((g) => (Math.fround(g) * 0.5) / (expected + 1e-6)),
          1e-11,
          `gradient ${i}`,
        );
      assert.throws(() => clipGradNorm(parameters, 1, { normType: 0 }), /bad normType/);
      assert.throws(() => clipGradNorm(parameters, 1, { norm: 1 } as never), /no option norm/);
    });

  for (const { maxValue, grads: after } of values)
    it(`by value ${maxValue} gives PyTorch’s values`, async () => {
      const parameters = await withGradients();
      clipGradValue(parameters, maxValue);
      new SGD(parameters, { lr: 1 }).step();
      for (const [i, p] of parameters.entries())
        assertNear(
          await p.data(),
          after[i]!.map((g) => -g),
          1e-11,
          `gradient ${i}`,
        );
    });

  it('still detects a forgotten zeroGrad()', async () => {
    const parameters = await withGradients();
    const optimizer = new SGD(parameters, { lr: 1 });
    clipGradNorm(parameters, 1);
    optimizer.step();
    for (const p of parameters) p.sum().backward();
    assert.throws(() => optimizer.step(), /zeroGrad/);
  });

  it('rejects limits that are not valid, and a call before backward()', async () => {
    const parameters = await withGradients();
    for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => clipGradNorm(parameters, bad), UsageError);
      assert.throws(() => clipGradValue(parameters, bad), UsageError);
    }
    for (const p of parameters) p.grad = null;
    assert.throws(() => clipGradNorm(parameters, 1), /no gradient.*backward/);
  });
});

describe('a step with a guard', () => {
  it('changes neither weights nor momentum nor the average if it is NaN or infinite', async () => {
    const p = new Parameter(Float32Array.of(1, 2), [2]);
    await p.place(referenceDevice());
    const optimizer = new SGD([['p', p]], { lr: 0.1, momentum: 0.9, rateInVelocity: true });
    const step = (factor: number) => {
      optimizer.zeroGrad();
      const loss = p.mul(tensor([factor, 1])).sum();
      loss.backward();
      const guard = finiteGuard(loss, [p.grad!]);
      optimizer.step({ guard });
      return guard.item();
    };
    const state = async () => {
      const { tensors, state: numbers } = optimizer.stateDict();
      return [[...(await p.data())], [...(await tensors.get('momentum.p')!.data())], numbers];
    };
    assert.ok(Number.isFinite(await step(1)));
    const before = await state();
    optimizer.paramGroups[0]!.lr = 0.05;
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.ok(!Number.isFinite(await step(bad)));
      optimizer.undo();
    }
    optimizer.paramGroups[0]!.lr = 0.1;
    assert.deepEqual(await state(), before);
    assert.ok(Number.isFinite(await step(1)));
    assert.notDeepEqual(await state(), before);
  });
});
