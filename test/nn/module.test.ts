import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError, ShapeError } from '../../src/errors/errors.js';
import {
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  Identity,
  Linear,
  Module,
  ReLU,
  Sequential,
} from '../../src/nn/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { ones, type Tensor, zeros } from '../../src/tensor/tensor.js';

class Block extends Module {
  readonly conv1 = new Conv2d(2, 3, 3);
  readonly batchNorm = new BatchNorm2d(3);
  readonly scale = new Parameter(Float32Array.of(2), []);
  forward(x: Tensor): Tensor {
    return this.batchNorm.forward(this.conv1.forward(x)).mul(this.scale);
  }
}

class Net extends Module {
  readonly note = 'not a member';
  readonly features = new Sequential(new Block(), new ReLU());
  readonly heads = [new Linear(12, 4), new Linear(4, 2, { bias: false })];
  readonly offset = new Parameter(new Float32Array(2), [2]);
  forward(x: Tensor): Tensor {
    const y = this.heads[0]!.forward(this.features.forward(x).flatten(1));
    return this.heads[1]!.forward(y).add(this.offset);
  }
}

const names = (entries: Iterable<readonly [string, unknown]>): string[] => [...entries].map(([name]) => name);

describe('a module', () => {
  it('finds modules and parameters by property, in order, with PyTorch’s names', () => {
    const net = new Net();
    assert.deepEqual(names(net.namedModules()), [
      '',
      'features',
      'features.0',
      'features.0.conv1',
      'features.0.batch_norm',
      'features.1',
      'heads.0',
      'heads.1',
    ]);
    assert.deepEqual(names(net.namedParameters()), [
      'offset',
      'features.0.scale',
      'features.0.conv1.weight',
      'features.0.conv1.bias',
      'features.0.batch_norm.weight',
      'features.0.batch_norm.bias',
      'heads.0.weight',
      'heads.0.bias',
      'heads.1.weight',
    ]);
    assert.deepEqual(names(net.namedBuffers('net')), [
      'net.features.0.batch_norm.running_mean',
      'net.features.0.batch_norm.running_var',
    ]);
    assert.deepEqual(names(net.namedChildren()), ['features', 'heads.0', 'heads.1']);
    assert.equal(net.children().length, 3);
    assert.equal(net.parameters().length, 9);
  });

  it('has its state in PyTorch’s order: parameters, buffers, then submodules', () => {
    assert.deepEqual(names(new Net().stateDict()).slice(0, 8), [
      'offset',
      'features.0.scale',
      'features.0.conv1.weight',
      'features.0.conv1.bias',
      'features.0.batch_norm.weight',
      'features.0.batch_norm.bias',
      'features.0.batch_norm.running_mean',
      'features.0.batch_norm.running_var',
    ]);
  });

  it('that is used twice is listed once and saved under both names', () => {
    const shared = new Linear(3, 3);
    const net = new Sequential(shared, new ReLU(), shared);
    assert.deepEqual(names(net.namedModules()), ['', '0', '1']);
    assert.deepEqual(names(net.namedParameters()), ['0.weight', '0.bias']);
    assert.deepEqual(names(net.stateDict()), ['0.weight', '0.bias', '2.weight', '2.bias']);
  });

  it('sets the mode of its submodules', () => {
    const net = new Net();
    assert.equal(net.eval(), net);
    assert.ok(net.namedModules().every(([, module]) => !module.training));
    net.train();
    assert.ok(net.namedModules().every(([, module]) => module.training));
  });

  it('prints as in PyTorch', () => {
    const net = new Sequential(
      new Sequential(
        new Conv2d(3, 8, [3, 5], { stride: 2, padding: [0, 2], groups: 1, bias: false }),
        new ReLU(),
      ),
      new Flatten(),
      new Dropout(),
      new Identity(),
      new Sequential(),
      new Linear(8, 2),
    );
    assert.equal(
      net.toString(),
      `Sequential(
  (0): Sequential(
    (0): Conv2d(3, 8, kernel_size=(3, 5), stride=(2, 2), padding=(0, 2), bias=False)
    (1): ReLU()
  )
  (1): Flatten(start_dim=1, end_dim=-1)
  (2): Dropout(p=0.5, inplace=False)
  (3): Identity()
  (4): Sequential()
  (5): Linear(in_features=8, out_features=2, bias=True)
)`,
    );
  });

  it('is named with its path in an error even before the model was moved or listed', () => {
    const fails = (body: () => unknown, path: RegExp) =>
      assert.throws(body, (error) => {
        assert.ok(error instanceof ShapeError, String(error));
        assert.match(error.message, path);
        return true;
      });
    fails(() => new Net().forward(zeros([1, 9, 4, 4])), /in features\.0\.conv1 \(Conv2d\)/);
    fails(() => new Net().forward(zeros([1, 2, 5, 5])), /in heads\.0 \(Linear\)/);
    const net = new Net();
    // A submodule that is called directly is its own root; called within its model, it has its path.
    fails(() => net.features.forward(zeros([1, 9, 4, 4])), /in 0\.conv1 \(Conv2d\)/);
    fails(() => net.heads[1]!.forward(zeros([1, 3])), /in Linear does not fit/);
    fails(() => net.forward(zeros([1, 9, 4, 4])), /in features\.0\.conv1 \(Conv2d\)/);
    fails(() => net.forward(zeros([1, 2, 5, 5])), /in heads\.0 \(Linear\)/);
  });

  it('names the layer that got a wrong shape', () => {
    const net = new Net();
    net.namedModules();
    const failure = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        assert.ok(error instanceof ShapeError);
        return error.message;
      }
      return assert.fail('nothing was thrown');
    };
    assert.match(
      failure(() => net.forward(zeros([1, 5, 4, 4]))),
      /in features\.0\.conv1 \(Conv2d\)/,
    );
    assert.match(
      failure(() => net.forward(zeros([1, 2, 9, 9]))),
      /in heads\.0 \(Linear\).*12 input features/,
    );
    assert.match(
      failure(() => new Linear(3, 2).forward(zeros([1, 4]))),
      /in Linear does not fit/,
    );
    // Listing a submodule must not change the paths within the model.
    net.features.namedModules();
    assert.match(
      failure(() => net.forward(zeros([1, 5, 4, 4]))),
      /in features\.0\.conv1 \(Conv2d\)/,
    );
  });

  it('moves to a device, with its buffers', async () => {
    const net = new Net();
    const promised = net.to(referenceDevice());
    assert.equal(await promised, net);
    assert.ok([...net.stateDict().values()].every((p) => p.storage?.device === referenceDevice()));
    assert.deepEqual([...(await net.offset.data())], [0, 0]);
  });
});

