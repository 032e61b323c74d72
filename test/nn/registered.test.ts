import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { PaperweightError, UsageError } from '../../src/errors/errors.js';
import { BatchNorm2d, deepCopy, Linear, Module, Sequential } from '../../src/nn/index.js';
import { plainObjectsIn, tensorsIn } from '../../src/nn/nested.js';
import { SGD } from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { ones, type Tensor } from '../../src/tensor/tensor.js';
import { VALID_LAYERS } from '../support/inputs/valid-calls.js';

setDefaultDevice(referenceDevice());

const linear = () => new Linear(2, 2, { bias: false });
const parameter = () => new Parameter(Float32Array.of(1, 2), [2]);
const x = () => ones([1, 2]);

/** A network with members in an arbitrary value. */
class Net extends Module {
  constructor(readonly parts: unknown) {
    super();
  }
  forward(input: Tensor): Tensor {
    return input;
  }
}

test('a field that is only declared can be registered in the constructor', () => {
  class Declared extends Module {
    mean!: Parameter;
    head!: Linear;
    constructor() {
      super();
      this.registerBuffer('mean', ones([2]));
      this.registerModule('head', linear());
      assert.throws(() => this.registerBuffer('mean', ones([2])), /does not have yet/);
      assert.throws(() => this.registerBuffer('forward', ones([2])), /does not have yet/);
    }
    forward(input: Tensor): Tensor {
      return this.head.forward(input.sub(this.mean));
    }
  }
  assert.deepEqual([...new Declared().stateDict().keys()], ['mean', 'head.weight']);
});

test('modules and parameters in arrays, objects, Maps and Sets belong to the model', () => {
  const names = (parts: unknown) => [...new Net(parts).stateDict().keys()];
  assert.deepEqual(names([linear(), [linear(), parameter()]]), [
    'parts.1.1',
    'parts.0.weight',
    'parts.1.0.weight',
  ]);
  assert.deepEqual(names({ left: linear(), rightHand: { gain: parameter() } }), [
    'parts.rightHand.gain',
    'parts.left.weight',
  ]);
  assert.deepEqual(
    names(
      new Map<unknown, unknown>([
        ['a', linear()],
        [7, [linear()]],
      ]),
    ),
    ['parts.a.weight', 'parts.7.0.weight'],
  );
  assert.deepEqual(names(new Set([linear()])), ['parts.0.weight']);
  assert.deepEqual(names([1, 'a', null, new Float32Array(3), { deep: [{ er: linear() }] }]), [
    'parts.4.deep.0.er.weight',
  ]);
  const round: unknown[] = [linear()];
  round.push(round);
  assert.deepEqual(names(round), ['parts.0.weight']);
});

test('a module without a name and duplicate names are rejected', () => {
  assert.throws(
    () => new Net(new Map([[{}, linear()]])).parameters(),
    /in parts has no name.*strings or numbers/,
  );
  const twice = new Net(
    new Map<unknown, unknown>([
      [1, linear()],
      ['1', linear()],
    ]),
  );
  assert.throws(() => twice.stateDict(), /Two parameters of this Net are called parts\.1\.weight/);
});

test('anything but a parameter assigned to a parameter’s property is an error at the next use', () => {
  const uses: Readonly<Record<string, (net: Sequential) => unknown>> = {
    forward: (net) => net.forward(x()),
    parameters: (net) => net.parameters(),
    stateDict: (net) => net.stateDict(),
    freeze: (net) => net.freeze(),
  };
  const values = [3, [1, 2], Float32Array.of(1, 2), ones([2]), 'a', {}, linear(), 0, false, ''];
  for (const [use, run] of Object.entries(uses))
    for (const value of values)
      for (const used of [false, true]) {
        const net = new Sequential(new Linear(2, 2), new Linear(2, 2));
        if (used) net.forward(x());
        Object.assign(net.at(1)!, { bias: value });
        assert.throws(
          () => run(net),
          {
            name: 'UsageError',
            message: /^The parameter bias of 1 \(Linear\) was replaced.*Expected a Parameter.*Next: .*init/,
          },
          `${use} ${String(value)}`,
        );
      }
  for (const value of [null, undefined, new Parameter(Float32Array.of(1, 2), [2])]) {
    const layer = Object.assign(new Linear(2, 2), { bias: value });
    assert.equal(layer.forward(x()).shape.length, 2);
    assert.equal(layer.parameters().length, value ? 2 : 1);
  }
});

