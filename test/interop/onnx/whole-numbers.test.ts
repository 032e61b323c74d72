import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arange, cat, manualSeed, nn, ones, type Tensor, tensor, where } from '../../../src/core.js';
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
  'arithmetic of constant positions': (x) => {
    const sums = arange(SIZE).mul(3).cumsum(0);
    return x.mul(sums.sub(sums.max()).toFloat());
  },
  'classes that are computed': (x, linear) =>
    nn.functional.oneHot(linear.forward(x).argmax(-1), SIZE).matmul(linear.weight),
};

/** Rows that may not see columns behind them, by a comparison of positions. */
const later = (): Tensor => arange(ROWS).unsqueeze(0).gt(arange(ROWS).unsqueeze(1));
const whole = (shape: readonly number[], value: (index: number) => number): Tensor =>
  tensor(
    Int32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => value(i)),
    { shape },
  );

class Attention extends nn.Module {
  readonly attention = new nn.MultiheadAttention(SIZE, 2, { batchFirst: true });
  readonly encoder = new nn.TransformerEncoder(
    new nn.TransformerEncoderLayer(SIZE, 2, { batchFirst: true, dimFeedforward: SIZE }),
    1,
  );
  readonly mask = this.registerBuffer(
    'mask',
    whole([ROWS, ROWS], (i) => (i % ROWS > Math.floor(i / ROWS) ? 1 : 0)),
  );

  forward(x: Tensor): Tensor {
    const { scaledDotProductAttention } = nn.functional;
    const [kept] = this.attention.forward(x, x, x, { attnMask: this.mask });
    const [compared] = this.attention.forward(x, x, x, { attnMask: later() });
    const allowed = scaledDotProductAttention(x, x, x, { attnMask: this.mask.eq(0) });
    return kept
      .add(compared)
      .add(allowed)
      .add(this.encoder.forward(x, { mask: later() }));
  }
}

/** A network on words with reversed positions, biases of relative positions as in T5, and words that it replaces. */
class Words extends nn.Module {
  readonly words = new nn.Embedding(10, SIZE);
  readonly positions = new nn.Embedding(ROWS, SIZE);
  readonly distances = new nn.Embedding(2 * ROWS - 1, 1);
  readonly relative = this.registerBuffer(
    'relative',
    whole([ROWS, ROWS], (i) => Math.floor(i / ROWS) - (i % ROWS) + ROWS - 1),
  );

  forward(ids: Tensor): Tensor {
    const replaced = where(ids.gt(3), ids, arange(ROWS)).maskedFill(ids.eq(9), 2);
    const begun = cat([arange(1).unsqueeze(0).expand(ids.shape[0]!, 1), replaced], 1).slice(1, 0, ROWS);
    const x = this.words.forward(begun).add(this.positions.forward(arange(ROWS).flip([0])));
    const bias = this.distances.weight.indexSelect(0, this.relative.flatten()).reshape(ROWS, ROWS);
    const scores = x
      .matmul(x.transpose(1, 2))
      .add(bias)
      .add(this.distances.forward(this.relative).squeeze(2));
    return scores.softmax(-1).matmul(x);
  }
}

/** Compares whole numbers that float32 does not tell apart. */
class Large extends nn.Module {
  forward(ids: Tensor): Tensor {
    return ids
      .gt(2 ** 24)
      .add(ids.eq(2 ** 24 + 1).mul(2))
      .add(ids.le(ids.select(1, 0).unsqueeze(1)).mul(4));
  }
}

describe('constant whole numbers in exported networks', () => {
  const cases = [
    {
      name: 'masks of attention',
      make: () => new Attention(),
      shape: [ROWS, SIZE],
      type: 'float32',
      from: 0,
    },
    { name: 'positions of words', make: () => new Words(), shape: [ROWS], type: 'int32', from: 0 },
    {
      name: 'limits of large numbers',
      make: () => new Large(),
      shape: [ROWS],
      type: 'int32',
      from: 2 ** 24 - 3,
    },
  ] as const;
  for (const { name, make, shape, type, from } of cases)
    it(`${name} are written with their values`, async () => {
      manualSeed(6);
      const model = make().eval() as nn.Module;
      const bytes = (await exportOnnx(model, shape, { inputType: type })).encode();
      for (const batch of [1, 5]) {
        const sizes = [batch, ...shape];
        const x = type === 'int32' ? whole(sizes, (i) => from + ((i * 7) % 10)) : patterned(sizes);
        const ours = (await model.forward(x).data()) as Values;
        assert.ok(farthest((await importOnnx(bytes).forward(x).data()) as Values, ours) <= 1e-6);
        for (const { name: which, provider, found } of runtimes) {
          if (typeof found === 'string') continue;
          const session = await found.InferenceSession.create(bytes, { executionProviders: [provider] });
          const images = new found.Tensor(type, (await x.data()) as Values, x.shape);
          const { logits } = await session.run({ images });
          await session.release();
          assert.ok(farthest(logits!.data, ours) <= 1e-5, which);
        }
      }
    });
});

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
