import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError } from '../../src/errors/errors.js';
import { loadWeights, saveWeights } from '../../src/index.js';
import { deepCopy, Linear, Module } from '../../src/nn/index.js';
import { WeightAverage } from '../../src/optim/average.js';
import { Adam } from '../../src/optim/index.js';
import { propertyName } from '../../src/tensor/names.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { ones, type Tensor } from '../../src/tensor/tensor.js';

setDefaultDevice(referenceDevice());

const one = (value: number): Parameter => new Parameter(Float32Array.of(value), [1]);

class Capitals extends Module {
  W = one(1);
  w = one(2);
  Wq = one(3);
  A_log = one(4);
  convBN1 = new Linear(1, 1);
  layerNorm = one(5);
  forward(x: Tensor): Tensor {
    return this.convBN1.forward(x.mul(this.W).add(this.w).mul(this.Wq).mul(this.A_log).add(this.layerNorm));
  }
}

const NAMES = ['W', 'w', 'Wq', 'A_log', 'layer_norm', 'convBN1.weight', 'convBN1.bias'];

const valuesOf = async (model: Module): Promise<number[]> =>
  (await Promise.all([...model.stateDict().values()].map((p) => p.data()))).flatMap((values) => [...values]);

/** A state dict with other names and the values 10, 11, … */
const saved = (...names: string[]) =>
  new Map(
    names.map((name, i) => [
      name,
      { data: Float32Array.of(10 + i), shape: name.includes('.weight') ? [1, 1] : [1] },
    ]),
  );

async function trained(model: Module) {
  await model.to(referenceDevice());
  const optimizer = new Adam(model.namedParameters(), { lr: 0.1 });
  for (let i = 0; i < 2; i++) {
    optimizer.zeroGrad();
    model
      .forward(ones([2, 1]))
      .sum()
      .backward();
    optimizer.step();
  }
  await valuesOf(model);
  return optimizer;
}

