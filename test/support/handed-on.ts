import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { DataError, PaperweightError } from '../../src/errors/errors.js';
import { BatchNorm2d } from '../../src/nn/index.js';
import * as ops from '../../src/ops/index.js';
import { SGD } from '../../src/optim/index.js';
import { grad } from '../../src/tensor/grad.js';
import { Parameter, queueUpdate } from '../../src/tensor/parameter.js';
import { evaluate, Tensor, tensor } from '../../src/tensor/tensor.js';
import { assertClose } from './close.js';

type Floating = 'float32' | 'float64';

/** Registers tests of values that one run leaves for the next, and of gradients of gradients. */
export function handedOn(device: () => Device, dtype: Floating): void {
  const ArrayType = dtype === 'float32' ? Float32Array : Float64Array;
  const host = (...values: number[]) => tensor(ArrayType.from(values), { shape: [values.length] });
  async function parameter(...values: number[]): Promise<Parameter> {
    const made = new Parameter(ArrayType.from(values), [values.length]);
    await made.place(device());
    return made;
  }
  const close = async (t: Tensor, expected: readonly number[]) =>
    assertClose(await t.data(), expected, { rtol: 1e-5, atol: 1e-6 }, 'values');

  describe('a value from before an update', () => {
    /** h ← tanh(p · h) for three steps of p ← p − 0.1 · dL/dp with L = Σ h², where no gradient goes from step to step. */
    function expected(): { h: number[]; p: number[] } {
      let [h, p] = [
        [1, 2],
        [0.5, 0.25],
      ];
      for (let i = 0; i < 3; i++) {
        const y = h.map((v, j) => Math.tanh(v * p[j]!));
        p = p.map((v, j) => v - 0.1 * 2 * y[j]! * (1 - y[j]! ** 2) * h[j]!);
        h = y;
      }
      return { h, p };
    }
    const ways: Record<string, (y: Tensor, optimizer: SGD) => Tensor | Promise<Tensor>> = {
      'that the step computes, detached after it': (y, o) => {
        o.step({ compute: [y] });
        return y.detach();
      },
      'that the step computes, as it is': (y, o) => {
        o.step({ compute: [y] });
        return y;
      },
      'that was asked for before': (y, o) => {
        void evaluate(y);
        o.step();
        return y;
      },
      'that was read before': async (y, o) => {
        await y.data();
        o.step();
        return y;
      },
    };
    for (const [way, next] of Object.entries(ways))
      it(`${way}, is a constant of the next step`, async () => {
        const p = await parameter(0.5, 0.25);
        const optimizer = new SGD([p], { lr: 0.1 });
        const states: Tensor[] = [];
        let h = host(1, 2);
        for (let i = 0; i < 3; i++) {
          optimizer.zeroGrad();
          const y = new Tensor(ops.tanh(ops.mul(p.node, h.node)));
          y.square().sum().backward();
          h = await next(y, optimizer);
          states.push(y);
        }
        await close(new Tensor(ops.add(h.node, ops.affine(p.node, { scale: 0, shift: 0 }))), expected().h);
        await close(p, expected().p);
        // What a state came from is let go, or each step would hold the graphs of all before.
        await evaluate(h.mul(p));
        assert.deepEqual(states[0]!.node.inputs, []);
      });

    it('that was not computed, is refused with advice', async () => {
      const p = await parameter(1, 2);
      const y = p.mul(3);
      queueUpdate([{ parameter: p, value: p.add(1).node }]);
      for (const late of [y, y.detach(), y.mul(2)])
        await assert.rejects(late.data(), (error) => {
          assert.ok(error instanceof PaperweightError);
          assert.match(error.message, /of shape \[2\].*compute: \[tensor\]/s);
          return true;
        });
    });

    it('delays later requests, and nothing is mixed up meanwhile', async () => {
      const p = await parameter(1, 2);
      const zeros = await parameter(0, 0);
      const y = p.mul(3);
      queueUpdate([{ parameter: p, value: p.add(10).node }], [y]);
      const fed = ArrayType.of(100, 200);
      const sum = y.add(tensor(fed, { shape: [2] })).add(zeros);
      const [total, others] = [evaluate(sum), evaluate(p.mul(1))];
      fed.fill(-1);
      const values = ArrayType.of(5, 6);
      p.load(values);
      values.fill(-1);
      assert.deepEqual([...(await p.storage!.read())], [5, 6]);
      assert.deepEqual(
        [...(await total), ...(await others)].map((v) => [...v]),
        [
          [103, 206],
          [11, 12],
        ],
      );
    });

    it('that could not be computed, fails only its users', async () => {
      const p = new Parameter(ArrayType.of(1, 2, 3, 4), [2, 2]);
      await p.place(device());
      const labels = tensor(Int32Array.of(0, 7), { shape: [2] });
      const half = await parameter(0.5, 0.5);
      const next = (by: Tensor) => by.mul(2).add(half).data();
      const wrong = new Tensor(ops.crossEntropy(p.node, labels.node));
      queueUpdate([{ parameter: p, value: p.add(1).node }], [wrong]);
      await assert.rejects(next(wrong.detach()), DataError);
      const right = p.mean([1]);
      queueUpdate([{ parameter: p, value: p.add(1).node }], [right]);
      assert.deepEqual(
        [...(await next(right.detach()))],
        [...(await right.data())].map((v) => 2 * v + 0.5),
      );
    });
  });

  it('differentiates the gradient of a batch norm, and keeps its running statistics', async () => {
    const on = async (where: Device) => {
      const norm = new BatchNorm2d(3);
      const parts = ['weight', 'bias', 'runningMean', 'runningVar'] as const;
      for (const name of parts) {
        const trainable = norm[name]!.requiresGrad;
        const values = ArrayType.of(1, 0.5, 2);
        Object.defineProperty(norm, name, {
          value: new Parameter(values, [3], { trainable }),
          enumerable: true,
        });
      }
      await norm.to(where);
      const data = ArrayType.from(Array.from({ length: 2 * 3 * 9 }, (_, i) => 3 * Math.sin(i * i)));
      const placed = await tensor(data, { shape: [2, 3, 3, 3] }).to(where);
      const x = new Tensor(placed.node, true);
      const scored = new Tensor(ops.tanh(norm.forward(x).node)).square().sum();
      const [first] = grad(scored, [x]);
      first!.square().sum().backward();
      const grads = await evaluate((x as Tensor).grad!, (norm.weight! as Tensor).grad!);
      norm.eval();
      return [...grads, await norm.runningMean!.data(), await norm.runningVar!.data()];
    };
    const [expected, got] = [await on(referenceDevice()), await on(device())];
    expected.forEach((one, i) => {
      assertClose(got[i]!, one, { rtol: 1e-3, atol: 1e-4 }, `${i}`);
    });
    assert.ok(Math.abs(expected[2]![0]! - 1) > 1e-4, 'the running mean has moved');
  });
}
