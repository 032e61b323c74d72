import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { ShapeError, UsageError } from '../../src/errors/errors.js';
import { noGrad } from '../../src/graph/grad-mode.js';
import * as nn from '../../src/nn/index.js';
import type { Gradients } from '../../src/nn/module/call-hooks.js';
import { grad } from '../../src/tensor/grad.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { type NestedNumbers, ones, type Tensor, tensor } from '../../src/tensor/tensor.js';
import { readFixture } from '../support/generated.js';

type Seen = readonly [kind: string, ...gradients: readonly (readonly (NestedNumbers | null)[])[]];
interface Case {
  readonly seen: readonly Seen[];
  readonly weight: NestedNumbers;
  readonly x: NestedNumbers | null;
  readonly y: NestedNumbers | null;
}
const fixture = readFixture<{
  readonly x: number[][];
  readonly w: number[][];
  readonly cases: Readonly<Record<string, Case>>;
}>('hooks.json');

/** The module of make_hooks.py: two inputs and a number, two outputs. */
class Pair extends nn.Module<Tensor[]> {
  readonly weight = new Parameter(Float64Array.from(fixture.w.flat()), [2, 3]);
  forward(x: Tensor, scale: number, y: Tensor): Tensor[] {
    return [x.matmul(this.weight.transpose(0, 1)).mul(scale), x.mul(y)];
  }
}

class Double extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.mul(2);
  }
}

const nested = async (t: Tensor | null): Promise<NestedNumbers | null> => {
  if (t === null) return null;
  const [data, [rows = 1, columns = 1]] = [[...(await t.data())], t.shape];
  return Array.from({ length: rows }, (_, i) => data.slice(i * columns, (i + 1) * columns));
};

const isZero = (value: unknown): boolean => (Array.isArray(value) ? value.every(isZero) : value === 0);

/** PyTorch has zeros where an input of a hooked module has no gradient; here it is null. */
function assertClose(got: unknown, expected: unknown, at: string): void {
  if (got === null && isZero(expected)) return;
  if (Array.isArray(expected)) {
    assert.ok(Array.isArray(got) && got.length === expected.length, `${at}: ${JSON.stringify(got)}`);
    for (const [i, one] of expected.entries()) assertClose(got[i], one, `${at}[${i}]`);
  } else if (typeof expected === 'number')
    assert.ok(Math.abs((got as number) - expected) < 1e-12, `${at}: ${got}, not ${expected}`);
  else assert.equal(got, expected, at);
}

type Register = (module: Pair, seen: (string | Gradients)[][]) => void;

const watch: Register = (module, seen) => {
  module.registerFullBackwardPreHook((_module, out) => void seen.push(['pre', out]));
  module.registerFullBackwardHook((_module, into, out) => void seen.push(['full', into, out]));
};

const change: Register = (module, seen) => {
  module.registerFullBackwardPreHook((_module, [a, b]) => [a!.mul(2), b!.add(1)]);
  module.registerFullBackwardHook((_module, [x, , y]) => [x!.mul(-1), null, y!.mul(0.5)]);
  watch(module, seen);
};

const square = (a: Tensor): Tensor => a.square().sum();
const both = (a: Tensor, b: Tensor): Tensor => square(a).add(b.pow(3).sum());

const settings: Readonly<
  Record<string, { register?: Register; x?: boolean; y?: boolean; loss?: typeof both; times?: number }>
> = {
  watch: {},
  change: { register: change },
  'one output': { loss: square },
  'one input': { x: false },
  'no input': { x: false, y: false },
  'two calls': { times: 2 },
};