test('a parameter of one’s own module may not become something else once it has been listed', () => {
  class Scaled extends Module {
    scale: unknown = new Parameter(Float32Array.of(1, 2), [2]);
    readonly other: unknown = 1;
    forward(input: Tensor): Tensor {
      return input.mul(this.scale as Tensor);
    }
  }
  const own = new Scaled();
  own.scale = 3;
  own.forward(x());
  for (const list of [(net: Scaled) => net.parameters(), (net: Scaled) => net.forward(x())]) {
    const net = new Scaled();
    list(net);
    net.scale = ones([2]);
    assert.throws(() => net.forward(x()), /The parameter scale of Scaled was replaced/);
    assert.throws(() => deepCopy(net), /The parameter scale of Scaled was replaced/);
  }
});

test('layers know their parameters before their first use', () => {
  const checked = new Set<string>();
  for (const [name, { make, inputs }] of Object.entries(VALID_LAYERS))
    for (const [property, value] of Object.entries(make())) {
      if (!(value instanceof Parameter)) continue;
      const bad = { [property]: 3 };
      const message = new RegExp(`: The parameter ${property} of ${name} was replaced`);
      assert.throws(() => Object.assign(make(), bad).forward(...inputs), message);
      assert.throws(() => Object.assign(make(), bad).parameters(), message);
      checked.add(name);
    }
  assert.ok(checked.size >= 15, [...checked].join());
});

class Hidden extends Module {
  readonly seen = linear();
  readonly #unseen = linear();
  forward(input: Tensor): Tensor {
    return this.#unseen.forward(this.seen.forward(input));
  }
}

