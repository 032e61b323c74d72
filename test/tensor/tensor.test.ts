import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InlineDevice } from '../../src/backend/device.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { DeviceError, PaperweightError, ShapeError } from '../../src/errors/errors.js';
import { buildGraph } from '../../src/graph/graph.js';
import type { Node } from '../../src/graph/node.js';
import * as ops from '../../src/ops/index.js';
import { Parameter, queueUpdate } from '../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { evaluate, full, ones, Tensor, tensor, zeros } from '../../src/tensor/tensor.js';

/** Counts runs, to test laziness and caching. */
class CountingDevice extends InlineDevice {
  runs = 0;
  constructor() {
    super(new ReferenceEngine());
  }
  override run(...args: Parameters<InlineDevice['run']>): ReturnType<InlineDevice['run']> {
    this.runs++;
    return super.run(...args);
  }
}
const device = new CountingDevice();
setDefaultDevice(device);

/** Number of runs during `body`. */
async function runsOf(body: () => unknown): Promise<number> {
  const before = device.runs;
  await body();
  return device.runs - before;
}
const values = async (t: Tensor | null) => [...(await t!.data())];
const leaf = (data: number[]) => tensor(data, { requiresGrad: true });
function keyOf(...nodes: Node[]): string {
  const { form, numbers } = buildGraph(nodes, []).key;
  return `${form} with ${numbers.join()}`;
}

describe('making tensors', () => {
  it('from nested arrays, typed arrays and constants', async () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    assert.deepEqual([x.shape, x.dtype, x.size], [[2, 3], 'float32', 6]);
    assert.deepEqual(await values(x), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(tensor(7).shape, []);
    assert.deepEqual(tensor(Int32Array.of(1, 2)).dtype, 'int32');
    assert.deepEqual(await values(full([2], 3, 'float64')), [3, 3]);
    assert.deepEqual([await values(zeros([2])), await values(ones([1]))], [[0, 0], [1]]);
  });

  it('rejects ragged arrays and shapes that do not fit', () => {
    assert.throws(() => tensor([[1, 2], [3]]), ShapeError);
    assert.throws(() => tensor([1, 2, 3], { shape: [2, 2] }), {
      name: 'ShapeError',
      message: /4 values for \[2, 2\].*got 3/,
    });
    assert.throws(() => tensor(Float32Array.of(1, 2), { shape: [3] }), ShapeError);
  });

  it('prints shape and type', () => assert.equal(`${zeros([2, 3])}`, 'Tensor([2, 3], float32)'));
});

describe('laziness', () => {
  it('computes nothing until a value is requested', async () => {
    let y = tensor([1, 2]);
    assert.equal(await runsOf(() => (y = y.mul(2).add(1))), 0);
    assert.equal(await runsOf(() => y.data()), 1);
    assert.deepEqual(await values(y), [3, 5]);
  });

  it('computes a value once', async () => {
    const y = tensor([1, 2]).exp();
    assert.equal(await runsOf(async () => assert.deepEqual(await y.data(), await y.data())), 1);
    assert.equal(await runsOf(() => Promise.all([y.data(), y.data()])), 0);
    const z = tensor([1, 2]).exp();
    assert.equal(
      await runsOf(() => Promise.all([z.data(), z.data()])),
      1,
      'requested twice while it is computed',
    );
  });

  it('uses computed values as leaves', async () => {
    const y = tensor([1, 2]).exp();
    await y.data();
    const { graph } = buildGraph([y.mul(2).node], []);
    assert.deepEqual(
      graph.nodes.map((n) => n.op),
      ['feed', 'affine'],
    );
  });

  it('reads leaves without a run', async () => {
    const placed = await tensor([1, 2]).to(device);
    assert.equal(await runsOf(async () => [await tensor([1]).item(), await placed.data()]), 0);
  });

  it('evaluates several tensors in one run', async () => {
    const x = tensor([1, 2]);
    const [a, b] = [x.add(1), x.sum()];
    assert.equal(await runsOf(() => evaluate(a, b)), 1);
    assert.deepEqual([await values(a), await b.item()], [[2, 3], 3]);
  });

  it('rejects awaited values if a run fails, and causes no unhandled rejection', async () => {
    const loss = new Tensor(ops.crossEntropy(tensor([[1, 2]]).node, tensor(Int32Array.of(5)).node));
    void loss.data().catch(() => {});
    await assert.rejects(loss.mul(2).data(), /row 0/);
    assert.deepEqual(await values(tensor([1]).add(1)), [2]);
  });
});

