/* Exchanges of a world, compared with what they have to be; rank 0 prints what all ranks have found. */
import assert from 'node:assert/strict';
import type { DeviceName } from '../../../src/backend/device-names.js';
import { openDevice } from '../../../src/backend/open.js';
import { referenceDevice } from '../../../src/core.js';
import { open } from '../../../src/distributed/index.js';
import { PIECE } from '../../../src/distributed/thread/sums.js';
import { Linear } from '../../../src/nn/linear.js';
import { SGD } from '../../../src/optim/optimizers/sgd.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { evaluate, tensor } from '../../../src/tensor/tensor.js';

const world = await open();
const { rank, size } = world;
const ranks = Array.from({ length: size }, (_, r) => r);
const sum = ranks.reduce((a, b) => a + b + 1, 0);

// The main thread.
assert.deepEqual(
  (await world.gather([rank, -rank])).map((each) => [...each]),
  ranks.map((r) => [r, -r]),
);
assert.deepEqual(await world.broadcastValue(rank === 0 ? { a: [1, null, 'ü'] } : undefined), {
  a: [1, null, 'ü'],
});
assert.deepEqual(
  await world.texts(`text of ${rank}`),
  ranks.map((r) => `text of ${r}`),
);
await world.check('nothing', 'the same');
await assert.rejects(world.check('its number', `${rank}`), /Rank 1 .* differs from rank 0 .* in its number/);

/** Weights that the first device has trained. */
let first: ArrayLike<number> | undefined;

async function onDevice(name: DeviceName | 'inline'): Promise<void> {
  const device = name === 'inline' ? referenceDevice() : (await openDevice(name, { threads: 1 })).device;
  setDefaultDevice(device);
  const mine = (shape: number[]) => {
    const length = shape.reduce((a, b) => a * b, 1);
    return Float32Array.from({ length }, (_, i) => (rank + 1) * (i + 1));
  };
  const x = new Parameter(mine([size, 3]), [size, 3]);
  await x.place(device);
  const y = world.allReduce(x);
  const g = world.allGather(x);
  const s = world.reduceScatter(x);
  const b = world.broadcast(x, size - 1);
  const [all, gathered, scattered, sent] = await evaluate(y, g, s, b);
  const unit = Array.from({ length: 3 * size }, (_, i) => i + 1);
  assert.deepEqual(
    [...all!],
    unit.map((v) => v * sum),
  );
  assert.deepEqual(
    [...gathered!],
    ranks.flatMap((r) => unit.map((v) => v * (r + 1))),
  );
  assert.deepEqual(
    [...scattered!],
    unit.slice(3 * rank, 3 * rank + 3).map((v) => v * sum),
  );
  assert.deepEqual(
    [...sent!],
    unit.map((v) => v * size),
  );

  // Gradients of the sum of all ranks' losses: each loss weighs with its rank + 1.
  const gradient = async (loss: ReturnType<typeof tensor>): Promise<number[]> => {
    x.grad = null;
    loss.backward();
    return [...(await x.grad!.data())];
  };
  assert.deepEqual(
    await gradient(
      world
        .allReduce(x)
        .sum()
        .mul(rank + 1),
    ),
    unit.map(() => sum),
  );
  assert.deepEqual(
    await gradient(
      world
        .allGather(x)
        .sum()
        .mul(rank + 1),
    ),
    unit.map(() => sum),
  );
  assert.deepEqual(
    await gradient(
      world
        .reduceScatter(x)
        .sum()
        .mul(rank + 1),
    ),
    unit.map((_, i) => Math.floor(i / 3) + 1),
  );
  assert.deepEqual(
    await gradient(
      world
        .broadcast(x, size - 1)
        .sum()
        .mul(rank + 1),
    ),
    unit.map(() => (rank === size - 1 ? sum : 0)),
  );

  // Ranks with other weights get those of rank 0, and train on as one. The library pads these weights.
  const model = await new Linear(700, 700).to(device);
  model.weight.load(Float32Array.from({ length: 490_000 }, (_, i) => Math.sin(i + rank)));
  model.bias!.load(new Float32Array(700).fill(rank));
  await world.share(model);
  assert.equal((await model.weight.data())[1], Math.fround(Math.sin(1)));
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const reorders: number[] = [];
  for (const [rows, shares] of [
    [2, {}],
    [rank + 1, { share: (rank + 1) / sum }],
  ] as const) {
    const before = (await device.stats()).length;
    for (let step = 0; step < 3; step++) {
      optimizer.zeroGrad();
      const images = Float32Array.from({ length: 700 * rows }, (_, i) => Math.cos(i * (rank + 2) + step));
      const loss = model
        .forward(tensor(images, { shape: [rows, 700] }))
        .square()
        .mean();
      loss.backward();
      world.average(model.parameters(), shares);
      optimizer.step();
      assert.ok(Number.isFinite(await loss.item()));
    }
    const made = (await device.stats()).slice(before);
    assert.ok(name !== 'onednn' || made.every(({ scripted }) => !scripted.includes('sumStart')));
    reorders.push(Math.max(...made.map((stats) => stats.reorders)));
  }
  const weights = await model.weight.data();
  await world.check(`weights on ${name}`, weights.join());
  first ??= weights;
  const wrong = weights.findIndex((value, i) => Math.abs(value - first![i]!) > 1e-5);
  assert.equal(wrong, -1, `${name}: ${weights[wrong]}, not ${first[wrong]} at ${wrong}`);
  // Ranks with equally many images add in the library's own layout.
  if (name === 'onednn') assert.ok(reorders[0]! < reorders[1]!, reorders.join());
  await device.close();
  if (rank === 0) console.log(`${name}: ${weights.slice(0, 3).join(' ')}`);
}

for (const name of (process.argv[2] ?? 'inline,reference').split(',')) await onDevice(name as DeviceName);

// Sums of several pieces, the last of which the ranks do not divide.
setDefaultDevice(referenceDevice());
for (const [wire, count] of [
  ['float32', 2 * PIECE + 5],
  ['bfloat16', 2 * PIECE + 1],
  ['float32', 1],
] as const) {
  const large = new Parameter(new Float32Array(count), [count]);
  await large.place(referenceDevice());
  // Numbers that 16 bits hold, and so are their sums.
  const values = Float32Array.from({ length: count }, (_, i) => (i % 31) * (rank + 1));
  large.grad = tensor(values);
  world.average([large], { share: 1, wire });
  const found = await large.grad!.data();
  const wrong = found.findIndex((v, i) => v !== (i % 31) * sum);
  assert.equal(wrong, -1, `${wire} ${count}: ${found[wrong]} at ${wrong}`);
}
if (rank === 0) console.log(`all is well on ${size} ranks of ${world.library?.abi ?? 'no library'}`);
await world.close();
