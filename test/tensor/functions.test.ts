import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  arange,
  cat,
  einsum,
  eye,
  Generator,
  linspace,
  manualSeed,
  nn,
  onesLike,
  PaperweightError,
  rand,
  randint,
  randn,
  randperm,
  stack,
  type Tensor,
  tensor,
  where,
  zerosLike,
} from '../../src/core.js';

const F = nn.functional;
const list = async (t: Tensor) => [...(await t.data())];
const x = tensor([
  [1, 5, 3],
  [4, 2, 6],
]);

describe('methods and functions of tensors', () => {
  const results: readonly (readonly [string, () => Tensor, readonly number[], readonly number[]])[] = [
    ['cat', () => cat([x, x.slice(1, 0, 1)], 1), [2, 4], [1, 5, 3, 1, 4, 2, 6, 4]],
    ['stack', () => stack([x, x], -1), [2, 3, 2], [1, 1, 5, 5, 3, 3, 4, 4, 2, 2, 6, 6]],
    ['einsum', () => einsum('ij,kj->ik', x, x), [2, 2], [35, 32, 32, 56]],
    ['where with numbers', () => where(x.gt(3), x, 0), [2, 3], [0, 5, 0, 4, 0, 6]],
    [
      'comparisons',
      () => stack([x.lt(4), x.le(4), x.ge(4), x.eq(4), x.ne(4)]).sum([1, 2]),
      [5],
      [3, 4, 3, 1, 5],
    ],
    ['clamp', () => x.clamp(2, 5), [2, 3], [2, 5, 3, 4, 2, 5]],
    ['clamp below', () => x.clamp(3), [2, 3], [3, 5, 3, 4, 3, 6]],
    ['maximum with a number', () => x.maximum(4), [2, 3], [4, 5, 4, 4, 4, 6]],
    ['min and prod', () => cat([x.min(1), x.prod(0)]), [5], [1, 2, 4, 10, 18]],
    ['var', () => x.var(1, { correction: 0 }).mul(3), [2], [8, 8]],
    ['norm', () => tensor([3, 4]).norm(), [], [5]],
    ['cumsum', () => x.cumsum(1), [2, 3], [1, 6, 9, 4, 6, 12]],
    ['argmin', () => x.argmin(1), [2], [0, 1]],
    ['maxWithIndices', () => x.maxWithIndices(0).indices, [3], [1, 0, 1]],
    ['sort', () => x.sort(1, true).values, [2, 3], [5, 3, 1, 6, 4, 2]],
    ['topk', () => x.topk(2).indices, [2, 2], [1, 2, 2, 0]],
    ['split', () => x.split([1, 2], 1)[1]!, [2, 2], [5, 3, 2, 6]],
    ['chunk', () => x.chunk(2, 1)[1]!, [2, 1], [3, 6]],
    ['unbind', () => x.unbind(1)[2]!, [2], [3, 6]],
    ['select from the end', () => x.select(0, -1), [3], [4, 2, 6]],
    ['slice', () => x.slice(1, -2, undefined, 1), [2, 2], [5, 3, 2, 6]],
    ['slice with a step', () => x.slice(1, 0, 3, 2), [2, 2], [1, 3, 4, 6]],
    ['index of a position', () => x.index(-1), [3], [4, 2, 6]],
    ['index of a range', () => x.index([], [1, null]), [2, 2], [5, 3, 2, 6]],
    ['index from the last axis', () => x.index('...', 0), [2], [1, 4]],
    ['index with a new axis', () => x.index(0, null, [0, 3, 2]), [1, 2], [1, 3]],
    ['index of positions', () => x.index([], arange(3).index([1, 3]).reshape(1, 2)), [2, 1, 2], [5, 3, 2, 6]],
    ['indexSelect', () => x.indexSelect(1, tensor([2, 0], { dtype: 'int32' })), [2, 2], [3, 1, 6, 4]],
    ['permute from the end', () => x.permute(-1, 0), [3, 2], [1, 4, 5, 2, 3, 6]],
    ['expand', () => x.select(0, 0).expand(2, -1), [2, 3], [1, 5, 3, 1, 5, 3]],
    ['repeat', () => tensor([1, 2]).repeat(2, 2), [2, 4], [1, 2, 1, 2, 1, 2, 1, 2]],
    ['matmul of vectors', () => tensor([1, 2]).matmul(tensor([3, 4])), [], [11]],
    ['pad', () => F.pad(tensor([1, 2, 3]), [1, 2], { mode: 'reflect' }), [6], [2, 1, 2, 3, 2, 1]],
    ['oneHot', () => F.oneHot(tensor([2, 0], { dtype: 'int32' }), 3), [2, 3], [0, 0, 1, 1, 0, 0]],
    ['arange', () => arange(2, 8, 3), [2], [2, 5]],
    ['arange downwards', () => arange(3, 0, -1), [3], [3, 2, 1]],
    ['linspace', () => linspace(0, 1, 5), [5], [0, 0.25, 0.5, 0.75, 1]],
    ['eye', () => eye(2, 3), [2, 3], [1, 0, 0, 0, 1, 0]],
    ['zerosLike and onesLike', () => zerosLike(x).add(onesLike(x)), [2, 3], [1, 1, 1, 1, 1, 1]],
  ];
  for (const [name, make, shape, values] of results)
    it(name, async () => {
      const made = make();
      assert.deepEqual(made.shape, shape);
      const found = await list(made);
      found.forEach((value, i) => {
        assert.ok(Math.abs(value - values[i]!) < 1e-5, `${found} is not ${values}`);
      });
    });

  it('whole numbers make int32, others float32', () => {
    assert.deepEqual(
      [arange(3).dtype, arange(0, 1, 0.5).dtype, arange(3, undefined, 1, { dtype: 'float64' }).dtype],
      ['int32', 'float32', 'float64'],
    );
  });

  it('integers are compared exactly, and as float32 with a number that is no int32', async () => {
    const ids = tensor(
      [
        [0, 3],
        [7, -2],
      ],
      { dtype: 'int32' },
    );
    const others = tensor([3, 7], { dtype: 'int32' });
    assert.deepEqual(await list(ids.eq(0)), [1, 0, 0, 0]);
    assert.deepEqual(await list(ids.lt(others)), [1, 1, 0, 1]);
    assert.deepEqual(await list(ids.ge(others.select(0, 0))), [0, 1, 1, 0]);
    assert.deepEqual(await list(tensor(Uint8Array.of(0, 255)).gt(254.5)), [0, 1]);
    assert.deepEqual(await list(x.argmax(1).ne(1)), [0, 1]);
    for (const axis of [0, 1, -1]) {
      assert.deepEqual(x.argmax(axis, true).shape, x.max(axis, true).shape);
      assert.deepEqual(await list(x.gather(axis, x.argmin(axis, true))), await list(x.min(axis)));
    }
    const large = tensor([2 ** 24 + 1], { dtype: 'int32' });
    assert.deepEqual(await list(large.eq(2 ** 24)), [0]);
    assert.deepEqual(await list(tensor(Uint8Array.of(3, 255)).eq(others)), [1, 0]);
    assert.throws(() => large.gt(2.5), /as float32.*16777217/);
    assert.throws(() => ids.eq(tensor([0, 1])), PaperweightError);
  });

  it('equal largest values share the gradient, the first alone gets that of maxWithIndices', async () => {
    const given = tensor([1, 3, 3], { requiresGrad: true });
    given.max().backward();
    assert.deepEqual(await list(given.grad!), [0, 0.5, 0.5]);
    given.grad = null;
    given.maxWithIndices(0).values.backward();
    assert.deepEqual(await list(given.grad!), [0, 1, 0]);
  });
});