describe('item()', () => {
  it('reads a single value of any number of dimensions', async () => {
    assert.equal(await tensor([[7]]).item(), 7);
    assert.equal(await tensor([1, 2]).sum().item(), 3);
  });
  it('rejects more than one value', () =>
    assert.rejects(tensor([1, 2]).item(), { name: 'ShapeError', message: /\[2\].*mean\(\) or sum\(\)/ }));
});

describe('bad values', () => {
  it('of a gradient are refused where they are set', async () => {
    const x = leaf([1, 2]);
    const set = (value: unknown): void => {
      x.grad = value as Tensor;
    };
    for (const value of [3, 'x', [1, 2], Float32Array.of(1, 2), x.node])
      assert.throws(() => set(value), { name: 'UsageError', message: /grad takes a tensor or null/ });
    const misfits = [ones([3]), ones([2], 'int32'), ones([2], x.dtype === 'float32' ? 'float64' : 'float32')];
    for (const value of misfits)
      assert.throws(() => set(value), { name: 'ShapeError', message: /does not fit its tensor/ });
    set(ones([2], x.dtype));
    assert.deepEqual(await values(x.grad), [1, 1]);
    set(undefined);
    assert.equal(x.grad, null);
  });

  it('arithmetic and comparisons of JavaScript are refused instead of NaN', () => {
    const x = tensor([3]);
    for (const use of [() => Number(x), () => x > tensor([2]), () => Math.max(x as never), () => -x])
      assert.throws(use, {
        name: 'UsageError',
        message: /not a number.*Tensor\(\[1\], float32\).*item\(\)/s,
      });
    assert.equal(`${x}`, 'Tensor([1], float32)');
  });

  it('clamp() needs a limit', async () => {
    const x = tensor([-3, 0, 3]);
    const without = x as unknown as { clamp(...limits: unknown[]): Tensor };
    for (const limits of [[], [undefined], [undefined, undefined]])
      assert.throws(() => without.clamp(...limits), { name: 'UsageError', message: /no limit/ });
    assert.throws(() => without.clamp(null, 1), { name: 'UsageError', message: /bad min/ });
    assert.deepEqual(await values(x.clamp(-1)), [-1, 0, 3]);
    assert.deepEqual(await values(x.clamp(undefined, 1)), [-3, 0, 1]);
  });
});

describe('an empty list of axes', () => {
  it('means all of them, as in PyTorch', async () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    // PyTorch: x.sum([]), x.mean([]), …
    const wanted: [Tensor, number][] = [
      [x.sum([]), 21],
      [x.mean([]), 3.5],
      [x.max([]), 6],
      [x.min([]), 1],
      [x.prod([]), 720],
      [x.var([]), 3.5],
      [x.std([]), 1.8708287],
      [x.norm(2, []), 9.539392],
      [x.norm(1, []), 21],
      [x.logsumexp([]), 6.4561934],
    ];
    for (const [y, value] of wanted) {
      assert.deepEqual(y.shape, []);
      assert.ok(Math.abs((await y.item()) - value) < 1e-5, `${await y.item()} instead of ${value}`);
    }
    assert.deepEqual(x.sum([], true).shape, [1, 1]);
    assert.deepEqual(x.unsqueeze(0).squeeze([]).shape, [1, 2, 3]);
  });
});

