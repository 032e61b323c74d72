import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { define, grad, PaperweightError, type Tensor, tensor } from '../../src/core.js';

const list = async (t: Tensor) => [...(await t.data())];
const round = define({ name: 'round', forward: (x) => x.add(0.5).floor(), backward: (grad) => [grad] });

describe('a user-defined operation', () => {
  it('has the value of forward and the gradient of backward', async () => {
    const x = tensor([0.2, 1.7, -0.6], { requiresGrad: true });
    const y = round(x.mul(2));
    assert.deepEqual(await list(y), [0, 3, -1]);
    y.mul(tensor([1, 2, 3]))
      .sum()
      .backward();
    assert.deepEqual(await list(x.grad!), [2, 4, 6]);
  });

  it('has several inputs, of which one may get no gradient', async () => {
    const scaled = define({
      name: 'scaled',
      forward: (a, b) => a!.mul(b!),
      backward: (grad, [, b], output) => [grad.mul(b!).add(output.mul(0)), null],
    });
    const [a, b] = [tensor([1, 2], { requiresGrad: true }), tensor([3, 5], { requiresGrad: true })];
    scaled(a, b).sum().backward();
    assert.deepEqual(await list(a.grad!), [3, 5]);
    assert.equal(b.grad, null);
  });

  it('is differentiated twice by the operations of its backward', async () => {
    const cube = define({
      name: 'cube',
      forward: (x) => x.square().mul(x),
      backward: (grad, [x]) => [grad.mul(x!.square()).mul(3)],
    });
    const x = tensor([2], { requiresGrad: true });
    const [slope] = grad(cube(x).sum(), [x]);
    slope!.sum().backward();
    assert.deepEqual([await list(slope!), await list(x.grad!)], [[12], [12]]);
  });

  const wrong: readonly (readonly [string, () => unknown, RegExp])[] = [
    [
      'without a backward',
      () => define({ name: 'f', forward: (x: Tensor) => x } as never),
      /bad backward for f/,
    ],
    ['without a name', () => define({ name: '', forward: (x) => x, backward: (g) => [g] }), /bad name/],
    ['of numbers', () => round(3 as never), /round\(\) computes on tensors/],
    [
      'whose forward is asynchronous',
      () =>
        define({ name: 'f', forward: (async (x: Tensor) => x) as never, backward: (g) => [g] })(tensor([1])),
      /forward of f gives no tensor.*without async/,
    ],
    [
      'with too few gradients',
      () => {
        const f = define({ name: 'f', forward: (x) => x.mul(2), backward: () => [] });
        f(tensor([1], { requiresGrad: true }))
          .sum()
          .backward();
      },
      /wrong number of gradients.*an array of 1/,
    ],
    [
      'with a gradient of another shape',
      () => {
        const f = define({ name: 'f', forward: (x) => x.mul(2), backward: (grad) => [grad.sum()] });
        f(tensor([1, 2], { requiresGrad: true }))
          .sum()
          .backward();
      },
      /does not fit input 0.*float32 \[2\]; got float32 \[\]/,
    ],
  ];
  for (const [name, act, message] of wrong)
    it(`${name} is an error`, () => {
      assert.throws(act, (error: unknown) => {
        assert.ok(error instanceof PaperweightError, String(error));
        assert.match(error.message, message);
        return true;
      });
    });
});
