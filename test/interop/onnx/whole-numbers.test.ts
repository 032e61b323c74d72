import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arange, manualSeed, nn, ones, type Tensor } from '../../../src/core.js';
import { exportOnnx, importOnnx } from '../../../src/interop/onnx/index.js';
import { patterned } from '../../support/onnx/cases.js';
import { farthest, nowhere, type Runtime, runtimes, type Values } from '../../support/onnx/runtimes.js';

/* Constant whole numbers in a network, such as masks and positions, and positions that it computes. */

const [ROWS, SIZE] = [3, 4];

class Steps extends nn.Module {
  readonly linear = new nn.Linear(SIZE, SIZE);

  constructor(readonly step: (x: Tensor, linear: nn.Linear) => Tensor) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.step(x, this.linear);
  }
}

const NETWORKS: Readonly<Record<string, (x: Tensor, linear: nn.Linear) => Tensor>> = {
  'triangles of weights and of inputs': (x, { weight }) =>
    x.matmul(weight.tril(-1).add(weight.triu(1))).triu(1),
  'a causal mask': (x) =>
    x
      .matmul(x.transpose(1, 2))
      .maskedFill(ones([ROWS, ROWS]).triu(1), -Infinity)
      .softmax(-1),
  'constant positions as numbers': (x) => x.mul(arange(1, SIZE + 1).toFloat()),
  'classes that are computed': (x, linear) =>
    nn.functional.oneHot(linear.forward(x).argmax(-1), SIZE).matmul(linear.weight),
};

describe('whole numbers in exported networks', () => {
  for (const [name, step] of Object.entries(NETWORKS))
    it(name, async (t) => {
      manualSeed(5);
      const model = new Steps(step).eval();
      const bytes = (await exportOnnx(model, [ROWS, SIZE])).encode();
      for (const batch of [1, 5]) {
        const x = patterned([batch, ROWS, SIZE]);
        const ours = (await model.forward(x).data()) as Values;
        const again = (await importOnnx(bytes).forward(x).data()) as Values;
        assert.ok(farthest(again, ours) <= 1e-6);
        for (const { name: which, provider, found } of nowhere ? [] : runtimes) {
          if (typeof found === 'string') continue;
          const { InferenceSession, Tensor: Theirs } = found as Runtime;
          const session = await InferenceSession.create(bytes, { executionProviders: [provider] });
          const data = (await x.data()) as Values;
          const { logits } = await session.run({ images: new Theirs('float32', data, x.shape) });
          await session.release();
          const apart = farthest(logits!.data, ours);
          t.diagnostic(`${which}, batch ${batch}: ${apart.toExponential(1)}`);
          assert.ok(apart <= 1e-5, `${which}: ${apart}`);
        }
      }
    });
});
