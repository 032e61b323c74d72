import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { DeviceError, ShapeError, UsageError } from '../../src/errors/errors.js';
import { isGradEnabled, noGrad } from '../../src/graph/grad-mode.js';
import { functional, Linear } from '../../src/nn/index.js';
import { narrow } from '../../src/ops/arrange/slice.js';
import { define } from '../../src/ops/operation.js';
import { SGD } from '../../src/optim/index.js';
import { stack } from '../../src/tensor/functions.js';
import { grad } from '../../src/tensor/grad.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { full, ones, Tensor, tensor } from '../../src/tensor/tensor.js';
import { update } from '../../src/tensor/update.js';

const { oneHot } = functional;
const leaf = (values: number[]): Tensor => tensor(values, { dtype: 'float64', requiresGrad: true });
const values = async (t: Tensor | null): Promise<number[]> => [...(await t!.data())];

describe('gradients', () => {
  before(() => setDefaultDevice(referenceDevice()));

  it('of a wrong shape are an error, never a result', () => {
    const halved = define({
      name: 'halvedGradient',
      infer: ([x]) => x!,
      gradient: (_, g) => [narrow(g, 0, 0, 1)],
    });
    const x = leaf([1, 2]);
    assert.throws(
      () => new Tensor(halved([x.node], {})).sum().backward(),
      /gradient of halvedGradient for its input 0 has the shape \[1\], not \[2\]/,
    );
  });

  it('do not flow through what noGrad computes', async () => {
    const x = leaf([2, 3]);
    const constant = noGrad(() => {
      assert.equal(isGradEnabled(), false);
      return x.square();
    });
    assert.equal(isGradEnabled(), true);
    constant.mul(x).sum().backward();
    assert.deepEqual(await values(x.grad), [4, 9]);
    assert.throws(() => constant.sum().backward(), /nothing to differentiate/);
    assert.throws(() => noGrad(() => x.sum()).backward(), /nothing to differentiate/);
    // The same expression outside of it is not a constant.
    const y = leaf([2, 3]);
    noGrad(() => y.square());
    y.square().sum().backward();
    assert.deepEqual(await values(y.grad), [4, 6]);
  });

  it('do not flow through integers: positions of values are constants, as in PyTorch', async () => {
    const start = [
      [0.3, -1, 2],
      [1.5, 0.2, -0.7],
    ];
    const uses: Record<string, [(x: Tensor) => Tensor, number[]]> = {
      'oneHot of argmax': [(x) => oneHot(x.argmax(-1), 3).mul(x.toFloat('float32')), [0, 0, 1, 1, 0, 0]],
      'oneHot of argmin': [(x) => oneHot(x.argmin(-1), 3).mul(x.toFloat('float32')), [0, 1, 0, 0, 0, 1]],
      'oneHot of topk': [
        (x) => oneHot(x.topk(2).indices, 3).sum(1).mul(x.toFloat('float32')),
        [1, 0, 1, 1, 1, 0],
      ],
      'oneHot of sorted positions': [
        (x) => oneHot(x.argsort(-1), 3).sum().mul(x.sum().toFloat('float32')),
        [6, 6, 6, 6, 6, 6],
      ],
      'oneHot of joined positions': [
        (x) =>
          oneHot(stack([x.argmax(0), x.argmin(0)]).reshape(-1), 2)
            .sum()
            .mul(x.sum().toFloat('float32')),
        [6, 6, 6, 6, 6, 6],
      ],
      'positions as numbers': [(x) => x.argmax(-1).toFloat('float64').add(x.sum(-1)), [1, 1, 1, 1, 1, 1]],
      'a table of positions': [(x) => x.indexSelect(1, x.argmax(0)), [1, 2, 0, 1, 2, 0]],
    };
    for (const [name, [use, wanted]] of Object.entries(uses)) {
      const x = tensor(start, { dtype: 'float64', requiresGrad: true });
      use(x).sum().backward();
      assert.deepEqual(await values(x.grad), wanted, name);
    }
    const x = leaf([1, 3, 2]);
    assert.throws(() => oneHot(x.argmax(0), 3).sum().backward(), /nothing to differentiate/);
    assert.throws(() => grad(oneHot(x.argmax(0), 3).sum(), [x]), /no way from the result/);
    const hot = oneHot(x.argmax(0), 3);
    hot.requiresGrad = true;
    hot.mul(2).sum().backward();
    assert.deepEqual(await values(hot.grad), [2, 2, 2]);
  });

  it('are recorded again after noGrad has thrown; it covers no asynchronous function', () => {
    assert.throws(() =>
      noGrad(() => {
        throw new Error('inside');
      }),
    );
    assert.equal(isGradEnabled(), true);
    noGrad(() => noGrad(() => 1));
    assert.throws(() => noGrad(async () => {}), /asynchronous function/);
    assert.equal(isGradEnabled(), true);
  });

  it('do not flow through detach(), and are kept in grad only where they are asked for', async () => {
    const x = leaf([2, 3]);
    x.detach().mul(x).sum().backward();
    assert.deepEqual(await values(x.grad), [2, 3]);
    x.grad = null;
    x.requiresGrad = false;
    const y = leaf([1, 1]);
    x.mul(y).sum().backward();
    assert.equal(x.grad, null);
    x.requiresGrad = true;
    x.mul(y).sum().backward();
    assert.deepEqual(await values(x.grad), [1, 1]);
    const product = x.mul(y);
    assert.throws(() => (product.requiresGrad = false), /leaves only.*detach/);
    assert.throws(() => (x.requiresGrad = 1 as never), UsageError);
    // What depends on constants only is a leaf, as the points between two batches of a gradient penalty.
    const between = x
      .detach()
      .mul(0.5)
      .add(noGrad(() => y.mul(2)));
    between.requiresGrad = true;
    between.square().sum().backward();
    assert.deepEqual(await values(between.grad), [6, 7]);
    assert.throws(() => tensor([1], { dtype: 'int32', requiresGrad: true }), /requiresGrad is for floating/);
    assert.throws(() => (tensor([1], { dtype: 'int32' }).requiresGrad = true), UsageError);
    product.retainGrad();
    product.square().sum().backward();
    assert.deepEqual(await values(product.grad), [4, 6]);
  });

  it('start from a gradient that is given, for what is not a scalar', async () => {
    const x = leaf([2, 3]);
    x.square().backward(tensor([1, 10], { dtype: 'float64' }));
    assert.deepEqual(await values(x.grad), [4, 60]);
    assert.throws(() => x.square().backward(), /from a scalar.*pass the gradient/);
    assert.throws(() => x.square().backward(ones([2])), /float64 \[2\]; got float32/);
    assert.throws(() => x.square().backward(ones([3], 'float64')), ShapeError);
  });

  it('pass through hooks, of results and of parameters after each update', async () => {
    const x = leaf([2, 3]);
    const hidden = x.square();
    const seen: Tensor[] = [];
    hidden.registerHook((g) => void seen.push(g));
    const hook = hidden.registerHook((g) => g.mul(10));
    hidden.sum().backward();
    assert.deepEqual(await values(x.grad), [40, 60]);
    assert.deepEqual(await values(seen[0]!), [1, 1]);
    hook.remove();
    x.grad = null;
    hidden.sum().backward();
    assert.deepEqual(await values(x.grad), [4, 6]);
    assert.equal(seen.length, 2);
    // Once, with the sum of the gradients of all uses.
    const both = x.mul(2);
    let calls = 0;
    both.registerHook(() => void calls++);
    both.add(both.square()).sum().backward();
    assert.equal(calls, 1);

    const p = new Parameter(Float64Array.of(1), [1]);
    await p.place(referenceDevice());
    p.registerHook((g) => g.mul(0));
    const optimizer = new SGD([p], { lr: 1 });
    for (const _ of [1, 2]) {
      optimizer.zeroGrad();
      p.square().sum().backward();
      assert.deepEqual(await values(p.grad), [0]);
      optimizer.step();
    }
    assert.throws(() => x.registerHook(1 as never), /takes a function/);
    const bad = x.mul(1);
    bad.registerHook(() => full([3], 1, 'float64'));
    assert.throws(() => bad.sum().backward(), /does not fit its tensor.*float64 \[2\].*\[3\]/);
  });

  it('are tensors that can be differentiated again', async () => {
    const x = leaf([2, 3]);
    const [first] = grad(x.square().mul(x).sum(), [x]);
    assert.deepEqual(await values(first!), [12, 27]);
    assert.equal(x.grad, null);
    first!.square().sum().backward();
    // d/dx (3x²)² = 36 x³
    assert.deepEqual(await values(x.grad), [288, 972]);
    const inner = x.mul(2);
    const [a, b] = grad(inner.square(), [inner, x], { gradOutput: ones([2], 'float64') });
    assert.deepEqual(
      [await values(a!), await values(b!)],
      [
        [8, 12],
        [16, 24],
      ],
    );
    assert.throws(() => grad(x.sum(), [leaf([1])]), /no way from the result to tensor 0/);
    assert.throws(() => grad(x.sum(), x as never), /array of tensors/);
    assert.throws(() => grad(x, [x]), /starts from a scalar/);
  });

  it('come back when a parameter is unfrozen; a buffer stays one', async () => {
    const layer = new Linear(2, 1);
    layer.weight.freeze();
    assert.deepEqual(
      layer.namedParameters().map(([name]) => name),
      ['bias'],
    );
    layer.weight.requiresGrad = true;
    assert.equal(layer.weight.requiresGrad, true);
    layer
      .forward(ones([1, 2]))
      .sum()
      .backward();
    assert.deepEqual(await values(layer.weight.grad), [1, 1]);
    const buffer = new Parameter(new Float32Array(1), [1], { trainable: false });
    assert.throws(() => buffer.unfreeze(), /buffer cannot be trained/);
  });
});

