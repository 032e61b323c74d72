import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { DataError } from '../../../src/errors/errors.js';
import * as nn from '../../../src/nn/index.js';
import { evaluate, type Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertClose, type Tolerance } from '../close.js';

/** Registers tests that labels which an operation computes are ignored like labels whose values are known. */
export function ignoredLabels(
  device: () => Device,
  dtype: 'float32' | 'float64',
  tolerance: Tolerance,
): void {
  const { rtol = 1e-5, atol = 1e-5 } = tolerance;
  const wave = (shape: readonly number[]): Tensor => {
    const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(0.7 * i));
    return tensor(dtype === 'float64' ? data : Float32Array.from(data), { shape, requiresGrad: true });
  };
  const integers = (values: number[], shape: number[]): Tensor => tensor(values, { dtype: 'int32', shape });
  const computed = (labels: Tensor): Tensor => labels.flip(0).flip(0);

  describe('cross-entropy ignores labels that are computed', () => {
    const OPTIONS: Readonly<Record<string, () => nn.CrossEntropyOptions>> = {
      'by default': () => ({}),
      'with label smoothing': () => ({ labelSmoothing: 0.2 }),
      'with weights': () => ({ weight: wave([3]).detach().add(2) }),
      'with weights and smoothing': () => ({ weight: wave([3]).detach().add(2), labelSmoothing: 0.2 }),
    };
    for (const [name, options] of Object.entries(OPTIONS))
      for (const reduction of ['mean', 'sum', 'none'] as const)
        it(`${name}, ${reduction}`, async () => {
          const device_ = device();
          for (const values of [
            [0, 1, 2, 1],
            [0, -100, 2, -100],
            [-100, -100, -100, -100],
          ]) {
            const x = await wave([4, 3]).to(device_);
            const [known, own] = [integers(values, [4]), computed(integers(values, [4]))];
            const results = [known, own].map((labels) => {
              const logits = x.mul(1);
              logits.requiresGrad = true;
              const criterion = new nn.CrossEntropyLoss({ ...options(), reduction });
              const loss = criterion.forward(logits, labels);
              loss.sum().backward();
              return [loss, logits.grad!];
            });
            const [loss, grad, ownLoss, ownGrad] = await evaluate(...results.flat());
            const ignoredAll = values.every((label) => label === -100);
            if (ignoredAll && reduction === 'mean') assert.ok(Number.isNaN(ownLoss![0]), 'as in PyTorch');
            assertClose(ownLoss!, [...loss!], { rtol, atol }, `loss of ${values}`);
            assertClose(ownGrad!, [...grad!], { rtol, atol }, `gradient of ${values}`);
          }
        });

    it('in sequences, and of the class that is ignored', async () => {
      const x = await wave([2, 3, 4]).to(device());
      for (const ignoreIndex of [-100, 0]) {
        const values = [1, 2, 0, -100, 0, -100, -100, -100].map((v) => (v < 0 ? ignoreIndex : v));
        const labels = integers(values, [2, 4]);
        const options = ignoreIndex === 0 ? { ignoreIndex } : {};
        const expected = nn.functional.crossEntropy(x, labels, options);
        const criterion = new nn.CrossEntropyLoss(options);
        const whole = criterion.forward(x, computed(labels));
        const rows = criterion.forward(x.transpose(1, 2).flatten(0, 1), computed(labels).flatten());
        const [loss, first, second] = await evaluate(expected, whole, rows);
        assertClose(first!, [...loss!], { rtol, atol }, 'whole');
        assertClose(second!, [...loss!], { rtol, atol }, 'rows');
      }
    });

    it('but not labels out of range', async () => {
      const loss = nn.functional.crossEntropy(
        await wave([2, 3]).to(device()),
        computed(integers([1, 3], [2])),
      );
      await assert.rejects(loss.item(), DataError);
    });
  });
}