describe('a state dict', () => {
  const saved = async (net: Module) =>
    new Map(
      await Promise.all(
        [...net.stateDict()].map(
          async ([name, p]) => [name, { data: await p.data(), shape: p.shape }] as const,
        ),
      ),
    );

  it('is copied from one model to another, on the host and on a device', async () => {
    const [from, to] = [new Net(), await new Net().to(referenceDevice())];
    const state = await saved(from);
    assert.deepEqual(to.loadStateDict(state), { missing: [], unexpected: [], mismatched: [] });
    assert.deepEqual(await saved(to), state);
    const x = ones([2, 2, 4, 4]);
    const [a, b] = [from.eval().forward(await x.to(referenceDevice())), to.eval().forward(x)];
    assert.deepEqual(a.shape, [2, 2]);
    assert.deepEqual(await a.data(), await b.data());
  });

  it('is copied: later changes of the arrays have no effect', async () => {
    const net = new Linear(1, 1);
    const state = await saved(new Linear(1, 1));
    net.loadStateDict(state);
    const before = net.weight.node.source;
    assert.ok(before?.kind === 'host' && before.data !== state.get('weight')!.data);
  });

  it('with missing or unexpected names is rejected, and nothing is loaded', async () => {
    const net = new Linear(2, 2);
    const before = await saved(net);
    const state = new Map([
      ['weight', { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] }],
      ['gain', { data: Float32Array.of(1), shape: [1] }],
    ]);
    assert.throws(
      () => net.loadStateDict(state),
      (error) =>
        error instanceof CheckpointError &&
        /missing: bias; unexpected: gain/.test(error.message) &&
        /Linear/.test(error.message),
    );
    assert.deepEqual(await saved(net), before);
    assert.deepEqual(net.loadStateDict(state, { strict: false }), {
      missing: ['bias'],
      unexpected: ['gain'],
      mismatched: [],
    });
    assert.deepEqual([...(await net.weight.data())], [1, 2, 3, 4]);
  });

  it('with a wrong shape is rejected with the parameter and both shapes, strict or not', async () => {
    const net = new Linear(2, 3);
    const before = await saved(net);
    const state = new Map([
      ['bias', { data: new Float32Array(3), shape: [3] }],
      ['weight', { data: new Float32Array(6), shape: [2, 3] }],
    ]);
    for (const strict of [true, false])
      assert.throws(
        () => net.loadStateDict(state, { strict }),
        (error) =>
          error instanceof ShapeError &&
          /size mismatch: weight is \[2, 3\], but \[3, 2\] in the model\. Next: .*skipMismatched/.test(
            error.message,
          ),
      );
    assert.deepEqual(await saved(net), before);
    const short = new Map([...state, ['weight', { data: new Float32Array(5), shape: [3, 2] }] as const]);
    assert.throws(
      () => net.loadStateDict(short),
      /weight of the weights has the wrong number of values\. Expected 6 values for \[3, 2\]; got 5 values/,
    );
  });

  it('is rejected with all mismatches in one message', () => {
    const state = new Map([
      ['weight', { data: new Float32Array(6), shape: [2, 3] }],
      ['gain', { data: new Float32Array(1), shape: [1] }],
    ]);
    assert.throws(
      () => new Linear(2, 3).loadStateDict(state),
      (error) =>
        error instanceof CheckpointError &&
        /missing: bias; unexpected: gain; size mismatch: weight is \[2, 3\], but \[3, 2\] in the model/.test(
          error.message,
        ),
    );
  });

  it('can leave parameters of another shape unchanged, and reports them', async () => {
    const net = new Linear(2, 3);
    const before = await net.weight.data();
    const state = new Map([
      ['bias', { data: Float32Array.of(1, 2, 3), shape: [3] }],
      ['weight', { data: new Float32Array(8), shape: [4, 2] }],
      ['gain', { data: new Float32Array(1), shape: [1] }],
    ]);
    assert.deepEqual(net.loadStateDict(state, { strict: false, skipMismatched: true }), {
      missing: [],
      unexpected: ['gain'],
      mismatched: [{ name: 'weight', expected: [3, 2], got: [4, 2] }],
    });
    assert.deepEqual(await net.weight.data(), before);
    assert.deepEqual([...(await net.bias!.data())], [1, 2, 3]);
    assert.throws(() => net.loadStateDict(state, { skipMismatched: true }), CheckpointError);
  });

  it('may be in double precision and contain PyTorch’s batch counters', async () => {
    const net = new BatchNorm2d(1);
    const one = (value: number) => ({ data: Float64Array.of(value), shape: [1] });
    net.loadStateDict(
      new Map<string, { data: Float64Array | Int32Array; shape: number[] }>([
        ['weight', one(1.5)],
        ['bias', one(2.5)],
        ['running_mean', one(3.5)],
        ['running_var', one(4.5)],
        ['num_batches_tracked', { data: Int32Array.of(7), shape: [] }],
      ]),
    );
    assert.deepEqual(await net.runningVar!.data(), Float32Array.of(4.5));
  });

  it('trains or evaluates by true or false only', () => {
    const net = new Sequential(new Dropout(0.5)) as unknown as { train(mode?: unknown): Sequential };
    for (const mode of ['no', 0, null])
      assert.throws(() => net.train(mode), { name: 'UsageError', message: /mode.*true or false/ });
    assert.equal(net.train(undefined).training, true);
    assert.equal(net.train(false).training, false);
  });

  it('lists only some of many names', () => {
    const many = new Sequential(...Array.from({ length: 20 }, () => new Linear(1, 1)));
    assert.throws(() => many.loadStateDict(new Map()), /missing: 0\.weight, .*11\.bias and 16 more/);
  });
});