describe('backward()', () => {
  it('gives each leaf its gradient', async () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    a.mul(b).add(a).sum().backward();
    assert.deepEqual(
      [await values(a.grad), await values(b.grad)],
      [
        [4, 5],
        [1, 2],
      ],
    );
  });

  it('accumulates over uses and calls, and starts again after null', async () => {
    const a = leaf([1, 2]);
    a.mul(a).sum().backward();
    assert.deepEqual(await values(a.grad), [2, 4]);
    a.mul(10).sum().backward();
    assert.deepEqual(await values(a.grad), [12, 14]);
    a.grad = null;
    a.sum().backward();
    assert.deepEqual(await values(a.grad), [1, 1]);
  });

  it('computes nothing until a gradient is read', async () => {
    const a = leaf([1, 2]);
    assert.equal(await runsOf(() => a.square().sum().backward()), 0);
  });

  it('visits a diamond once', async () => {
    const a = leaf([2]);
    let y = a.add(0);
    for (let i = 0; i < 30; i++) y = y.add(y);
    y.sum().backward();
    assert.deepEqual(await values(a.grad), [2 ** 30]);
  });

  it('stops at detach()', async () => {
    const a = leaf([3]);
    a.mul(a.detach()).sum().backward();
    assert.deepEqual(await values(a.grad), [3]);
    assert.throws(() => a.detach().sum().backward(), {
      name: 'ShapeError',
      message: /nothing to differentiate/,
    });
  });

  it('records the losses of a gradient', () => {
    const a = leaf([3]);
    const loss = a.square().sum();
    loss.backward();
    assert.equal(a.grad!.origins[0], loss);
  });

  it('rejects tensors that are not scalars, and integers', () => {
    assert.throws(() => leaf([1, 2]).mul(2).backward(), { name: 'ShapeError', message: /\[2\]/ });
    assert.throws(() => tensor(Int32Array.of(1)).backward(), { name: 'ShapeError', message: /int32/ });
  });

  it('gives constants: a loss of a gradient is not differentiated twice', async () => {
    const x = leaf([1, 2]);
    x.square().sum().backward();
    const first = x.grad!;
    x.grad = null;
    first.mul(x).sum().backward();
    assert.deepEqual(await values(x.grad), [2, 4]);
    // Neither if the gradient is the given one, which keeps gradients of its own.
    const [w, y] = [leaf([3, 5]), leaf([1, 1])];
    const given = w.mul(2);
    y.add(0).backward(given);
    y.grad!.mul(w).sum().backward();
    assert.deepEqual(await values(w.grad), [6, 10]);
    given.sum().backward();
    assert.deepEqual(await values(w.grad), [8, 12]);
  });

  it('names the module of a gradient operation’s forward operation', () => {
    const [x, w] = [leaf([1, 2]).reshape([1, 2]), leaf([3, 4])];
    ops
      .withScope('classifier.6', () => x.matmul(w.reshape([2, 1])))
      .sum()
      .backward();
    const { graph } = buildGraph([w.grad!.node], []);
    assert.equal(graph.nodes.find((n) => n.op === 'matmul')!.scope, 'classifier.6');
  });
});

describe('numbers as operands', () => {
  it('work in arithmetic', async () => {
    const x = tensor([1, -2]);
    assert.deepEqual(await values(x.add(1)), [2, -1]);
    assert.deepEqual(await values(x.sub(1)), [0, -3]);
    assert.deepEqual(await values(x.mul(-2)), [-2, 4]);
    assert.deepEqual(await values(x.div(2)), [0.5, -1]);
  });
});

