import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withNumbersAsInputs } from '../../fuzz/graphs/numbers-as-inputs.js';
import type { Device } from '../../src/backend/backend.js';
import { DataError, DeviceError, PaperweightError } from '../../src/errors/errors.js';
import { buildGraph, type Graph } from '../../src/graph/graph.js';
import { hostLeaf } from '../../src/graph/node.js';
import type { Shape } from '../../src/graph/types.js';
import * as ops from '../../src/ops/index.js';
import { Parameter, queueUpdate } from '../../src/tensor/parameter.js';
import { evaluate, Tensor, tensor } from '../../src/tensor/tensor.js';
import { type Case, cases, maskByDefinition, runCase } from './cases.js';
import { assertClose, type Tolerance } from './close.js';

import { computedUpdates } from './conformance/computed-updates.js';
import { ignoredLabels } from './conformance/ignored-labels.js';
import { integers } from './conformance/integers.js';
import { largeOrders } from './conformance/large-orders.js';
import { specialValues } from './conformance/special-values.js';

import { forms } from './forms.js';
import { handedOn } from './handed-on.js';

export interface ConformanceOptions extends Tolerance {
  readonly dtype?: 'float32' | 'float64';
  /** Cases that this device does not pass, each with its reason. */
  readonly skip?: Readonly<Record<string, string>>;
  /** Why numbers are not compared after reshapes. */
  readonly skipForms?: string;
  /** Why numbers at the ends of float32 are not compared. */
  readonly skipExtremes?: string;
}

/**
 * Registers the tests that every device passes: each operation's numbers and gradients beside PyTorch's, and
 * how runs, storages and failures behave. The device that `open` gives is closed at the end.
 */
export function conformance(
  name: string,
  open: () => Promise<Device>,
  { dtype = 'float32', skip = {}, skipForms, skipExtremes, ...tolerance }: ConformanceOptions,
): void {
  describe(`${name}, ${dtype}`, () => {
    let device: Device;
    const covered = new Set<string>();
    before(async () => {
      device = await open();
    });
    after(() => device.close());

    describe('gives the numbers of', () => {
      for (const given of cases)
        it(given.name, { skip: skip[given.name] ?? false }, async () => {
          const used = await compare(device, given, dtype, tolerance);
          for (const op of used) covered.add(op);
          if ([...used].some((op) => ops.operationOf(op).numbers))
            await compare(withNumbersAsInputs(device), given, dtype, tolerance);
        });

      it('every operation', () => {
        const missing = ops.operationNames().filter((op) => !covered.has(op));
        assert.deepEqual(missing, [], 'operations that no case runs');
      });
      it('no skip for a case that does not exist', () => {
        const names = new Set(cases.map((c) => c.name));
        assert.equal(names.size, cases.length, 'two cases have one name');
        assert.deepEqual(
          Object.keys(skip).filter((n) => !names.has(n)),
          [],
        );
      });
    });

    behaviour(() => device, dtype);
    forms(() => device, dtype, skipForms ?? false);
    handedOn(() => device, dtype);
    largeOrders(() => device, dtype);
    computedUpdates(() => device, dtype, tolerance);
    ignoredLabels(() => device, dtype, tolerance);
    if (dtype === 'float32') integers(() => device);
    if (dtype === 'float32') specialValues(() => device, skipExtremes);
  });
}

async function compare(device: Device, given: Case, dtype: 'float32' | 'float64', tolerance: Tolerance) {
  const ran = await runCase(device, given, dtype);
  assert.deepEqual(ran.shape, given.output.shape, `${given.code}: shape`);
  assertClose(ran.output, given.output.data, tolerance, `${given.code}: output`);
  given.grads.forEach((expected, i) => {
    if (!expected) return;
    assert.ok(ran.grads[i], `${given.code}: a gradient for input ${i}`);
    assertClose(ran.grads[i]!, expected.data, tolerance, `${given.code}: gradient of input ${i}`);
  });
  return ran.operations;
}