describe('random tensors', () => {
  it('follow the seed, and differ from call to call', async () => {
    manualSeed(7);
    const first = [await list(randn([4])), await list(rand([4]))];
    manualSeed(7);
    assert.deepEqual([await list(randn([4])), await list(rand([4]))], first);
    assert.notDeepEqual(await list(randn([4])), first[0]);
    manualSeed(8);
    assert.notDeepEqual(await list(randn([4])), first[0]);
  });

  it('have their distributions', async () => {
    manualSeed(3);
    const normal = randn([20000]);
    assert.ok(Math.abs(await normal.mean().item()) < 0.03);
    assert.ok(Math.abs((await normal.std().item()) - 1) < 0.03);
    const uniform = await list(rand([5000]));
    assert.ok(uniform.every((v) => v >= 0 && v < 1));
    const whole = await list(randint(-2, 3, [500]));
    assert.deepEqual(
      [...new Set(whole)].sort((a, b) => a - b),
      [-2, -1, 0, 1, 2],
    );
    assert.deepEqual((await list(randperm(9))).sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('come from the given generator', async () => {
    const numbers = () => list(randn([3], { generator: new Generator(1) }));
    assert.deepEqual(await numbers(), await numbers());
  });
});

describe('bad arguments are errors of the project', () => {
  const wrong: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['cat without an array', () => cat(x as never), /cat\(\) takes an array of tensors.*a Tensor/],
    ['cat of nothing', () => cat([]), /at least one tensor/],
    ['stack of numbers', () => stack([1] as never), /stack\(\) computes on tensors/],
    ['einsum without an equation', () => einsum(x as never, x), /begins with an equation/],
    ['a word as an operand', () => x.maximum('3' as never), /computes on tensors.*"3"/],
    ['a fraction as an axis', () => x.cumsum(0.5), /axis in \[-2, 1\].*0\.5/],
    ['narrow beyond the end', () => x.narrow(1, 2, 2), /at most 3 positions/],
    ['index of too many axes', () => x.index(0, 0, 0), /at most 2 axes/],
    ['index of a word', () => x.index('1' as never), /index\(\) computes on tensors/],
    ['index beyond the end', () => x.index(2), /in \[-2, 1\]/],
    ['index of fractions', () => x.index(tensor([0])), /int32 indices/],
    ['index of two values', () => x.index(arange(1), arange(1)), /positions of one value.*gather/],
    ['clamp by NaN', () => x.clamp(Number.NaN), /clamp\(\) got a bad min/],
    ['var with an unknown option', () => x.var(0, { unbiased: true } as never), /no option unbiased/],
    ['a mean of whole numbers', () => arange(3).var(), /toFloat/],
    ['arange that never ends', () => arange(0, 3, 0), /never reaches its end/],
    ['arange away from its end', () => arange(0, 3, -1), /never reaches its end/],
    ['arange to infinity', () => arange(Number.POSITIVE_INFINITY), /bad end/],
    ['eye of a negative size', () => eye(-1), /bad n/],
    ['randn of whole numbers', () => randn([2], { dtype: 'int32' }), /draws fractions/],
    ['randn of a bad shape', () => randn([-2]), /randn/],
    ['randint with equal limits', () => randint(3, 3, [2]), /low < high/],
    ['zerosLike of an array', () => zerosLike([1] as never), /zerosLike/],
    ['where without a condition', () => where(true as never, x, x), /computes on tensors/],
    [
      'pad in an unknown mode',
      () => F.pad(x, [1, 1], { mode: 'wrap' as never }),
      /Expected constant, replicate/,
    ],
    ['oneHot of no classes', () => F.oneHot(arange(2), 0), /numClasses/],
    ['interpolate without a size', () => F.interpolate(x, {}), /either size or scaleFactor/],
  ];
  for (const [name, act, message] of wrong)
    it(name, () => {
      assert.throws(act, (error: unknown) => {
        assert.ok(error instanceof PaperweightError, String(error));
        assert.match(error.message, message);
        return true;
      });
    });

  const late: readonly (readonly [string, () => Tensor, RegExp])[] = [
    [
      'gather',
      () => x.gather(1, tensor([[0], [3]], { dtype: 'int32' })),
      /gather reads outside.*0 to 2.*got 3/,
    ],
    ['oneHot', () => F.oneHot(tensor([0, -1], { dtype: 'int32' }), 3), /oneHot reads outside/],
    [
      'an embedding',
      () => new nn.Embedding(3, 2).forward(tensor([3], { dtype: 'int32' })),
      /outside of its axis/,
    ],
    [
      'scatterAdd',
      () => x.scatterAdd(1, tensor([[5], [0]], { dtype: 'int32' }), tensor([[1], [1]])),
      /scatterAdd reads outside/,
    ],
  ];
  for (const [name, make, message] of late)
    it(`an index out of range of ${name}, when it is computed`, async () => {
      await assert.rejects(make().data(), (error: unknown) => {
        assert.ok(error instanceof PaperweightError, String(error));
        assert.match(error.message, message);
        return true;
      });
    });
});