describe('parameters', () => {
  async function parameter(...data: number[]): Promise<Parameter> {
    const made = new Parameter(Float32Array.from(data), [data.length]);
    await made.place(device);
    return made;
  }

  it('keep their values and gradients through place(), and are placed once', async () => {
    const p = new Parameter(Float32Array.of(1, 2), [2]);
    await p.place(device);
    const { storage } = p;
    await p.place(device);
    assert.equal(p.storage, storage);
    p.square().sum().backward();
    assert.deepEqual(
      [await values(p), await values(p.grad)],
      [
        [1, 2],
        [2, 4],
      ],
    );
  });

  it('make tensors that use an old value stale, with a helpful message', async () => {
    const p = await parameter(1, 2);
    const loss = p.square().sum();
    queueUpdate([{ parameter: p, value: p.add(1).node }]);
    await assert.rejects(loss.item(), (error) => {
      assert.ok(error instanceof PaperweightError);
      assert.match(error.message, /depends on weights that an update has overwritten/);
      assert.match(error.message, /optimizer\.step\(\{ compute/);
      return true;
    });
    assert.equal(await p.square().sum().item(), 4 + 9);
  });

  it('keep values that were computed before the step, and graphs on them usable', async () => {
    const p = await parameter(1, 2);
    const loss = p.square().sum();
    await loss.item();
    queueUpdate([{ parameter: p, value: p.add(1).node }]);
    assert.equal(await loss.item(), 5);
    assert.equal(await loss.mul(2).item(), 10);
  });

  it('load() checks length and type, and makes old graphs stale', async () => {
    const p = await parameter(1, 2);
    const old = p.mul(2);
    assert.throws(() => p.load(Float32Array.of(1)), {
      name: 'ShapeError',
      message: /2 values of float32; got 1/,
    });
    assert.throws(() => p.load(Float64Array.of(1, 2)), { name: 'ShapeError', message: /float64/ });
    p.load(Float32Array.of(8, 9));
    assert.deepEqual(await values(p), [8, 9]);
    await assert.rejects(old.data(), PaperweightError);
  });

  it('of buffers get no gradient', async () => {
    const buffer = new Parameter(Float32Array.of(1, 2), [2], { trainable: false });
    const p = await parameter(3, 4);
    await buffer.place(device);
    p.mul(buffer).sum().backward();
    assert.equal(buffer.requiresGrad, false);
    assert.equal(buffer.grad, null);
    assert.deepEqual(await values(p.grad), [1, 2]);
  });

  it('on several devices in one computation are rejected with both names', async () => {
    const other = new InlineDevice(new ReferenceEngine());
    const mixed = (await tensor([1]).to(device)).add(await tensor([1]).to(other));
    await assert.rejects(mixed.data(), (error) => {
      assert.ok(error instanceof DeviceError);
      assert.match(error.message, /reference and reference/);
      assert.match(error.message, /\.to\(device\)/);
      return true;
    });
  });
});

describe('the structural key', () => {
  const x = tensor([1, 2, 3, 4], { shape: [2, 2] }).node;
  const other = tensor([5, 6, 7, 8], { shape: [2, 2] }).node;

  it('is equal for equal structures, whatever the values', () => {
    assert.equal(keyOf(ops.relu(ops.neg(x))), keyOf(ops.relu(ops.neg(other))));
  });

  it('distinguishes operations, attributes, shapes, types, inputs and outputs', () => {
    const wide = tensor([1, 2, 3, 4]).node;
    const double = tensor([1, 2, 3, 4], { shape: [2, 2], dtype: 'float64' }).node;
    const keys = [
      keyOf(ops.relu(x)),
      keyOf(ops.tanh(x)),
      keyOf(ops.relu(wide)),
      keyOf(ops.relu(double)),
      keyOf(ops.affine(x, { scale: 2, shift: 0 })),
      keyOf(ops.affine(x, { scale: 2, shift: 1 })),
      keyOf(ops.affine(x, { scale: Number.POSITIVE_INFINITY, shift: 0 })),
      keyOf(ops.affine(x, { scale: Number.NEGATIVE_INFINITY, shift: 0 })),
      keyOf(ops.affine(x, { scale: Number.NaN, shift: 0 })),
      keyOf(ops.affine(x, { scale: 0, shift: 0 })),
      keyOf(ops.sum(x, [0])),
      keyOf(ops.sum(x, [1])),
      keyOf(ops.sum(x, [1], true)),
      keyOf(ops.matmul(x, x)),
      keyOf(ops.matmul(x, other)),
      keyOf(ops.matmul(x, x, { transposeA: true })),
      keyOf(ops.neg(x), ops.relu(x)),
      keyOf(ops.relu(x), ops.neg(x)),
      keyOf(ops.relu(ops.neg(x))),
    ];
    assert.equal(new Set(keys).size, keys.length);
  });

  it('contains no values: learning rates, seeds and data are fed', () => {
    const step = (rate: number, seed: number) =>
      keyOf(
        ops.addScaled(
          x,
          ops.dropout(other, tensor(Int32Array.of(seed, 0, 0, 0)).node, 0.5),
          tensor(rate).node,
        ),
      );
    assert.equal(step(0.123456, 1), step(0.01, 987654));
    assert.doesNotMatch(step(0.123456, 987654), /123456|987654/);
  });

  it('does not depend on the order of attributes', () => {
    assert.equal(keyOf(ops.affine(x, { scale: 2, shift: 1 })), keyOf(ops.affine(x, { shift: 1, scale: 2 })));
  });

  it('does not depend on which leaf was made first', () => {
    const [a, b] = [tensor([1, 2]).node, tensor([3, 4]).node];
    assert.equal(keyOf(ops.sub(a, b)), keyOf(ops.sub(b, a)));
    assert.equal(keyOf(ops.neg(a), b), keyOf(ops.neg(b), a));
    assert.notEqual(keyOf(ops.sub(a, b)), keyOf(ops.sub(a, a)));
  });

  it('merges equal subexpressions and leaves out unused nodes', () => {
    const [a, b] = [ops.exp(ops.neg(x)), ops.exp(ops.neg(x))];
    ops.tanh(a);
    const { graph } = buildGraph([ops.add(a, b)], []);
    assert.deepEqual(
      graph.nodes.map((n) => n.op),
      ['feed', 'neg', 'exp', 'add'],
    );
    assert.deepEqual(graph.nodes[3]!.inputs, [2, 2]);
  });

  it('binds a storage once, and depends on which storage is updated', async () => {
    const [p, q] = [new Parameter(Float32Array.of(1), [1]), new Parameter(Float32Array.of(2), [1])];
    await p.place(device);
    await q.place(device);
    const sum = p.add(q).node;
    const into = (...targets: Parameter[]) =>
      buildGraph(
        [],
        targets.map((t) => ({ node: sum, storage: t.storage! })),
      );
    assert.equal(into(p).storages.length, 2);
    assert.notEqual(into(p).key.form, into(q).key.form);
    assert.notEqual(into(p).key.form, into(p, q).key.form);
    assert.deepEqual(into(p, q).graph.updates, [
      { node: 2, slot: 0 },
      { node: 2, slot: 1 },
    ]);
  });

  it('leads to one plan for a training loop', async () => {
    const p = new Parameter(Float32Array.of(1, 2), [2]);
    await p.place(device);
    const step = () => {
      p.grad = null;
      const loss = p
        .mul(tensor([Math.random(), 2]))
        .square()
        .sum();
      loss.backward();
      queueUpdate(
        [{ parameter: p, value: ops.addScaled(p.node, p.grad!.node, tensor(-0.01 * Math.random()).node) }],
        [loss],
      );
      return loss.item();
    };
    await step();
    const plans = (await device.stats()).length;
    for (let i = 0; i < 5; i++) await step();
    assert.equal((await device.stats()).length, plans);
  });
});

describe('deep graphs', () => {
  it('of 5,000 operations, forwards and backwards, do not overflow the stack', async () => {
    const x = leaf([1, 2]);
    let y: Tensor = x;
    for (let i = 0; i < 5000; i++) y = i % 2 === 0 ? y.add(1) : y.mul(1);
    const loss = y.sum();
    loss.backward();
    const [value, grad] = await evaluate(loss, x.grad!);
    assert.deepEqual([...value!, ...grad!], [5003, 1, 1]);
  });

  it('of a node with 5,000 users', async () => {
    const x = leaf([1]);
    let total = x.mul(0);
    for (let i = 0; i < 5000; i++) total = total.add(x.mul(i));
    const loss = total.sum();
    loss.backward();
    const [value, grad] = await evaluate(loss, x.grad!);
    assert.deepEqual([...value!, ...grad!], [12497500, 12497500]);
  });
});

describe('a scalar', () => {
  it('may be given axis 0 or -1, as in PyTorch', async () => {
    const x = new Tensor(tensor([3]).sum().node, true);
    for (const axis of [0, -1]) {
      const results = [x.sum(axis), x.mean(axis), x.max(axis, true), x.softmax(axis), x.logSoftmax(axis)];
      assert.ok(results.every(({ shape }) => shape.length === 0));
      assert.deepEqual(
        (await evaluate(...results)).map(([value]) => value),
        [3, 3, 3, 1, 0],
      );
    }
    assert.throws(() => x.sum(1), ShapeError);
    assert.throws(() => x.softmax(1), ShapeError);
    x.grad = null;
    x.softmax(0).add(x.sum(0)).backward();
    assert.equal(await x.grad!.item(), 1);
  });
});
