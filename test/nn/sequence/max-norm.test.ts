import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grad, nn, optim, type Parameter, referenceDevice, type Tensor, tensor } from '../../../src/core.js';
import { averageGradients } from '../../../src/distributed/average.js';
import { assertNear, readFixture } from '../../support/generated.js';

interface Step {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly y: readonly number[];
  readonly z: readonly number[];
  readonly grad: readonly number[];
  readonly weight: readonly number[];
}
interface Case {
  readonly name: string;
  readonly prints: string;
  readonly start: readonly number[];
  readonly steps: readonly Step[];
}
const { cases } = readFixture<{ cases: Case[] }>('max-norm.json');

const OPTIONS: Readonly<Record<string, nn.EmbeddingOptions>> = {
  'of norm 1': { maxNorm: 1 },
  'of norm 0.7, with a padding': { maxNorm: 0.7, paddingIdx: 2 },
  'of the sum of absolute values': { maxNorm: 1.5, normType: 1 },
  'of the largest value': { maxNorm: 0.5, normType: Number.POSITIVE_INFINITY },
};
const ids = (list: readonly number[]): Tensor => tensor(Int32Array.from(list), { shape: [2, 2] });

/** A table with given values on the reference device, in float64. */
async function tableOf(start: readonly number[], options: nn.EmbeddingOptions): Promise<nn.Embedding> {
  const table = await new nn.Embedding(6, 3, options).toFloat('float64');
  table.weight.load(Float64Array.from(start, Math.fround));
  return table.to(referenceDevice());
}
const near = async (actual: Tensor, expected: readonly number[], what: string): Promise<void> =>
  assertNear(await actual.data(), expected, 1e-9, what);

describe('rows of limited norm', () => {
  for (const { name, prints, start, steps } of cases)
    it(`follow PyTorch for five steps: ${name}`, async () => {
      const table = await tableOf(start, OPTIONS[name]!);
      assert.equal(table.toString().replace('Infinity', 'inf'), prints.replace(/\.0\b/g, ''));
      const options = { lr: 0.1, momentum: 0.5, weightDecay: 0.1 };
      const optimizer = new optim.SGD(table.parameters(), options);
      for (const [t, step] of steps.entries()) {
        optimizer.zeroGrad();
        const [y, z] = [table.forward(ids(step.a)), table.forward(ids(step.b))];
        y.add(z).matmul(table.weight.transpose(0, 1)).square().sum().backward();
        const gradient = table.weight.grad!;
        optimizer.step({ compute: [y, z, gradient] });
        await near(y, step.y, `first rows of step ${t}`);
        await near(z, step.z, `second rows of step ${t}`);
        await near(gradient, step.grad, `gradient of step ${t}`);
        await near(table.weight, step.weight, `table after step ${t}`);
      }
    });

  const start = cases[0]!.start;
  const small = (weight: Parameter): Promise<number[]> =>
    weight.data().then((w) => [0, 1, 2, 3, 4, 5].map((r) => Math.hypot(...w.subarray(3 * r, 3 * r + 3))));

  it('are small in the table after they were looked up in training, however it is read', async () => {
    const table = await tableOf(start, { maxNorm: 0.5 });
    const before = await small(table.weight);
    assert.ok(before.every((norm) => norm > 0.5));
    const rows = table.forward(ids([1, 1, 4, 1]));
    const now = before.map((norm, r) => (r === 1 || r === 4 ? 0.5 : norm));
    assertNear(await small(table.weight), now, 1e-6, 'as values');
    const pieces: number[] = [];
    for await (const piece of table.weight.pieces()) pieces.push(...piece);
    assertNear(pieces, [...(await table.weight.data())], 0, 'in pieces');
    assertNear(await small(nn.deepCopy(table).weight), now, 1e-6, 'in a copy');
    // The table has been written, so that the rows can no longer be computed from what it was.
    await assert.rejects(rows.data(), /./);
    assertNear(await small((await table.to(referenceDevice())).weight), now, 1e-6, 'after a move');
  });

  it('are not written in evaluation, by which outputs are the same', async () => {
    const table = await tableOf(start, { maxNorm: 0.5 });
    const before = await small(table.weight);
    table.eval();
    const rows = await table.forward(ids([0, 1, 2, 3])).data();
    assert.deepEqual(await small(table.weight), before);
    table.train();
    assert.deepEqual(await table.forward(ids([0, 1, 2, 3])).data(), rows);
    assert.deepEqual((await table.weight.data()).subarray(0, 12), rows);
  });

  it('stay readable when another optimizer makes a step between', async () => {
    const [table, other] = [
      await tableOf(start, { maxNorm: 0.5 }),
      await new nn.Linear(3, 1).to(referenceDevice()),
    ];
    const [first, second] = [new optim.SGD(other.parameters()), new optim.SGD(table.parameters())];
    const made = table.forward(ids([0, 1, 2, 3]));
    other.forward(made.detach().toFloat('float32')).sum().backward();
    first.step();
    made.square().sum().backward();
    second.step();
    assert.ok((await small(table.weight)).slice(0, 4).every((norm) => norm < 0.5));
  });

  it('are those of bags too', async () => {
    const [table, bag] = [
      await tableOf(start, { maxNorm: 0.5 }),
      new nn.EmbeddingBag(6, 3, { maxNorm: 0.5, mode: 'sum' }),
    ];
    await bag.toFloat('float64');
    bag.weight.load(Float64Array.from(start, Math.fround));
    await bag.to(referenceDevice());
    const index = tensor([1, 1, 4, 0], { dtype: 'int32' });
    const rows = await table.forward(ids([1, 1, 4, 0])).data();
    const sums = [0, 1, 2].flatMap((k) => [rows[k]! + rows[3 + k]!, rows[6 + k]! + rows[9 + k]!]);
    const bags = bag.forward(index, { offsets: [0, 2] }).transpose(0, 1);
    await near(bags, sums, 'sums');
    assert.deepEqual(await bag.weight.data(), await table.weight.data());
  });

  it('pass gradients to the table by grad() too, and a limit of the host changes outputs only', async () => {
    const table = await tableOf(start, { maxNorm: 0.5 });
    const rows = table.forward(ids([0, 0, 1, 2]));
    const [slope] = grad(rows.sum(), [table.weight]);
    await near(slope!, [2, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'slope');
    const host = new nn.Embedding(6, 3, { maxNorm: 0.1 });
    const before = await small(host.weight);
    const short = await host.forward(ids([0, 1, 2, 3])).data();
    assert.ok(Math.hypot(...short.subarray(0, 3)) < 0.1001);
    assert.deepEqual(await small(host.weight), before);
  });

  it('refuse limits that are not valid, and tables that cannot change', async () => {
    assert.throws(() => new nn.Embedding(3, 2, { maxNorm: -1 }), /bad maxNorm.*at least 0.*-1/s);
    assert.throws(() => new nn.Embedding(3, 2, { maxNorm: 1, normType: -1 }), /bad normType/);
    const other = new nn.Embedding(3, 2, { maxNorm: 0.1 });
    await other.to(referenceDevice());
    other
      .forward(tensor([0], { dtype: 'int32' }))
      .sum()
      .backward();
    assert.throws(
      () => averageGradients(other.parameters(), 2, { share: 0.5, even: true, wire: 'float32' }),
      /maxNorm cannot be trained by several ranks/,
    );
    const plain = tensor([1, 2, 3, 4], { shape: [2, 2] });
    assert.throws(
      () => nn.functional.embedding(tensor([0], { dtype: 'int32' }), plain, { maxNorm: 1 }),
      /a Parameter with maxNorm/,
    );
  });
});
