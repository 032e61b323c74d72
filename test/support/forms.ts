import { describe, it } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import type { Node } from '../../src/graph/node.js';
import { type Shape, sizeOf } from '../../src/graph/types.js';
import * as ops from '../../src/ops/index.js';
import { evaluate, Tensor, tensor } from '../../src/tensor/tensor.js';
import { assertClose } from './close.js';
import { values } from './generated.js';

type Floating = 'float32' | 'float64';
type Pair = ops.Pair;

/** What a case is made of, by name: the same values for each device. */
class Parts {
  readonly made: Tensor[] = [];
  constructor(
    readonly device: Device,
    readonly dtype: Floating,
  ) {}

  /** Values on the device, whose gradient is compared too. */
  async part(shape: Shape, { above = -1 } = {}): Promise<Node> {
    const data = values(shape, this.made.length + 1, 1).map((v) => (above < 0 ? v : Math.abs(v) + above));
    const placed = await tensor(this.dtype === 'float32' ? data : Float64Array.from(data), { shape }).to(
      this.device,
    );
    const made = new Tensor(placed.node, true);
    this.made.push(made);
    return made.node;
  }
}

const offsets = (n: number, top: number, left: number): Node =>
  tensor(
    Int32Array.from({ length: 2 * n }, (_, i) => (i % 2 ? left : top)),
    { shape: [n, 2] },
  ).node;
const cropped = (x: Node, [top, left]: Pair, size: Pair): Node =>
  ops.crop(x, offsets(x.shape[0]!, top, left), size);

/** Values of 2 · 8 · 6 · 6 elements that lie as some operation left them. */
const SOURCES: Readonly<Record<string, (p: Parts) => Promise<Node>>> = {
  'an activation': async (p) => ops.tanh(await p.part([2, 8, 6, 6])),
  'a convolution': async (p) => ops.conv2d(await p.part([2, 3, 6, 6]), await p.part([8, 3, 1, 1]), undefined),
  'a convolution, cut': async (p) =>
    cropped(ops.conv2d(await p.part([2, 3, 8, 7]), await p.part([8, 3, 1, 1]), undefined), [1, 1], [6, 6]),
  'a convolution, padded': async (p) =>
    cropped(ops.conv2d(await p.part([2, 3, 4, 5]), await p.part([8, 3, 1, 1]), undefined), [-1, 0], [6, 6]),
  'two convolutions, side by side': async (p) => {
    const x = await p.part([2, 3, 6, 3]);
    const halves = [await p.part([8, 3, 1, 1]), await p.part([8, 3, 1, 1])].map((w) =>
      ops.conv2d(x, w, undefined),
    );
    return ops.add(cropped(halves[0]!, [0, 0], [6, 6]), cropped(halves[1]!, [0, -3], [6, 6]));
  },
  'a linear layer': async (p) => ops.linear(await p.part([4, 10]), await p.part([144, 10])),
  'a permutation': async (p) => ops.permute(await p.part([6, 2, 6, 8]), [1, 3, 0, 2]),
  'a pooling': async (p) => ops.maxPool2d(await p.part([2, 8, 12, 12]), { kernel: [2, 2] }),
};

/** The channels of a first shape may agree with those of another. */
const SHAPES: readonly Shape[] = [
  [4, 4, 6, 6],
  [4, 8, 3, 6],
  [2, 8, 4, 9],
  [1, 16, 6, 6],
  [2, 8, 6, 6],
];