describe('names of parameters', () => {
  it('are in snake case for properties in camel case, and otherwise those of the properties', () => {
    const expected = {
      runningMean: 'running_mean',
      weightIhL0: 'weight_ih_l0',
      inProjWeight: 'in_proj_weight',
      layer1Conv: 'layer1_conv',
      conv2dA: 'conv2d_a',
      biasK: 'bias_k',
      fc1: 'fc1',
      fc1a: 'fc1a',
      W: 'W',
      Wq: 'Wq',
      W1: 'W1',
      Wqkv: 'Wqkv',
      W_k: 'W_k',
      A_log: 'A_log',
      conv2D: 'conv2D',
      convBN1: 'convBN1',
      x2H: 'x2H',
      hBN: 'hBN',
      _w: '_w',
      _wX: '_wX',
      wh_X: 'wh_X',
      Δ: 'Δ',
    };
    for (const [property, name] of Object.entries(expected))
      assert.equal(propertyName(property), name, property);
  });

  it('keep W and w apart: in optimizers, files and copies', async () => {
    const model = new Capitals();
    assert.deepEqual(
      model.namedParameters().map(([name]) => name),
      NAMES,
    );
    await trained(model);
    assert.deepEqual(
      deepCopy(model)
        .namedParameters()
        .map(([name]) => name),
      NAMES,
    );
    const folder = await mkdtemp(join(tmpdir(), 'names-'));
    try {
      const file = join(folder, 'weights.safetensors');
      await saveWeights(file, model);
      const other = new Capitals();
      await loadWeights(file, other);
      assert.deepEqual(await valuesOf(other), await valuesOf(model));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keep fooBar and foo_bar apart', async () => {
    class Both extends Module {
      fooBar = one(1);
      foo_bar = one(2);
      forward(x: Tensor): Tensor {
        return x.mul(this.fooBar).add(this.foo_bar);
      }
    }
    const model = new Both();
    assert.deepEqual([...model.stateDict().keys()], ['fooBar', 'foo_bar']);
    model.loadStateDict(saved('foo_bar', 'fooBar'));
    assert.deepEqual(await valuesOf(model), [11, 10]);
  });

  it('load from PyTorch’s state dicts, also of attributes in camel case', async () => {
    const model = new Capitals();
    model.loadStateDict(saved('W', 'w', 'Wq', 'A_log', 'layerNorm', 'convBN1.weight', 'convBN1.bias'));
    assert.deepEqual(await valuesOf(model), [10, 11, 12, 13, 14, 15, 16]);
  });

  it('load from files without capitals', async () => {
    class Old extends Module {
      Wq = one(1);
      conv2D = new Linear(1, 1);
      inner = { W: one(2) };
      forward(x: Tensor): Tensor {
        return this.conv2D.forward(x.mul(this.Wq).mul(this.inner.W));
      }
    }
    const model = new Old();
    assert.deepEqual([...model.stateDict().keys()], ['Wq', 'inner.W', 'conv2D.weight', 'conv2D.bias']);
    model.loadStateDict(saved('wq', 'inner.W', 'conv2_d.weight', 'conv2_d.bias'));
    assert.deepEqual(await valuesOf(model), [10, 11, 12, 13]);
  });

  it('are not confused: an exact name counts first, and a small letter is no capital', () => {
    class Two extends Module {
      W = one(1);
      w = one(2);
      forward(x: Tensor): Tensor {
        return x.mul(this.W).mul(this.w);
      }
    }
    for (const names of [['w'], ['W'], ['w', 'v']])
      assert.throws(() => new Two().loadStateDict(saved(...names)), CheckpointError);
    class Small extends Module {
      w = one(1);
      forward(x: Tensor): Tensor {
        return x.mul(this.w);
      }
    }
    assert.throws(() => new Small().loadStateDict(saved('W')), CheckpointError);
    class Unclear extends Module {
      Wq = one(1);
      WQ = one(2);
      forward(x: Tensor): Tensor {
        return x.mul(this.Wq).mul(this.WQ);
      }
    }
    const { missing, unexpected } = new Unclear().compareStateDict(saved('wq'));
    assert.deepEqual([missing, unexpected], [['Wq', 'WQ'], ['wq']]);
  });

  it('of optimizers and averages follow', async () => {
    class Old extends Module {
      Wq = one(1);
      fooBar = one(2);
      forward(x: Tensor): Tensor {
        return x.mul(this.Wq).mul(this.fooBar);
      }
    }
    const model = new Old();
    const optimizer = await trained(model);
    const before = optimizer.stateDict();
    const arrays = async (tensors: ReadonlyMap<string, Parameter>, rename: (name: string) => string) =>
      new Map(
        await Promise.all(
          [...tensors].map(
            async ([name, p]) => [rename(name), { data: await p.data(), shape: p.shape }] as const,
          ),
        ),
      );
    const old = (name: string): string => name.replace('Wq', 'wq');
    const tensors = await arrays(before.tensors, old);
    assert.ok(tensors.has('expAvgSq.wq'));
    const parameters = Object.fromEntries(
      Object.entries(before.state.parameters!).map(([name, memory]) => [old(name), memory]),
    );
    const next = await new Old().to(referenceDevice());
    const resumed = new Adam(next.namedParameters(), { lr: 0.1 });
    resumed.loadStateDict({ tensors, state: { ...before.state, parameters } });
    const after = resumed.stateDict();
    assert.deepEqual(await arrays(after.tensors, String), await arrays(before.tensors, String));
    assert.deepEqual(after.state, before.state);
    const average = new WeightAverage(next.namedParameters(), 0.9);
    average.loadStateDict({ tensors: saved('ema.wq', 'ema.fooBar'), state: { weight: 1 } });
    const means = [...average.stateDict().tensors].map(async ([name, p]) => [name, ...(await p.data())]);
    assert.deepEqual(await Promise.all(means), [
      ['ema.Wq', 10],
      ['ema.foo_bar', 11],
    ]);
  });
});
