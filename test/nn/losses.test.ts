import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { DataError, type PaperweightError, ShapeError, UsageError } from '../../src/errors/errors.js';
import * as nn from '../../src/nn/index.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { type Tensor, tensor } from '../../src/tensor/tensor.js';
import { assertNear, readFixture } from '../support/generated.js';

interface Case {
  readonly name: string;
  readonly loss: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly inputs: readonly { shape: number[]; dtype: 'int32' | 'float32'; data: number[] }[];
  readonly output: { shape: number[]; data: number[] };
  readonly up: readonly number[];
  readonly grads: readonly (number[] | null)[];
}
const { cases } = readFixture<{ cases: Case[] }>('losses.json');

type Loss = { forward(...inputs: Tensor[]): Tensor };
const made = (name: string, options: object): Loss =>
  new (nn as unknown as Record<string, new (options: object) => Loss>)[name]!(options);

/** The functional form of each loss. */
const FUNCTIONS: Readonly<Record<string, keyof typeof nn.functional>> = {
  MSELoss: 'mseLoss',
  L1Loss: 'l1Loss',
  SmoothL1Loss: 'smoothL1Loss',
  HuberLoss: 'huberLoss',
  BCELoss: 'binaryCrossEntropy',
  BCEWithLogitsLoss: 'binaryCrossEntropyWithLogits',
  NLLLoss: 'nllLoss',
  CrossEntropyLoss: 'crossEntropy',
  KLDivLoss: 'klDiv',
  CosineEmbeddingLoss: 'cosineEmbeddingLoss',
  PoissonNLLLoss: 'poissonNllLoss',
  GaussianNLLLoss: 'gaussianNllLoss',
  MarginRankingLoss: 'marginRankingLoss',
  HingeEmbeddingLoss: 'hingeEmbeddingLoss',
  TripletMarginLoss: 'tripletMarginLoss',
};

const rounded = (data: readonly number[]) => Float64Array.from(data, Math.fround);
const doubles = (values: unknown): Tensor => tensor(values as number[], { dtype: 'float64' });

/** Options with their lists made tensors. */
const withTensors = (options: Case['options']) =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, Array.isArray(value) ? doubles(value) : value]),
  );

const inputsOf = ({ inputs }: Case): Tensor[] =>
  inputs.map(({ shape, dtype, data }) =>
    dtype === 'int32'
      ? tensor(Int32Array.from(data), { shape })
      : tensor(rounded(data), { shape, requiresGrad: true }),
  );

/** Relative to the length of the expected values, or absolute near 0. */
const near = (a: ArrayLike<number>, b: readonly number[], what: string, tolerance = 1e-9) => {
  assert.equal(a.length, b.length, what);
  if (b.every((value) => Math.abs(value) < 1e-6))
    for (const [i, value] of b.entries()) assert.ok(Math.abs(a[i]! - value) < 1e-11, `${what}: ${a[i]}`);
  else assertNear(a, b, tolerance, what);
};

