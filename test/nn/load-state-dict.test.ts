import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/open.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { DeviceError, UsageError } from '../../src/errors/errors.js';
import { loadWeights, saveWeights } from '../../src/index.js';
import type { FileArray } from '../../src/interop/numbers.js';
import { safetensorsPieces } from '../../src/interop/safetensors/index.js';
import { BatchNorm2d, Linear, type Module, ReLU, Sequential } from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { evaluate, ones, tensor } from '../../src/tensor/tensor.js';

setDefaultDevice(referenceDevice());

const make = () => new Sequential(new Linear(3, 4), new ReLU(), new Linear(4, 2));
const values = async (model: Module) =>
  Promise.all([...model.stateDict().values()].map(async (p) => [...(await p.data())]));
const train = async (model: Module, optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })) => {
  optimizer.zeroGrad();
  model
    .forward(ones([2, 3]))
    .square()
    .sum()
    .backward();
  optimizer.step();
  return optimizer;
};

async function copies(from: Device | undefined, to: Device | undefined): Promise<void> {
  const [a, b] = [make(), make()];
  if (from) await a.to(from);
  if (to) await b.to(to);
  if (from) await train(a);
  const expected = await values(a);
  const report = b.loadStateDict(a.stateDict());
  assert.deepEqual(report, { missing: [], unexpected: [], mismatched: [] });
  assert.deepEqual(await values(b), expected);
  // The models are independent: training one does not change the other.
  if (from) {
    await train(a);
    assert.notDeepEqual(await values(a), expected);
    assert.deepEqual(await values(b), expected);
    await train(b);
    assert.notDeepEqual(await values(b), expected);
  }
}

test('a model loads another model’s state dict, on any devices', async () => {
  const { device } = await openDevice('reference');
  try {
    const here = referenceDevice();
    for (const [from, to] of [
      [undefined, undefined],
      [undefined, here],
      [here, undefined],
      [here, here],
      [device, undefined],
      [undefined, device],
      [device, device],
    ] as const)
      await copies(from, to);
    const [a, b] = [await make().to(here), await make().to(device)];
    const before = await values(b);
    assert.throws(
      () => b.loadStateDict(a.stateDict()),
      (error) => {
        assert.ok(error instanceof DeviceError);
        assert.match(error.message, /0\.weight cannot be copied.*before model\.to\(device\)/);
        return true;
      },
    );
    assert.deepEqual(await values(b), before);
  } finally {
    await device.close();
  }
});

test('training continues from copies of model and optimizer as from the originals', async () => {
  const device = referenceDevice();
  const [a, b] = [await make().to(device), await make().to(device)];
  const first = await train(a);
  await train(a, first);
  b.loadStateDict(a.stateDict());
  const second = new SGD(b.parameters(), { lr: 0.1, momentum: 0.9 });
  second.loadStateDict(first.stateDict());
  await train(a, first);
  await train(b, second);
  assert.deepEqual(await values(b), await values(a));
});

test('running statistics, tied weights and other number types are loaded too', async () => {
  const device = referenceDevice();
  const a = await new Sequential(new BatchNorm2d(2)).to(device);
  a.forward(
    tensor(
      Float32Array.from({ length: 16 }, (_, i) => i),
      { shape: [2, 2, 2, 2] },
    ),
  );
  const b = new Sequential(new BatchNorm2d(2));
  b.loadStateDict(a.stateDict());
  assert.deepEqual(await values(b), await values(a));
  assert.notDeepEqual((await values(b))[2], [0, 0]);
  b.loadStateDict(b.stateDict());
  const tied = new Linear(3, 3);
  const both = new Sequential(tied, tied);
  both.loadStateDict(new Sequential(tied, tied).stateDict());
  const wide = new Map([
    ['weight', new Parameter(new Float64Array(9).fill(0.5), [3, 3])],
    ['bias', new Parameter(new Float64Array(3), [3])],
  ]);
  for (const p of wide.values()) await p.place(device);
  const narrow = await new Linear(3, 3).to(device);
  narrow.loadStateDict(wide);
  assert.deepEqual([...(await narrow.weight.data())], Array(9).fill(0.5));
});