describe('a detached value, or one of noGrad', () => {
  it('becomes a leaf, as an adversarial image does', async () => {
    const w = tensor([3, -1], { requiresGrad: true });
    const x = tensor([1, 2], { requiresGrad: true });
    x.mul(w).sum().backward();
    const steps = [
      () => x.detach().add(x.grad!.sign()),
      () => x.add(x.grad!.sign()).detach(),
      () => noGrad(() => x.add(x.grad!.sign())),
    ];
    for (const step of steps) {
      const moved = step();
      moved.requiresGrad = true;
      w.grad = null;
      moved.square().mul(w).sum().backward();
      // The leaf is (2, 1), and nothing flows through it.
      assert.deepEqual([...(await moved.grad!.data())], [12, -2]);
      assert.deepEqual([...(await (w.grad as unknown as Tensor).data())], [4, 1]);
      moved.requiresGrad = false;
      assert.equal(moved.mul(2).sum().requiresGrad, false);
    }
    assert.deepEqual([...(await x.grad!.data())], [3, -1]);
    const result = x.mul(2);
    assert.throws(() => {
      result.requiresGrad = true;
    }, /leaves only.*got the result of/s);
  });
});

describe('update', () => {
  const placed = async (...numbers: number[]): Promise<Parameter> => {
    const p = new Parameter(Float64Array.from(numbers), [numbers.length]);
    await p.place(referenceDevice());
    return p;
  };

  it('overwrites parameters in one run, all from the old values, unless its guard refuses', async () => {
    const [a, b] = [await placed(1), await placed(2)];
    const sum = a.add(b);
    update(
      [
        [a, b],
        [b, a.mul(10)],
      ],
      { compute: [sum] },
    );
    assert.deepEqual([await values(a), await values(b), await values(sum)], [[2], [10], [3]]);
    update([[a, a.mul(2)]], { guard: b.sum().mul(Number.NaN) });
    assert.deepEqual(await values(a), [2]);
  });

  it('rejects what it cannot do', async () => {
    const p = await placed(1, 2);
    const host = new Parameter(Float64Array.of(1), [1]);
    const wrong: [make: () => void, kind: typeof UsageError, says: RegExp][] = [
      [() => update([[p, ones([3], 'float64')]]), ShapeError, /float64 \[2\]; got float64 \[3\]/],
      [() => update([[p, ones([2])]]), ShapeError, /float64.*float32/],
      [() => update([[host, host]]), DeviceError, /not on a device/],
      [
        () =>
          update([
            [p, p],
            [p, p],
          ]),
        UsageError,
        /twice/,
      ],
      [() => update([p as never]), UsageError, /pairs/],
      [() => update(p as never), UsageError, /pairs/],
      [() => update([[new Tensor(p.node) as never, p]]), UsageError, /pairs/],
      [() => update([[p, 3 as never]]), UsageError, /update\(\) computes on tensors/],
      [() => update([[p, p]], { guard: p }), ShapeError, /guard/],
    ];
    for (const [make, kind, says] of wrong)
      assert.throws(make, (e) => e instanceof kind && says.test(e.message), String(make));
    assert.deepEqual(await values(p), [1, 2]);
  });
});