class HiddenParameter extends Module {
  readonly #gain = parameter();
  forward(input: Tensor): Tensor {
    return input.mul(this.#gain);
  }
}

class Helper {
  readonly head = linear();
}

class Helped extends Module {
  readonly helper = new Helper();
  forward(input: Tensor): Tensor {
    return this.helper.head.forward(input);
  }
}

const outside = linear();
class Outside extends Module {
  readonly own = linear();
  forward(input: Tensor): Tensor {
    return outside.forward(this.own.forward(input));
  }
}

test('parameters and modules that the caller passes may be used, wherever they are in the arguments', async () => {
  class Prompted extends Module {
    readonly own = linear();
    forward(input: Tensor, _extra: unknown, found: () => Tensor): Tensor {
      return this.own.forward(input).add(found());
    }
  }
  class Inner extends Module {
    readonly prompted = new Prompted();
    forward(prompt: Tensor): Tensor {
      return this.prompted.forward(prompt, undefined, () => prompt);
    }
  }
  const image = new Parameter(Float32Array.of(1, 2), [1, 2]);
  await image.place(referenceDevice());
  const model = await new Sequential(linear(), linear()).freeze().to(referenceDevice());
  model.forward(image).sum().backward();
  new SGD([image], { lr: 0.1 }).step();
  assert.notDeepEqual([...(await image.data())], [1, 2]);
  for (const around of [
    image,
    [1, [image]],
    { prompt: { image } },
    new Map([['a', image]]),
    new Set([image]),
  ])
    new Prompted().forward(x(), around, () => image);
  new Inner().forward(image);
  const teacher = linear();
  new Prompted().eval().forward(x(), { teacher }, () => teacher.forward(x()));
  // Arguments of an earlier call, and what a tensor was computed from, are not passed.
  const prompted = new Prompted();
  assert.throws(() => prompted.forward(x(), [], () => image), /does not own/);
  assert.throws(() => prompted.forward(image.mul(1), [], () => image), /does not own/);
});

test('forward is rejected if it uses a parameter that the model does not own', () => {
  for (const Kind of [Hidden, HiddenParameter, Helped, Outside]) {
    const model = new Kind();
    for (const run of [
      () => model.forward(x()),
      () => new Sequential(model).forward(x()),
      () => model.eval().forward(x()),
    ])
      assert.throws(run, (error) => {
        assert.ok(error instanceof UsageError, String(error));
        assert.match(
          error.message,
          /uses a parameter \[2(, 2)?\].* that it does not own.*#private.*freeze\(\)/,
        );
        return true;
      });
  }
});

test('frozen parameters may be outside of the model, and layers may be added later', async () => {
  outside.freeze();
  await new Outside().forward(x()).data();
  const net = new (class extends Module {
    readonly layers: Module[] = [];
    forward(input: Tensor): Tensor {
      return this.layers.reduce((y, layer) => layer.forward(y), input);
    }
  })();
  net.forward(x());
  net.layers.push(linear());
  await net.forward(x()).data();
});

test('modules that are called directly, and functions that use them, work', async () => {
  const model = new Sequential(linear(), new BatchNorm2d(2));
  assert.throws(() => model.forward(x()), PaperweightError);
  // After an error, no module is recorded as running.
  await linear().forward(x()).data();
  await x().mul(parameter()).data();
});

test('an error names the path of the layer even before the model is moved to a device', () => {
  const model = new Sequential(new Sequential(new Linear(3, 2)));
  assert.throws(() => model.forward(x()), /in 0\.0 \(Linear\)/);
});

test('modules in arrays, objects and Maps are trained', async () => {
  const device = referenceDevice();
  const net = new (class extends Module {
    readonly parts = { list: [linear()], map: new Map([['a', linear()]]) };
    forward(input: Tensor): Tensor {
      return this.parts.map.get('a')!.forward(this.parts.list[0]!.forward(input));
    }
  })();
  await net.to(device);
  const before = await Promise.all(net.parameters().map((p) => p.data()));
  const optimizer = new SGD(net.parameters(), { lr: 0.5 });
  net.forward(x()).square().sum().backward();
  optimizer.step();
  const after = await Promise.all(net.parameters().map((p) => p.data()));
  assert.equal(after.length, 2);
  for (const [i, values] of after.entries()) assert.notDeepEqual(values, before[i]);
});

test('members are found in objects of any depth, which may contain themselves', () => {
  const depth = 20_000;
  let deep: unknown = { end: linear() };
  for (let i = 0; i < depth; i++) deep = i % 2 === 0 ? { d: deep } : [deep];
  const [name] = [...new Net(deep).stateDict().keys()];
  assert.ok(name!.endsWith('end.weight') && name!.split('.').length === depth + 3);
  let empty: unknown = { end: 1 };
  for (let i = 0; i < depth; i++) empty = { e: empty, list: [1, 2, 3] };
  const model = new Net({ empty, layer: linear() });
  assert.deepEqual([...model.stateDict().keys()], ['parts.layer.weight']);
  assert.deepEqual([...deepCopy(model).stateDict().keys()], ['parts.layer.weight']);

  const ring: Record<string, unknown> = { layer: linear() };
  ring.self = ring;
  ring.other = { back: [ring] };
  assert.deepEqual([...new Net(ring).stateDict().keys()], ['parts.layer.weight']);
});

test('objects without members that are shared many times are entered once', () => {
  // 2^60 ways lead to the innermost object.
  let shared: unknown = { value: 1 };
  for (let i = 0; i < 60; i++) shared = { left: shared, right: shared };
  const model = new Net([shared, linear()]);
  assert.deepEqual([...model.stateDict().keys()], ['parts.1.weight']);
  assert.deepEqual(tensorsIn({ shared, x: [x()] }).length, 1);
});

test('numbers in long arrays are not listed', () => {
  assert.deepEqual(plainObjectsIn(Array.from({ length: 1000 }, (_, i) => i)), []);
  assert.deepEqual(plainObjectsIn([1, null, 'a', [], undefined]), [[3, []]]);
});

test('tensors are found in results of any depth, which may contain themselves', () => {
  let deep: unknown = { y: x() };
  for (let i = 0; i < 20_000; i++) deep = [deep];
  assert.equal(tensorsIn(deep).length, 1);
  const ring: Record<string, unknown> = { y: x() };
  ring.self = ring;
  assert.equal(tensorsIn(ring).length, 1);
});