describe('backward hooks of modules', () => {
  before(() => setDefaultDevice(referenceDevice()));

  for (const [name, expected] of Object.entries(fixture.cases))
    it(`see and change what PyTorch’s do: ${name}`, async () => {
      const { register = watch, x: xGrad = true, y: yGrad = true, loss = both, times = 1 } = settings[name]!;
      const module = new Pair();
      const seen: (string | Gradients)[][] = [];
      register(module, seen);
      const x = tensor(fixture.x, { dtype: 'float64', requiresGrad: xGrad });
      const y = tensor([...fixture.x].reverse(), { dtype: 'float64', requiresGrad: yGrad });
      let total: Tensor | undefined;
      for (let i = 0; i < times; i++) {
        const [a, b] = module.forward(x, 2 + i, y);
        total = total ? total.add(loss(a!, b!)) : loss(a!, b!);
      }
      total!.backward();
      const got = await Promise.all(
        seen.map(async ([kind, ...sides]) => [
          kind,
          ...(await Promise.all(sides.map((side) => Promise.all((side as Gradients).map(nested))))),
        ]),
      );
      assertClose(got, expected.seen, 'seen');
      assertClose(await nested(module.weight.grad), expected.weight, 'weight');
      assertClose(await nested(x.grad), expected.x, 'x');
      assertClose(await nested(y.grad), expected.y, 'y');
    });

  it('see each differentiation anew, and end when they are removed', async () => {
    const module = new Double();
    let calls = 0;
    const hook = module.registerFullBackwardHook((_module, [into]) => {
      calls++;
      return [into!.mul(10)];
    });
    const x = tensor([1], { requiresGrad: true });
    const y = module.forward(x).sum();
    y.backward();
    y.backward();
    assert.equal(await x.grad!.item(), 40);
    const [again] = grad(y, [x]);
    assert.equal(await again!.item(), 20);
    assert.equal(calls, 3);
    hook.remove();
    const [plain] = grad(module.forward(x).sum(), [x]);
    assert.equal(await plain!.item(), 2);
    assert.equal(calls, 3);
  });

  it('work for modules that contain others and return objects, and are called where noGrad is not', async () => {
    class State extends nn.Module<{ y: Tensor; name: string; half: Tensor }> {
      readonly inner = new nn.Sequential(new Double(), new Double());
      forward(x: Tensor): { y: Tensor; name: string; half: Tensor } {
        const y = this.inner.forward(x);
        return { y, name: 'state', half: y.mul(0.5) };
      }
    }
    const order: string[] = [];
    const module = new State();
    for (const [name, one] of module.namedModules())
      (one as nn.Module).registerFullBackwardHook((_module, into, out) => {
        order.push(`${name || 'all'} ${into.length} ${out.map((g) => (g ? 'yes' : 'no')).join()}`);
      });
    const x = tensor([1], { requiresGrad: true });
    const { half, name } = module.forward(x);
    assert.equal(name, 'state');
    half.sum().backward();
    assert.equal(await x.grad!.item(), 2);
    assert.deepEqual(order, ['inner.1 1 yes', 'inner.0 1 yes', 'inner 1 yes', 'all 1 no,no,yes']);
    const constant = noGrad(() => module.forward(x).y);
    assert.equal(await constant.item(), 4);
    assert.equal(order.length, 4);
  });

  it('leave weights alone whose module has no input with a gradient', async () => {
    const module = new nn.Linear(2, 1, { bias: false });
    const seen: Gradients[] = [];
    module.registerFullBackwardHook((_module, into) => void seen.push(into));
    module
      .forward(ones([1, 2]))
      .sum()
      .backward();
    assert.deepEqual(seen, [[null]]);
    assert.deepEqual([...(await module.weight.grad!.data())], [1, 1]);
  });

  it('that cannot work are refused', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const failing = (hook: () => unknown): (() => void) => {
      const module = new Double();
      module.registerFullBackwardHook(hook as never);
      return () => module.forward(x).sum().backward();
    };
    const before = (hook: () => unknown): (() => void) => {
      const module = new Double();
      module.registerFullBackwardPreHook(hook as never);
      return () => module.forward(x).sum().backward();
    };
    class Text extends nn.Module<string> {
      forward(_: Tensor): string {
        return 'text';
      }
    }
    class Inside extends nn.Module {
      inside: Tensor | undefined;
      forward(x: Tensor): Tensor {
        this.inside = x.mul(3);
        return this.inside.mul(2);
      }
    }
    const text = new Text();
    text.registerFullBackwardHook(() => undefined);
    const inside = new Inside();
    inside.registerFullBackwardHook(() => undefined);
    const constant = new nn.Linear(2, 1);
    constant.registerFullBackwardHook(() => [ones([1, 2])]);
    const wrong: [run: () => unknown, says: RegExp, type?: typeof ShapeError][] = [
      [() => new Double().registerFullBackwardHook(1 as never), /\(module, gradInput, gradOutput\)/],
      [() => new Double().registerFullBackwardPreHook('f' as never), /\(module, gradOutput\)/],
      [
        failing(() => [ones([3])]),
        /do not fit its inputs.*float32 \[2\] at 0; got float32 \[3\]/,
        ShapeError,
      ],
      [failing(() => [null]), /float32 \[2\] at 0; got null/, ShapeError],
      [failing(() => [x, x]), /an array of 1, or nothing; got an array of 2/],
      [failing(() => 5), /an array of 1, or nothing; got 5/],
      [failing(async () => {}), /await its data\(\) later/],
      [before(() => [tensor([1, 2], { dtype: 'float64' })]), /its outputs.*float64/, ShapeError],
      [() => text.forward(x), /Text has a backward hook, but its output has no gradients/],
      [
        () =>
          constant
            .forward(ones([1, 2]))
            .sum()
            .backward(),
        /null, since there is no gradient/,
        ShapeError,
      ],
      [
        () => {
          inside.forward(x);
          inside.inside!.sum().backward();
        },
        /does not come from its output.*registerHook/,
      ],
    ];
    for (const [run, says, type = UsageError] of wrong)
      assert.throws(run, (e) => e instanceof type && says.test(e.message), String(says));
  });
});