describe('losses', () => {
  before(() => setDefaultDevice(referenceDevice()));

  for (const one of cases)
    it(`follow PyTorch: ${one.name}`, async () => {
      const options = withTensors(one.options);
      const functional = nn.functional[FUNCTIONS[one.loss]!] as unknown as (...args: unknown[]) => Tensor;
      for (const compute of [
        (inputs: Tensor[]) => made(one.loss, options).forward(...inputs),
        (inputs: Tensor[]) => functional(...inputs, options),
      ]) {
        const inputs = inputsOf(one);
        const output = compute(inputs);
        assert.deepEqual(output.shape, one.output.shape);
        near(await output.data(), one.output.data, 'output');
        output
          .mul(tensor(rounded(one.up), { shape: one.output.shape }))
          .sum()
          .backward();
        // PyTorch's 10⁻¹² in BCELoss is a float32.
        for (const [i, expected] of one.grads.entries())
          if (expected)
            near(
              await inputs[i]!.grad!.data(),
              expected,
              `gradient ${i}`,
              /^bce, certain/.test(one.name) ? 1e-8 : 1e-9,
            );
      }
    });

  it('are all compared with PyTorch', () => {
    const all = Object.keys(nn).filter((name) => /Loss$/.test(name));
    const compared = new Set(cases.map(({ loss }) => loss));
    assert.deepEqual(
      all.filter((name) => !compared.has(name)),
      [],
    );
    assert.deepEqual(Object.keys(FUNCTIONS).sort(), [...compared].sort());
  });

  it('are finite in float32 for logits of any size, with finite gradients', async () => {
    const logits = [0, 1e4, -1e4, 1e30, -1e30];
    for (const target of [0, 1]) {
      const x = tensor(logits, { requiresGrad: true });
      const loss = nn.functional.binaryCrossEntropyWithLogits(x, tensor(logits.map(() => target)));
      loss.backward();
      assert.ok(Number.isFinite(await loss.item()));
      assert.ok((await x.grad!.data()).every((g) => Math.abs(g) <= 1));
    }
    const rows = tensor([logits, logits.map((v) => -v)], { requiresGrad: true });
    const labels = tensor([1, 1], { dtype: 'int32' });
    const weight = tensor([1, 2, 3, 4, 5]);
    const loss = nn.functional.crossEntropy(rows, labels, { weight });
    loss.backward();
    assert.ok(Number.isFinite(await loss.item()));
    assert.ok((await rows.grad!.data()).every(Number.isFinite));
  });

  it('treat labels on a device like those on the host', async () => {
    const logits = doubles([
      [1, 2, 3],
      [3, 1, 0],
      [0, 1, 0],
    ]);
    const labels = tensor([2, -1, 1], { dtype: 'int32' });
    const there = await labels.to(referenceDevice());
    for (const options of [
      { ignoreIndex: -1 },
      { ignoreIndex: -1, weight: doubles([1, 2, 3]), labelSmoothing: 0.1 },
    ]) {
      const expected = await nn.functional.crossEntropy(logits, labels, options).item();
      assert.equal(await nn.functional.crossEntropy(logits, there, options).item(), expected);
    }
    // One that is not a class, and not ignored.
    await assert.rejects(nn.functional.crossEntropy(logits, there, { ignoreIndex: 7 }).item(), DataError);
    const weighted = nn.functional.crossEntropy(logits, there, {
      ignoreIndex: 7,
      weight: doubles([1, 2, 3]),
    });
    assert.ok(Number.isNaN(await weighted.item()));
    await assert.rejects(nn.functional.crossEntropy(logits, there).item(), DataError);
  });

  it('are NaN for targets out of range that a device computes', async () => {
    const x = doubles([0.5, 0.5]);
    for (const bad of [-0.25, 1.25, Number.NaN]) {
      const target = doubles([0.5, bad]).mul(doubles([1, 1]));
      for (const loss of [nn.functional.binaryCrossEntropy, nn.functional.binaryCrossEntropyWithLogits])
        assert.ok(Number.isNaN(await loss(x, target).item()), `${bad}`);
    }
    const wild = doubles([0.5, 1.5]).mul(doubles([1, 1]));
    assert.ok(Number.isNaN(await nn.functional.binaryCrossEntropy(wild, doubles([0, 1])).item()));
    const pair = doubles([[1, 2]]);
    const odd = doubles([1]).mul(doubles([0.5]));
    assert.ok(Number.isNaN(await nn.functional.cosineEmbeddingLoss(pair, pair, odd).item()));
  });

  it('reject shapes, types, targets and options that are not valid', () => {
    const f = nn.functional;
    const [a, b] = [doubles([1, 2]), doubles([[1], [2]])];
    const logits = doubles([
      [1, 2, 3],
      [3, 1, 0],
    ]);
    const labels = (values: number[]) => tensor(values, { dtype: 'int32' });
    type Kind = new (...args: never[]) => PaperweightError;
    const wrong: [make: () => unknown, kind: Kind, says: RegExp][] = [
      [() => f.mseLoss(a, b), ShapeError, /different shapes.*\[2\].*\[2, 1\].*N × N/],
      [() => new nn.MSELoss().forward(a, b), ShapeError, /MSELoss got input and target/],
      [() => f.mseLoss(a, 3 as never), UsageError, /mseLoss computes on tensors: its target/],
      [() => f.mseLoss(a, a, { reduction: 'max' as never }), UsageError, /'none'.*got max/],
      [() => f.mseLoss(doubles([]), doubles([])), ShapeError, /mean of no losses/],
      [() => f.l1Loss(a, tensor([1, 2])), ShapeError, /inputs of one type/],
      [() => new nn.HuberLoss({ delta: 0 }), UsageError, /delta/],
      [() => new nn.SmoothL1Loss({ beta: -1 }), UsageError, /beta/],
      [() => new nn.SmoothL1Loss({ betta: 1 } as never), UsageError, /did you mean beta/],
      [
        () => f.binaryCrossEntropy(doubles([1.5]), doubles([1])),
        DataError,
        /bad input at position 0.*got 1.5/,
      ],
      [() => f.binaryCrossEntropy(doubles([0.5]), doubles([Number.NaN])), DataError, /target.*got NaN/],
      [() => f.binaryCrossEntropyWithLogits(a, doubles([0, -1])), DataError, /target at position 1.*got -1/],
      [
        () => f.binaryCrossEntropyWithLogits(a, doubles([0, 1]), { posWeight: doubles([1, 2, 3]) }),
        ShapeError,
        /broadcast/,
      ],
      [
        () => f.binaryCrossEntropyWithLogits(a, doubles([0, 1]), { weight: doubles([[1], [2]]) }),
        ShapeError,
        /weight of a shape that does not fit/,
      ],
      [() => f.crossEntropy(logits, labels([1])), ShapeError, /labels \[2\] of type int32/],
      [() => f.crossEntropy(logits, doubles([1, 2])), ShapeError, /labels \[2\] of type int32, or prob/],
      [
        () => f.crossEntropy(logits, labels([0, 3]), { ignoreIndex: 0 }),
        DataError,
        /position 1.*from 0 to 2.*or 0.*got 3/s,
      ],
      [() => f.nllLoss(logits, labels([-1, 0])), DataError, /position 0.*got -1/s],
      [() => f.nllLoss(logits, doubles([1, 2])), UsageError, /labels of type float64/],
      [() => f.crossEntropy(logits, logits), DataError, /bad target at position 1.*got 2/s],
      [
        () => f.crossEntropy(logits, labels([0, 1]), { weight: doubles([1, 2]) }),
        ShapeError,
        /classes.*\[3\].*\[2\]/s,
      ],
      [() => new nn.CrossEntropyLoss({ ignoreIndex: 0.5 }), UsageError, /ignoreIndex/],
      [() => new nn.CrossEntropyLoss({ weight: [1, 2] as never }), UsageError, /its weight/],
      [() => new nn.CrossEntropyLoss({ labelSmoothing: Number.NaN }), UsageError, /labelSmoothing/],
      [() => f.klDiv(a, doubles([1, -1])), DataError, /target at position 1/],
      [() => f.klDiv(doubles(1), doubles(1), { reduction: 'batchmean' }), ShapeError, /batch/],
      [() => new nn.MSELoss({ reduction: 'batchmean' as never }), UsageError, /reduction/],
      [() => f.cosineEmbeddingLoss(logits, logits, labels([1, 0])), DataError, /position 1.*got 0/s],
      [() => f.cosineEmbeddingLoss(logits, logits, labels([1])), ShapeError, /\[N, D\]/],
      [() => new nn.CosineEmbeddingLoss({ margin: 2 }), UsageError, /margin/],
      [() => f.poissonNllLoss(a, doubles([1, -2])), DataError, /target at position 1/],
      [() => f.gaussianNllLoss(a, a, doubles([1, -1])), DataError, /variance at position 1/],
      [() => f.gaussianNllLoss(a, a, doubles([[1], [1]])), ShapeError, /variance that does not fit/],
    ];
    for (const [make, kind, says] of wrong)
      assert.throws(
        make,
        (error) => {
          assert.ok(error instanceof kind && says.test((error as Error).message), `${make}: ${error}`);
          return true;
        },
        String(make),
      );
  });
});