function behaviour(device: () => Device, dtype: 'float32' | 'float64'): void {
  const ArrayType = dtype === 'float32' ? Float32Array : Float64Array;
  const host = (values: number[], shape: Shape = [values.length]) =>
    tensor(ArrayType.from(values), { shape });
  const placed = (values: number[], shape?: Shape) => host(values, shape).to(device());
  async function parameter(...values: number[]): Promise<Parameter> {
    const made = new Parameter(ArrayType.from(values), [values.length]);
    await made.place(device());
    return made;
  }
  const valuesOf = async (t: Tensor) => [...(await t.data())];
  const same = (t: Tensor) => new Tensor(ops.detach(t.node));

  describe('updates', () => {
    it('are written in place and seen by read()', async () => {
      const p = await parameter(1, 2, 3);
      const before = await p.data();
      queueUpdate([{ parameter: p, value: p.mul(2).node }]);
      assert.deepEqual(await valuesOf(p), [2, 4, 6]);
      queueUpdate([{ parameter: p, value: p.add(host([1, 1, 1])).node }]);
      assert.deepEqual([...(await p.storage!.read())], [3, 5, 7]);
      assert.deepEqual([...before], [1, 2, 3], 'values that were read before stay as they were');
    });

    it('of many runs without waiting happen in order', async () => {
      const p = await parameter(1);
      for (let i = 0; i < 10; i++) queueUpdate([{ parameter: p, value: p.mul(2).add(1).node }]);
      assert.deepEqual(await valuesOf(p), [2047]);
    });

    it('come with outputs of the same run, computed from the old values', async () => {
      const p = await parameter(1, 2);
      const loss = p.square().sum();
      queueUpdate([{ parameter: p, value: p.add(10).node }], [loss]);
      assert.equal(await loss.item(), 5);
      assert.deepEqual(await valuesOf(p), [11, 12]);
    });

    it('do not disturb a later node that reads the old value', async () => {
      const p = await parameter(1, 2, 3);
      const raised = p.add(1);
      const product = new Tensor(ops.mul(raised.node, p.node));
      queueUpdate([{ parameter: p, value: raised.node }], [product]);
      assert.deepEqual(await valuesOf(product), [2, 6, 12]);
      assert.deepEqual(await valuesOf(p), [2, 3, 4]);
    });

    it('swap two parameters', async () => {
      const [a, b] = [await parameter(1, 2), await parameter(3, 4)];
      queueUpdate([
        { parameter: a, value: b.node },
        { parameter: b, value: a.node },
      ]);
      assert.deepEqual(
        [await valuesOf(a), await valuesOf(b)],
        [
          [3, 4],
          [1, 2],
        ],
      );
    });

    it('rotate three parameters through shared arrays', async () => {
      const [a, b, c] = [await parameter(1, 2), await parameter(3, 4), await parameter(5, 6)];
      queueUpdate([
        { parameter: a, value: b.detach().node },
        { parameter: b, value: c.reshape([2, 1]).reshape([2]).node },
        { parameter: c, value: a.detach().node },
      ]);
      assert.deepEqual(await Promise.all([a, b, c].map(valuesOf)), [
        [3, 4],
        [5, 6],
        [1, 2],
      ]);
    });

    it('give one value to two parameters, which stay apart afterwards', async () => {
      const [a, b] = [await parameter(1, 2), await parameter(3, 4)];
      const total = a.add(b);
      queueUpdate([
        { parameter: a, value: total.node },
        { parameter: b, value: total.node },
      ]);
      queueUpdate([{ parameter: a, value: a.mul(10).node }]);
      assert.deepEqual(
        [await valuesOf(a), await valuesOf(b)],
        [
          [40, 60],
          [4, 6],
        ],
      );
    });

    it('may be an output too', async () => {
      const p = await parameter(1, 2);
      const next = p.mul(3);
      queueUpdate([{ parameter: p, value: next.node }], [next]);
      const out = await next.data();
      queueUpdate([{ parameter: p, value: p.mul(3).node }]);
      assert.deepEqual(await valuesOf(p), [9, 18]);
      assert.deepEqual([...out], [3, 6]);
    });

    it('may be values from the host', async () => {
      const p = await parameter(1, 2);
      queueUpdate([{ parameter: p, value: host([8, 9]).node }]);
      assert.deepEqual(await valuesOf(p), [8, 9]);
    });

    it('follow load()', async () => {
      const p = await parameter(1, 2);
      p.load(ArrayType.of(5, 6));
      queueUpdate([{ parameter: p, value: p.add(1).node }]);
      assert.deepEqual(await valuesOf(p), [6, 7]);
    });

    it('are made only by a run whose guard is finite', async () => {
      const [a, b] = [await parameter(1, 2), await parameter(3, 4)];
      // Fed, so that all three runs share one plan.
      const run = async (divisor: number) => {
        const loss = a.sum();
        const guard = loss.div(host([divisor], []));
        queueUpdate(
          [
            { parameter: a, value: ops.addScaled(a.node, b.node, host([10], []).node) },
            { parameter: b, value: b.mul(2).node },
          ],
          [loss],
          guard,
        );
        return [await loss.item(), await guard.item(), await valuesOf(a), await valuesOf(b)];
      };
      assert.deepEqual(await run(1), [3, 3, [31, 42], [6, 8]]);
      assert.deepEqual(await run(0), [73, Number.POSITIVE_INFINITY, [31, 42], [6, 8]]);
      assert.deepEqual(await run(Number.NaN), [73, Number.NaN, [31, 42], [6, 8]]);
      assert.deepEqual(await run(-1), [73, -73, [91, 122], [12, 16]]);
    });

    it('wait for a late guard, even if their own value is ready earlier', async () => {
      const p = await parameter(1, 2);
      const next = p.add(1);
      const guard = next.mul(host([Number.NaN, 1])).sum();
      queueUpdate([{ parameter: p, value: next.node }], [next], guard);
      assert.deepEqual(
        [await valuesOf(next), await valuesOf(p)],
        [
          [2, 3],
          [1, 2],
        ],
      );
    });

    it('change a parameter that a convolution and its gradient read, over several steps', async () => {
      // Backends keep such weights in layouts of their own; here they must come back as they went in.
      const w = new Parameter(
        ArrayType.from(Array.from({ length: 4 * 2 * 9 }, (_, i) => (i % 7) - 3)),
        [4, 2, 3, 3],
      );
      await w.place(device());
      const expected = [...(await w.data())];
      const x = await placed(
        Array.from({ length: 2 * 5 * 5 }, (_, i) => (i % 5) - 2),
        [1, 2, 5, 5],
      );
      for (let step = 0; step < 3; step++) {
        w.grad = null;
        new Tensor(ops.conv2d(x.node, w.node, undefined, { padding: [1, 1] })).sum().backward();
        const slope = w.grad! as Tensor;
        queueUpdate(
          [{ parameter: w, value: ops.addScaled(w.node, slope.node, host([0.5], []).node) }],
          [slope],
        );
        (await slope.data()).forEach((g, i) => {
          expected[i]! += 0.5 * g;
        });
      }
      assert.deepEqual(await valuesOf(w), expected);
    });
  });

  describe('runs', () => {
    it('give several outputs', async () => {
      const x = await placed([1, 2, 3]);
      const [double, total, itself] = await evaluate(x.mul(2), x.sum(), same(x));
      assert.deepEqual([[...double!], [...total!], [...itself!]], [[2, 4, 6], [6], [1, 2, 3]]);
    });

    it('of an equal graph reuse the plan, with new feeds', async () => {
      const x = await placed([1, 2, 3, 4], [2, 2]);
      const use = (values: number[]) => valuesOf(x.matmul(host(values, [2, 2])));
      assert.deepEqual(await use([1, 0, 0, 1]), [1, 2, 3, 4]);
      const plans = (await device().stats()).length;
      assert.deepEqual(await use([0, 1, 1, 0]), [2, 1, 4, 3]);
      assert.deepEqual(await use([2, 0, 0, 2]), [2, 4, 6, 8]);
      assert.equal((await device().stats()).length, plans);
    });

    it('of an equal graph reuse the plan, with another storage', async () => {
      const [x, y] = [await placed([1, 2]), await placed([5, 6])];
      assert.deepEqual(await valuesOf(x.mul(7)), [7, 14]);
      const plans = (await device().stats()).length;
      assert.deepEqual(await valuesOf(y.mul(7)), [35, 42]);
      assert.equal((await device().stats()).length, plans);
    });

    it('give outputs that share no memory with storages, feeds or each other', async () => {
      const x = await placed([1, 2, 3]);
      const fed = ArrayType.of(4, 5, 6);
      const feed = tensor(fed, { shape: [3] });
      const outputs = await evaluate(same(x), x.reshape([3, 1]), same(feed), feed.reshape([1, 3]), x.mul(1));
      for (const output of outputs) output.fill(-1);
      assert.deepEqual([...(await x.mul(1).reshape([1, 3]).data())], [1, 2, 3]);
      assert.deepEqual([...fed], [4, 5, 6]);
      const [a, b] = await evaluate(x.add(1), x.add(1).reshape([3, 1]));
      a!.fill(0);
      assert.deepEqual([...b!], [2, 3, 4]);
    });

    it('leave earlier outputs alone', async () => {
      const x = await placed([1, 2, 3]);
      const use = (by: number) => x.add(host([by, by, by])).data();
      const first = await use(1);
      await use(100);
      assert.deepEqual([...first], [2, 3, 4]);
    });

    it('draw the same mask for a key on every device and in every layout', async () => {
      const key = [11, -22, 33, -44];
      // Quarters, so that sums are exact in every number type.
      const x = await placed(new Array(2 * 4 * 5 * 5).fill(1), [2, 4, 5, 5]);
      const w = await placed(new Array(4 * 4).fill(1 / 4), [4, 4, 1, 1]);
      const keyNode = tensor(Int32Array.from(key), { shape: [4] }).node;
      const dropped = new Tensor(ops.dropout(ops.conv2d(x.node, w.node, undefined), keyNode, 0.4));
      assertClose(await dropped.data(), maskByDefinition(key, 0.4, 200), { rtol: 1e-5, atol: 0 }, 'mask');
    });

    it('refuse a feed of another length or type, and continue', async () => {
      const x = hostLeaf(ArrayType.of(1, 2, 3), [3], dtype);
      const { graph, key, feeds } = buildGraph([ops.neg(x)], []);
      const refused = (...wrong: Parameters<Device['run']>[2]) =>
        assert.rejects(device().run(key, graph, wrong, []), (error) => error instanceof PaperweightError);
      await refused(ArrayType.of(1, 2));
      await refused(ArrayType.of(1, 2, 3, 4));
      await refused(Int32Array.of(1, 2, 3));
      await refused();
      assert.deepEqual([...(await device().run(key, graph, feeds, []))[0]!], [-1, -2, -3]);
    });

    it('refuse a missing storage', async () => {
      const x = await placed([1]);
      const { graph, key } = buildGraph([x.neg().node], []);
      await assert.rejects(
        device().run(key, graph, [], [123456789]),
        (error) => error instanceof PaperweightError,
      );
      await assert.rejects(device().read(123456789), (error) => error instanceof PaperweightError);
    });

    it('refuse a label out of range, naming row and label, and change nothing', async () => {
      const p = new Parameter(ArrayType.of(1, 2, 3, 4, 5, 6), [2, 3]);
      await p.place(device());
      for (const wrong of [3, -1]) {
        const labels = tensor(Int32Array.of(0, wrong), { shape: [2] });
        const loss = new Tensor(ops.crossEntropy(p.node, labels.node)).mean();
        await assert.rejects(loss.data(), (error) => {
          assert.ok(error instanceof DataError, `${error}`);
          assert.match(error.message, /row 1\b/);
          assert.match(error.message, new RegExp(`got ${wrong}\\b`));
          assert.match(error.message, /0 to 2/);
          return true;
        });
      }
      assert.deepEqual(await valuesOf(p), [1, 2, 3, 4, 5, 6]);
    });

    it('refuse an operation that has no kernel before anything is computed, naming it and the module', async () => {
      const spec = { shape: [2], dtype, attrs: {}, scope: 'features.3' } as const;
      const graph: Graph = {
        nodes: [
          { ...spec, op: 'feed', inputs: [] },
          { ...spec, op: 'noSuchOperation', inputs: [0] },
        ],
        feeds: [0],
        storages: [],
        outputs: [1],
        updates: [],
      };
      await assert.rejects(
        device().run({ form: 'noSuchOperation', numbers: [] }, graph, [ArrayType.of(1, 2)], []),
        (error) => {
          assert.ok(error instanceof DeviceError, `${error}`);
          assert.match(error.message, /noSuchOperation/);
          assert.match(error.message, /features\.3/);
          return true;
        },
      );
    });

    it('report where the time was spent', async () => {
      const [x, w] = [await placed([1, 2, 3, 4], [2, 2]), await placed([1, 2, 3, 4], [2, 2])];
      const product = ops.withScope('classifier.1', () => x.matmul(w).relu());
      const { graph, key } = buildGraph([product.node], []);
      const ids = [x, w].map((t) => (t.node.source as { storage: { id: number } }).storage.id);
      const rows = await device().profile(key, graph, [], ids);
      assert.ok(rows.some((row) => row.scope === 'classifier.1' && row.macs === 8));
      assert.ok(rows.every((row) => row.milliseconds >= 0 && row.kernel.length > 0));
    });

    it('give the graph’s own leaves as outputs', async () => {
      const x = await placed([1, 2]);
      const { graph, key, feeds, storages } = buildGraph([x.node, host([3, 4]).node], []);
      const ids = storages.map((s) => s.id);
      assert.deepEqual(
        (await device().run(key, graph, feeds, ids)).map((v) => [...v]),
        [
          [1, 2],
          [3, 4],
        ],
      );
    });
  });

  it('gives a probability of 1 the logarithm 0, in rows of any length', async () => {
    for (const length of [1, 2, 3, 9, 17])
      for (const axis of [0, 1]) {
        const x = Array.from({ length: 4 * length }, (_, i) => (i % length === 0 ? 60 : -60));
        const rows = await placed(x, [4, length]);
        const along = axis === 1 ? rows : rows.permute([1, 0]);
        const values = await valuesOf(along.logSoftmax(axis));
        assert.equal(values.filter((v) => v === 0).length, 4, `length ${length}, axis ${axis}: ${values}`);
      }
  });

  it('forgets what is freed', async () => {
    const id = 987654321;
    device().write(id, { shape: [1], dtype }, ArrayType.of(5));
    assert.deepEqual([...(await device().read(id))], [5]);
    device().free(id);
    await assert.rejects(device().read(id), (error) => error instanceof PaperweightError);
  });

  it('keeps a copy of what is written', async () => {
    const id = 987654322;
    const data = ArrayType.of(5);
    device().write(id, { shape: [1], dtype }, data);
    data[0] = 6;
    const got = await device().read(id);
    got[0] = 7;
    assert.deepEqual([...(await device().read(id))], [5]);
    device().free(id);
  });
}
