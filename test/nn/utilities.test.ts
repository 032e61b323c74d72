import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { UsageError } from '../../src/errors/errors.js';
import * as nn from '../../src/nn/index.js';
import { Adam, SGD } from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { ones, type Tensor, tensor, zeros } from '../../src/tensor/tensor.js';

const values = async (t: Tensor): Promise<number[]> => [...(await t.data())];

class Scale extends nn.Module {
  readonly factor = new Parameter(Float32Array.of(2), [1]);
  forward(x: Tensor): Tensor {
    return x.mul(this.factor);
  }
}

class Net extends nn.Module {
  readonly first = new Scale();
  readonly blocks = [new Scale(), new Scale()];
  readonly table = new Map([['one', new Parameter(Float32Array.of(3), [1])]]);
  readonly weights = [new Parameter(Float32Array.of(5), [1])];
  forward(x: Tensor): Tensor {
    const y = this.blocks.reduce((sum, block) => block.forward(sum), this.first.forward(x));
    return y.mul(this.table.get('one')!).mul(this.weights[0]!);
  }
}

/** A weight under two names. */
class Tied extends nn.Module {
  readonly embed = new nn.Linear(2, 2, { bias: false });
  readonly head = new nn.Linear(2, 2, { bias: false });
  constructor() {
    super();
    Object.assign(this.head, { weight: this.embed.weight });
  }
  forward(x: Tensor): Tensor {
    return this.head.forward(this.embed.forward(x));
  }
}

