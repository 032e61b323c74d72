import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InlineDevice } from '../../src/backend/device.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import * as optim from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { type Tensor, tensor } from '../../src/tensor/tensor.js';
import { assertNear, readFixture } from '../support/generated.js';
import { KINDS, type OptimizerCase, optimizerPath, stepWith } from '../support/optimizers.js';

const { cases } = readFixture<{ cases: OptimizerCase[] }>('optimizers.json');

/** A parameter on the device. */
async function placed(values: readonly number[], device = referenceDevice()): Promise<Parameter> {
  const parameter = new Parameter(Float64Array.from(values), [values.length]);
  await parameter.place(device);
  return parameter;
}

describe('optimizers', () => {
  for (const one of cases)
    it(`follow PyTorch for twenty steps in float64: ${one.name}`, async () => {
      const paths = await optimizerPath(one, referenceDevice(), 'float64');
      for (const [t, expected] of one.params.entries())
        for (const i of [0, 1])
          assertNear(paths[t]![i]!, expected[i]!, 1e-9, `${'ab'[i]} after step ${t + 1}`);
    });

  it('are all compared with PyTorch', () => {
    const compared = new Set([...cases.map(({ optimizer }) => optimizer), 'SGD']);
    const all = Object.entries(optim).filter(
      ([, value]) => typeof value === 'function' && value.prototype instanceof optim.Optimizer,
    );
    assert.deepEqual(
      all.map(([name]) => name).filter((name) => !compared.has(name)),
      [],
    );
  });

  for (const one of cases)
    it(`continue bit for bit from any state, in JSON: ${one.name}`, async () => {
      const whole = await optimizerPath(one, referenceDevice(), 'float64');
      const [a, b] = [
        await placed(one.start[0]!.map(Math.fround)),
        await placed(one.start[1]!.map(Math.fround)),
      ];
      const make = () =>
        new KINDS[one.optimizer]!(
          [
            ['a', a],
            ['b', b],
          ],
          one.options as never,
        );
      let optimizer = make();
      for (const t of one.lrs.keys()) {
        stepWith(optimizer, [a, b], one, t);
        if (t % 5 !== 1) continue;
        const { tensors, state } = optimizer.stateDict();
        const saved = new Map<string, { data: Float64Array; shape: readonly number[] }>();
        for (const [name, t] of tensors)
          saved.set(name, { data: (await t.data()) as Float64Array, shape: t.shape });
        optimizer = make();
        optimizer.loadStateDict({ tensors: saved, state: JSON.parse(JSON.stringify(state)) });
        assert.equal(optimizer.steps, t + 1);
      }
      assert.deepEqual([[...(await a.data())], [...(await b.data())]], whole.at(-1));
    });

  it('compile one plan, whatever rate and bias correction a step has', async () => {
    for (const [name, Kind] of Object.entries(KINDS)) {
      const device = new InlineDevice(new ReferenceEngine());
      const p = await placed([1, 2, 3], device);
      const optimizer = new Kind([p], { lr: 0.1 } as never);
      for (const lr of [0.1, 0.01, 0.01, 0.3]) {
        optimizer.paramGroups[0]!.lr = lr;
        optimizer.zeroGrad();
        p.square().sum().backward();
        optimizer.step();
      }
      await p.data();
      assert.equal((await device.stats()).length, 1, name);
      await device.close();
    }
  });

  it('change neither parameters nor state in a step that its guard refuses', async () => {
    for (const [name, Kind] of Object.entries(KINDS)) {
      const run = async (bad: readonly number[]) => {
        const p = await placed([1, -2, 0.5]);
        const optimizer = new Kind([['p', p]], { lr: 0.1 } as never);
        for (const t of [0, 1, 2, 3]) {
          const guards = bad.includes(t) ? [false, true] : [true];
          for (const good of guards) {
            optimizer.zeroGrad();
            const loss = p.square().sum();
            loss.backward();
            optimizer.step({ guard: good ? loss : loss.mul(Number.NaN) });
            if (!good) optimizer.undo();
          }
        }
        const state = optimizer.stateDict();
        const values = [[...(await p.data())]];
        for (const [, t] of state.tensors) values.push([...(await t.data())]);
        return { values, state: state.state };
      };
      assert.deepEqual(await run([0, 2]), await run([]), name);
    }
  });

  it('take more parameters later', async () => {
    const [a, b] = [await placed([1]), await placed([1])];
    const optimizer = new optim.Adam([['a', a]], { lr: 0.1, betas: [0.5, 0.5] });
    const schedule = new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    const step = () => {
      optimizer.zeroGrad();
      a.mul(b).sum().backward();
      optimizer.step();
    };
    step();
    assert.deepEqual([...(await b.data())], [1]);
    optimizer.addParamGroup({ params: [['b', b]], lr: 0.4, eps: 0 });
    step();
    assertNear(await b.data(), [0.6], 1e-6, 'b');
    assert.deepEqual(
      [...optimizer.stateDict().tensors.keys()],
      ['expAvg.a', 'expAvgSq.a', 'expAvg.b', 'expAvgSq.b'],
    );
    assert.deepEqual(optimizer.stateDict().state.parameters, { a: { step: 2 }, b: { step: 1 } });
    schedule.step();
    assert.deepEqual(
      optimizer.paramGroups.map(({ lr }) => lr),
      [0.05, 0.2],
    );
    const wrong: [add: () => void, says: RegExp][] = [
      [() => optimizer.addParamGroup({ params: [b] }), /twice/],
      [
        () => optimizer.addParamGroup({ params: [['a', new Parameter(new Float32Array(1), [1])]] }),
        /one name/,
      ],
      [() => optimizer.addParamGroup(b as never), /takes a group/],
      [
        () => optimizer.addParamGroup({ params: [new Parameter(new Float32Array(1), [1])], betas: [1, 0] }),
        /bad betas/,
      ],
    ];
    for (const [add, says] of wrong)
      assert.throws(add, (error) => error instanceof UsageError && says.test(error.message));
    assert.equal(optimizer.paramGroups.length, 2);
  });

  it('reject options that are not valid, at once or in the step after they were set', async () => {
    const p = await placed([1]);
    const wrong: [make: () => unknown, says: RegExp][] = [
      [() => new optim.Adam([p], { lr: Number.NaN }), /Adam got a bad learning rate/],
      [() => new optim.Adam([p], { lr: '0.1' as never }), /learning rate.*got "0.1"/],
      [() => new optim.Adam([p], { betas: [0.9, 1] }), /Adam got bad betas.*got \[0.9, 1\]/],
      [() => new optim.Adam([p], { betas: 0.9 as never }), /betas/],
      [() => new optim.Adam([p], { eps: -1 }), /eps/],
      [() => new optim.Adam([p], { amsgrad: 'yes' as never }), /amsgrad/],
      [() => new optim.Adam([p], { weight_decay: 1 } as never), /did you mean weightDecay/],
      [() => new optim.AdamW([p], { weightDecay: -1 }), /AdamW got a bad weightDecay/],
      [() => new optim.AdamW([p], { maximize: 1 as never }), /maximize/],
      [() => new optim.Adamax([p], { eps: Number.POSITIVE_INFINITY }), /eps/],
      [() => new optim.NAdam([p], { momentumDecay: -1 }), /momentumDecay/],
      [() => new optim.RMSprop([p], { alpha: 1 }), /alpha/],
      [() => new optim.RMSprop([p], { momentum: -0.5 }), /momentum/],
      [() => new optim.Adagrad([p], { lrDecay: Number.NaN }), /lrDecay/],
      [() => new optim.Adadelta([p], { rho: 2 }), /rho/],
      [() => new optim.LARS([p], { lr: 1, momentum: 0, nesterov: true }), /nesterov/],
      [() => new optim.LARS([p], {} as never), /LARS got a bad learning rate/],
      [() => new optim.LAMB([p], { betas: [0.9] as never }), /betas/],
      [() => new optim.Adam(p as never), /list of parameters/],
    ];
    for (const [make, says] of wrong)
      assert.throws(make, (error) => error instanceof UsageError && says.test(error.message), String(make));
    const optimizer = new optim.Adam([p]);
    optimizer.paramGroups[0]!.eps = Number.NaN;
    p.square().sum().backward();
    assert.throws(() => optimizer.step(), /Adam got a bad eps/);
    assert.deepEqual([...(await p.data())], [1]);
  });

  it('reject the state of another optimizer, or one that is not complete', async () => {
    const p = await placed([1, 2]);
    const take = (optimizer: optim.Optimizer): void => {
      optimizer.zeroGrad();
      p.square().sum().backward();
      optimizer.step();
    };
    const adam = new optim.Adam([['p', p]]);
    take(adam);
    const { tensors, state } = adam.stateDict();
    const fresh = () => new optim.Adam([['p', p]], { lr: 7 });
    const refused = (load: () => void, says: RegExp) =>
      assert.throws(load, (error) => error instanceof CheckpointError && says.test(error.message));
    refused(() => new optim.AdamW([['p', p]]).loadStateDict({ tensors, state }), /state of Adam/);
    const some = new Map([...tensors].slice(0, 1));
    const target = fresh();
    refused(() => target.loadStateDict({ tensors: some, state }), /not complete: expAvgSq\.p/);
    refused(() => target.loadStateDict({ tensors: new Map(), state }), /expAvg\.p/);
    refused(
      () => target.loadStateDict({ tensors, state: { ...state, parameters: { p: {} } } }),
      /step of p.*got undefined/,
    );
    refused(
      () =>
        target.loadStateDict({
          tensors,
          state: { ...state, parameters: { ...state.parameters, q: { step: 1 } } },
        }),
      /q, which belongs to no parameter/,
    );
    const odd = { ...state, groups: [{ ...state.groups[0]!, betas: [2, 2] as never }] };
    assert.throws(() => target.loadStateDict({ tensors, state: odd }), UsageError);
    assert.equal(target.paramGroups[0]!.lr, 7);
    assert.equal(target.steps, 0);
    target.loadStateDict({ tensors, state });
    assert.equal(target.paramGroups[0]!.lr, 1e-3);
  });

  it('update a parameter that is used in two places once', async () => {
    const p = await placed([1]);
    const optimizer = new optim.Adadelta([p]);
    const two: Tensor = p.mul(tensor(Float64Array.of(2), { shape: [1] })).add(p);
    two.sum().backward();
    optimizer.step();
    const expected = 1 - (Math.sqrt(1e-6) / Math.sqrt(0.1 * 9 + 1e-6)) * 3;
    assertNear(await p.data(), [expected], 1e-12, 'p');
  });
});