const READERS: Readonly<Record<string, (x: Node, p: Parts) => Promise<Node>>> = {
  'local response normalisation': async (x) => ops.localResponseNorm(x, { size: 3, alpha: 1 }),
  'batch normalisation, training': async (x, p) => {
    const c = x.shape[1]!;
    return ops.batchNormTrain(x, await p.part([c]), await p.part([c]));
  },
  'batch normalisation, evaluating': async (x, p) => {
    const c = x.shape[1]!;
    const [gamma, beta, mean] = [await p.part([c]), await p.part([c]), await p.part([c])];
    const variance = await p.part([c], { above: 1 });
    return ops.batchNorm(x, gamma, beta, ops.detach(mean), ops.detach(variance));
  },
  'statistics of a batch': async (x, p) =>
    ops.mul(ops.detach(ops.batchStats(x)), await p.part([2, x.shape[1]!])),
  'the largest of windows': async (x) =>
    ops.maxPool2d(x, { kernel: [3, 3], stride: [2, 2], padding: [1, 1] }),
  'the mean of windows': async (x) => ops.avgPool2d(x, { kernel: [2, 3], stride: [1, 2] }),
  'a convolution': async (x, p) =>
    ops.conv2d(x, await p.part([5, x.shape[1]!, 3, 3]), await p.part([5]), { padding: [1, 1] }),
  'a linear layer': async (x, p) => {
    const flat = ops.flatten(x, 1);
    return ops.linear(flat, await p.part([7, flat.shape[1]!]), await p.part([7]));
  },
  'a matrix product': async (x, p) => {
    const flat = ops.flatten(x, 2);
    return ops.matmul(flat, await p.part([flat.shape[0]!, flat.shape[2]!, 3]));
  },
  'an activation and a sum with itself': async (x) => ops.add(ops.sigmoid(x), x),
  'a product with another form': async (x, p) =>
    ops.mul(x, ops.reshape(ops.tanh(await p.part([sizeOf(x.shape)])), x.shape)),
  'means of channels': async (x) => ops.mean(x, [0, 2, 3]),
  softmax: async (x) => ops.softmax(x, 1),
};

/**
 * Registers tests of values that one operation left under some dimensions and another reads under others: each
 * device's numbers and gradients beside the reference's.
 */
export function forms(device: () => Device, dtype: Floating, skip: string | false): void {
  const reference = referenceDevice();
  /** Output and gradients of Σ output · weights, in one graph. */
  async function run(on: Device, build: (p: Parts) => Promise<Node>): Promise<ArrayLike<number>[]> {
    const parts = new Parts(on, dtype);
    const output = new Tensor(await build(parts));
    const weights = tensor(values(output.shape, 99, 1), { shape: output.shape });
    if (parts.made.length > 0) output.mul(weights.toFloat(dtype)).sum().backward();
    return evaluate(output, ...parts.made.flatMap((t) => t.grad ?? []));
  }
  async function compare(what: string, build: (p: Parts) => Promise<Node>): Promise<void> {
    const [expected, got] = [await run(reference, build), await run(device(), build)];
    expected.forEach((one, i) => {
      // A small result may be the difference of large parts, whose rounding it keeps.
      const largest = Array.from(one).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      assertClose(
        got[i]!,
        one,
        { rtol: 1e-4, atol: 1e-4 + 1e-6 * largest },
        `${what}: ${i === 0 ? 'output' : `gradient ${i}`}`,
      );
    });
  }

  describe('reads a value under other dimensions than those of its layout', { skip }, () => {
    for (const [reader, read] of Object.entries(READERS))
      it(reader, async () => {
        for (const [source, make] of Object.entries(SOURCES))
          for (const shape of SHAPES)
            await compare(`${source} as [${shape.join(', ')}]`, async (p) =>
              read(ops.reshape(await make(p), shape), p),
            );
      });

    it('for any first reader and any computation in place', async () => {
      for (const first of Object.values(READERS))
        for (const second of Object.values(READERS))
          await compare('two readers', async (p) => {
            const x = await SOURCES['a convolution']!(p);
            const one = await first(x, p);
            const other = await second(ops.reshape(x, [4, 8, 3, 6]), p);
            return ops.mul(ops.sum(ops.tanh(one)), ops.tanh(other));
          });
    });

    it('of weights that a layer keeps in another layout', async () => {
      await compare('weights', async (p) => {
        const w = await p.part([64, 64]);
        const other = ops.reshape(w, [32, 128]);
        const y = ops.linear(await p.part([16, 64]), w);
        return ops.matmul(ops.reshape(y, [32, 32]), other);
      });
    });
  });

  it('adds one value to channels that do not fill their layout, which stays filled with zeros', {
    skip,
  }, async () => {
    const { add, sub, mul, div } = ops;
    for (const [name, op] of Object.entries({ add, sub, mul, div }))
      await compare(name, async (p) => {
        const x = ops.conv2d(await p.part([4, 3, 8, 8]), await p.part([20, 3, 3, 3]), undefined);
        return ops.sumOfSquares(op(x, await p.part([], { above: 1 })));
      });
  });
}