describe('hooks of modules', () => {
  before(() => setDefaultDevice(referenceDevice()));

  it('see calls and may change inputs and outputs, once for each call', async () => {
    const net = new Net();
    const seen: string[] = [];
    const hook = net.first.registerForwardHook((module: Scale, inputs, output: Tensor) => {
      seen.push(`${module.typeName} ${inputs.length} ${output.shape}`);
    });
    assert.equal(await net.forward(tensor([1])).item(), 2 * 2 * 2 * 15);
    assert.deepEqual(seen, ['Scale 1 1']);
    hook.remove();
    const halve = net.registerForwardHook((_module, _inputs, output: Tensor) => output.mul(0.5));
    const one = net.registerForwardPreHook(() => [tensor([10])]);
    assert.equal(await net.forward(tensor([1])).item(), 600);
    halve.remove();
    one.remove();
    assert.equal(await net.forward(tensor([1])).item(), 120);
    assert.deepEqual(seen, ['Scale 1 1']);
  });

  it('run once where a subclass calls the forward of its base class', () => {
    class Twice extends Scale {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    const module = new Twice();
    let calls = 0;
    module.registerForwardHook(() => void calls++);
    module.forward(ones([1]));
    module.forward(ones([1]));
    assert.equal(calls, 2);
  });

  it('that cannot work are refused', () => {
    class Field extends nn.Module {
      override forward = (x: Tensor): Tensor => x;
    }
    const wrong: [make: () => unknown, says: RegExp][] = [
      [() => new Field().registerForwardHook(() => {}), /forward in a property/],
      [() => new Net().registerForwardHook(3 as never), /a function.*got 3/],
    ];
    for (const [make, says] of wrong)
      assert.throws(make, (e) => e instanceof UsageError && says.test(e.message));
    const late = new Scale();
    late.registerForwardHook(async () => {});
    assert.throws(() => late.forward(ones([1])), /asynchronous/);
    const strange = new Scale();
    strange.registerForwardPreHook(() => ones([1]) as never);
    assert.throws(() => strange.forward(ones([1])), /array of inputs/);
  });
});

describe('modules', () => {
  before(() => setDefaultDevice(referenceDevice()));

  it('visit all submodules and then themselves by apply', () => {
    const order: string[] = [];
    const net = new Net();
    assert.equal(
      net.apply((module) => void order.push(module.typeName)),
      net,
    );
    assert.deepEqual(order, ['Scale', 'Scale', 'Scale', 'Net']);
    assert.throws(() => net.apply(1 as never), /takes a function/);
  });

  it('find parameters in arrays and Maps, and members by path', () => {
    const net = new Net();
    const names = net.namedParameters().map(([name]) => name);
    assert.deepEqual(names, ['table.one', 'weights.0', 'first.factor', 'blocks.0.factor', 'blocks.1.factor']);
    assert.equal(net.getSubmodule('blocks.1'), net.blocks[1]);
    assert.equal(net.getSubmodule(''), net);
    assert.equal(net.getParameter('blocks.0.factor'), net.blocks[0]!.factor);
    assert.throws(
      () => net.getParameter('blocks.2.factor'),
      /no parameter "blocks.2.factor".*blocks\.0\.factor/,
    );
    assert.throws(() => net.getBuffer('x'), /no buffer at all/);
    assert.throws(() => net.getSubmodule('frist'), /did you mean first/);
  });

  it('take parameters, buffers and modules by name', async () => {
    const net = new Scale();
    net.registerParameter('shift', new Parameter(Float32Array.of(1), [1]));
    const mask = net.registerBuffer('mask', zeros([2]));
    net.registerBuffer('cache', ones([1]), { persistent: false });
    const inner = net.registerModule('inner', new Scale());
    assert.deepEqual(
      net.namedParameters().map(([name]) => name),
      ['factor', 'shift', 'inner.factor'],
    );
    assert.deepEqual(
      net.namedBuffers().map(([name]) => name),
      ['mask', 'cache'],
    );
    assert.deepEqual([...net.stateDict().keys()], ['factor', 'shift', 'mask', 'inner.factor']);
    assert.equal(net.getBuffer('mask'), mask);
    await net.to(referenceDevice());
    assert.ok(net.getBuffer('cache').device);
    assert.equal(net.getSubmodule('inner'), inner);
    const wrong: [make: () => unknown, says: RegExp][] = [
      [() => net.registerBuffer('factor', zeros([1])), /bad name.*got "factor"/],
      [() => net.registerBuffer('forward', zeros([1])), /bad name/],
      [() => net.registerBuffer('a.b', zeros([1])), /without dots/],
      [() => net.registerBuffer('later', ones([1]).mul(2)), /has not been computed.*data\(\)/],
      [() => net.registerBuffer('odd', 3 as never), /registerBuffer takes a tensor/],
      [() => net.registerParameter('odd', zeros([1]) as never), /takes a parameter/],
      [() => net.registerModule('odd', {} as never), /takes a module/],
    ];
    for (const [make, says] of wrong)
      assert.throws(make, (e) => e instanceof UsageError && says.test(e.message), String(make));
  });

  it('train again after unfreeze, but for their buffers', async () => {
    const net = await new nn.Sequential(new nn.Conv2d(1, 2, 1), new nn.BatchNorm2d(2)).to(referenceDevice());
    const all = net.namedParameters().map(([name]) => name);
    const buffers = net.namedBuffers().length;
    const optimizer = new SGD([new Parameter(new Float32Array(1), [1])], { lr: 1 });
    net.freeze();
    assert.deepEqual([net.parameters().length, net.training, net.frozen], [0, false, true]);
    net.train();
    assert.equal(net.training, false);
    assert.throws(() => optimizer.addParamGroup({ params: [net.getBuffer('0.weight')] }), /frozen parameter/);
    net.unfreeze();
    assert.deepEqual(
      net.namedParameters().map(([name]) => name),
      all,
    );
    assert.equal(net.namedBuffers().length, buffers);
    assert.deepEqual([net.training, net.frozen, net.at(1)!.training], [true, false, true]);
    optimizer.addParamGroup({ params: net.namedParameters() });
    net
      .forward(ones([1, 1, 2, 2]))
      .square()
      .sum()
      .backward();
    net.zeroGrad();
    assert.ok(net.parameters().every(({ grad }) => grad === null));
  });

  it('save, load, count and update a weight with two names once', async () => {
    const net = await new Tied().to(referenceDevice());
    assert.deepEqual(
      net.namedParameters().map(([name]) => name),
      ['embed.weight'],
    );
    assert.deepEqual([...net.stateDict().keys()], ['embed.weight', 'head.weight']);
    assert.equal(nn.inspect(new Tied(), [1, 2]).parameters, 4);
    const other = await new Tied().to(referenceDevice());
    other.loadStateDict(net.stateDict());
    assert.deepEqual(await values(other.head.weight), await values(net.embed.weight));
    const optimizer = new Adam(net.namedParameters(), { lr: 0.1 });
    const start = await values(net.embed.weight);
    net
      .forward(ones([1, 2]))
      .sum()
      .backward();
    optimizer.step();
    const moved = (await values(net.head.weight)).map((value, i) => Math.abs(value - start[i]!));
    for (const distance of moved) assert.ok(Math.abs(distance - 0.1) < 1e-4, `${distance}`);
    assert.equal(net.head.weight, net.embed.weight);
  });
});

describe('lists and dictionaries of modules', () => {
  before(() => setDefaultDevice(referenceDevice()));

  it('name their members as PyTorch does', () => {
    const list = new nn.ModuleList([new Scale()]).append(new Scale()).extend([new nn.ReLU()]);
    list.insert(1, new nn.Tanh());
    assert.equal(list.length, 4);
    assert.equal(list.at(-1)!.typeName, 'ReLU');
    assert.deepEqual(
      list.namedChildren().map(([name, module]) => `${name} ${module.typeName}`),
      ['0 Scale', '1 Tanh', '2 Scale', '3 ReLU'],
    );
    assert.deepEqual(
      list.namedParameters('blocks').map(([name]) => name),
      ['blocks.0.factor', 'blocks.2.factor'],
    );
    assert.match(list.toString(), /^ModuleList\(\n {2}\(0\): Scale\(\)\n/);
    const dict = new nn.ModuleDict({ left: new Scale() }).set('right', new nn.ReLU());
    assert.deepEqual([...dict.keys()], ['left', 'right']);
    assert.deepEqual([dict.size, dict.has('left'), dict.get('other')], [2, true, undefined]);
    assert.deepEqual([...new nn.ModuleDict(dict).keys()], ['left', 'right']);
    assert.equal(dict.delete('right'), true);
    assert.deepEqual([...dict.stateDict().keys()], ['left.factor']);
    assert.deepEqual([[...list].length, [...dict.values()].length], [4, 1]);
  });

  it('may hold modules that give several results', async () => {
    const layers = new nn.ModuleList<nn.GRU>([new nn.GRU(2, 2), new nn.GRU(2, 2)]);
    let x = tensor([[1, 2]]);
    for (const layer of layers) [x] = layer.forward(x);
    assert.deepEqual(x.shape, [1, 2]);
    const dict = new nn.ModuleDict<nn.GRU>({ one: layers.at(0)! });
    const [, state] = dict.get('one')!.forward(x);
    assert.deepEqual(state.shape, [1, 2]);
  });

  it('refuse what they cannot hold, and calls', () => {
    const wrong: [make: () => unknown, says: RegExp][] = [
      [() => new nn.ModuleList([nn.ReLU as never]), /ModuleList holds modules.*with new/],
      [() => new nn.ModuleList(3 as never), /takes a list/],
      [() => new nn.ModuleList().insert(1, new nn.ReLU()), /position/],
      [() => new nn.ModuleList().forward(), /only holds modules/],
      [() => new nn.ModuleDict({ a: 1 as never }), /ModuleDict holds modules/],
      [() => new nn.ModuleDict().set('a.b', new nn.ReLU()), /without dots/],
      [() => new nn.ModuleDict().forward(), /only holds modules/],
    ];
    for (const [make, says] of wrong)
      assert.throws(make, (e) => e instanceof UsageError && says.test(e.message), String(make));
  });
});

describe('modules in float64', () => {
  it('compute and train in float64 after toFloat, on the host and on a device', async () => {
    const device = referenceDevice();
    for (const placed of [false, true]) {
      const model = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3));
      if (placed) await model.to(device);
      const before = await values(model.parameters()[0]!);
      await model.toFloat('float64');
      assert.deepEqual(await values(model.parameters()[0]!), before);
      assert.deepEqual(new Set([...model.stateDict().values()].map((p) => p.dtype)).has('float32'), false);
      assert.equal(model.parameters()[0]!.device, placed ? device : undefined);
      await model.to(device);
      const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
      for (let step = 0; step < 2; step++) {
        optimizer.zeroGrad();
        const y = model.forward(tensor(Float64Array.of(1, 2, 3, 5, 8, 13), { shape: [3, 2] }));
        assert.equal(y.dtype, 'float64');
        y.square().sum().backward();
        optimizer.step();
      }
      assert.notDeepEqual(await values(model.parameters()[0]!), before);
      await model.toFloat();
      assert.equal(model.parameters()[0]!.dtype, 'float32');
    }
    await assert.rejects(
      () => new nn.ReLU().toFloat('int32' as never),
      (e) => e instanceof UsageError && /float32/.test(e.message),
    );
  });
});

describe('members of a module', () => {
  class Inner extends nn.Module {
    readonly scale = new Scale();
    constructor(readonly parent: nn.Module) {
      super();
    }
    forward(x: Tensor): Tensor {
      return this.scale.forward(x);
    }
  }
  class Outer extends nn.Module {
    readonly inner = new Inner(this);
    readonly self = this;
    readonly hooks = [this];
    forward(x: Tensor): Tensor {
      return this.inner.forward(x);
    }
  }
  it('may refer back to a module around them', () => {
    assert.deepEqual([...new Outer().stateDict().keys()], ['inner.scale.factor']);
  });

  class Hidden extends nn.Module {
    readonly #dropout = new nn.Dropout(0.5);
    forward(x: Tensor): Tensor {
      return this.#dropout.forward(x);
    }
  }
  it('are refused in training mode if eval() of the model cannot reach them', () => {
    setDefaultDevice(referenceDevice());
    const model = new Hidden();
    model.forward(ones([2]));
    model.eval();
    assert.throws(
      () => model.forward(ones([2])),
      (e) => e instanceof UsageError && /Hidden uses a Dropout in training mode/.test(e.message),
    );
  });
});