test('tensors are loaded, such as the means of two models', async () => {
  const here = referenceDevice();
  const mean = (a: Module, b: Module) =>
    new Map([...a.stateDict()].map(([name, p]) => [name, p.add(b.stateDict().get(name)!).mul(0.5)]));
  for (const device of [here, undefined]) {
    const [a, b, c] = [make(), make(), make()];
    if (device) for (const model of [a, b, c]) await model.to(device);
    const [first, second] = [await values(a), await values(b)];
    const expected = first.map((row, i) =>
      row.map((v, k) => Math.fround(Math.fround(v + second[i]![k]!) / 2)),
    );
    const means = mean(a, b);
    if (!device) {
      assert.throws(
        () => c.loadStateDict(means),
        /0\.weight .*not computed.*on the host.*await tensor\.data/,
      );
      await evaluate(...means.values());
    }
    c.loadStateDict(means);
    assert.deepEqual(await values(c), expected);
    // Into one of the two, whose old values all means need.
    a.loadStateDict(device ? mean(a, b) : means);
    assert.deepEqual(await values(a), expected);
  }
  const numbers = new Map([...make().stateDict()].map(([name, { shape }]) => [name, ones(shape)]));
  const loaded = make();
  loaded.loadStateDict(numbers);
  assert.ok((await values(loaded)).flat().every((v) => v === 1));
});

test('values that are not a state dict are rejected with an explanation', () => {
  const model = make();
  const load = (saved: unknown) => model.loadStateDict(saved as never);
  for (const [saved, words] of [
    [undefined, /got undefined/],
    [make(), /pass its stateDict\(\)/],
    [{ tensors: new Map() }, /loadStateDict\(weights\.tensors\)/],
    [Object.fromEntries(model.stateDict()), /new Map\(Object\.entries/],
    ['weights.pth', /got "weights\.pth".*loadWeights\(file, model\)/],
    [new Map([['0.weight', [1, 2]]]), /0\.weight of the weights has no values to load.*got \[1, 2\]/],
    [new Map([['0.weight', { data: [1, 2], shape: [2] }]]), /typed array/],
    [new Map([['0.weight', null]]), /0\.weight of the weights/],
  ] as const)
    assert.throws(
      () => load(saved),
      (error) => {
        assert.ok(error instanceof UsageError, String(error));
        assert.match(error.message, words);
        return true;
      },
    );
});

test('loadWeights reads the files of saveWeights, and removes prefixes of names', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const a = make();
  for (const name of ['w.safetensors', 'w.pth']) {
    const b = make();
    await saveWeights(join(folder, name), a);
    await loadWeights(join(folder, name), b);
    assert.deepEqual(await values(b), await values(a));
  }
  const write = async (name: string, entries: Iterable<readonly [string, readonly number[], number]>) => {
    const arrays = new Map<string, FileArray>();
    for (const [key, shape, value] of entries) {
      const data = new Float32Array(shape.reduce((x, y) => x * y, 1)).fill(value);
      arrays.set(key, { dtype: 'F32', shape: [...shape], data });
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of safetensorsPieces(arrays)) pieces.push(Uint8Array.from(piece));
    await writeFile(join(folder, name), Buffer.concat(pieces));
    return join(folder, name);
  };
  const own = (prefix: string, value: number) =>
    [...a.stateDict()].map(([name, { shape }]) => [prefix + name, [...shape], value] as const);
  const b = make();
  const file = await write('lightning.safetensors', [...own('net.', 3), ['criterion.weight', [2], 1]]);
  await loadWeights(file, b);
  assert.deepEqual((await values(b))[1], [3, 3, 3, 3]);
  const two = await write('two.safetensors', [...own('model.', 1), ...own('ema_model.', 2)]);
  await assert.rejects(loadWeights(two, b), /more than one network/);
  assert.deepEqual((await values(b))[1], [3, 3, 3, 3]);
  // A file with some of the names needs a partial load.
  const part = await write('part.safetensors', own('model.', 5).slice(0, 3));
  await assert.rejects(loadWeights(part, b), /part\.safetensors.*missing/);
  const report = await loadWeights(part, b, { strict: false });
  assert.deepEqual(report.missing, ['2.bias']);
  assert.deepEqual((await values(b))[1], [5, 5, 5, 5]);
  await assert.rejects(loadWeights(b as never, part as never), UsageError);
});
