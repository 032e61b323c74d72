import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { DataError } from '../../../src/errors/errors.js';
import { BatchNorm2d, Conv2d, CrossEntropyLoss, Flatten, Linear, Sequential } from '../../../src/nn/index.js';
import { SGD } from '../../../src/optim/index.js';
import { AlexNet } from '../../../src/papers/alexnet/model.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { runNode } from '../../support/cli.js';
import { assertNear, batchOf } from '../../support/generated.js';
import { makeTinyNet, trainer } from '../../support/nets/tinynet.js';

const open = async () => (await openDevice('onednn', { threads: 2 })).device;

describe('the onednn device', () => {
  let device: Device;
  before(async () => {
    device = await open();
  });
  after(() => device.close());

  const plans = async () => (await device.stats()).length;

  describe('training AlexNet', () => {
    /** A function that trains one step, always on the same batch. */
    async function alexnet(batch: number): Promise<() => Promise<number>> {
      const model = new AlexNet({ numClasses: 10 });
      await model.to(device);
      const optimizer = new SGD(model.namedParameters(), { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 });
      const [images, labels] = batchOf(batch, [3, 224, 224], 0);
      return () => {
        optimizer.zeroGrad();
        const loss = new CrossEntropyLoss().forward(model.forward(images), labels);
        loss.backward();
        optimizer.step();
        return loss.item();
      };
    }

    it('compiles one plan, mostly of primitives, with few reorders', async () => {
      const before = await plans();
      const step = await alexnet(4);
      await step();
      const made = async () =>
        (await device.stats()).slice(before).map(({ runSeconds: _, ...fixed }) => fixed);
      const first = await made();
      assert.equal(first.length, 1);
      await step();
      await step();
      // A recompiled plan would have another compile time.
      assert.deepEqual(await made(), first);
      const { scripted, reorders, arenaBytes } = first[0]!;
      assert.deepEqual([...scripted].sort(), ['affine', 'affine', 'dropoutMask', 'dropoutMask', 'sum']);
      assert.ok(reorders <= 10, `${reorders} reorders`);
      assert.ok(arenaBytes > 0);
    });

    it('does not block the event loop', async () => {
      const step = await alexnet(4);
      await step();
      // A step on this thread would finish before any other event.
      let turns = 0;
      let running = true;
      const turn = () => {
        turns++;
        if (running) setImmediate(turn);
      };
      const done = step();
      setImmediate(turn);
      await done;
      running = false;
      assert.ok(turns > 1, `${turns} turns`);
    });
  });

  it('trains the same with and without evaluations in between', async () => {
    const alone = await trainer(makeTinyNet(), device);
    const mixed = await trainer(makeTinyNet(), device);
    for (let n = 0; n < 4; n++) {
      // Also before the first step, when the weights are still row-major.
      const evaluated = await mixed.evaluate(n);
      const loss = await mixed.train(n);
      assertNear([evaluated], [loss], 1e-5, 'the same batch in evaluation and in training');
      await mixed.evaluate(100 + n);
      assert.equal(loss, await alone.train(n));
    }
  });

  it('computes running statistics from the statistics of the normalisation', async () => {
    const running = async (on: Device) => {
      manualSeed(3);
      const model = new Sequential(
        new Conv2d(3, 20, 3),
        new BatchNorm2d(20),
        new Flatten(),
        new Linear(720, 5),
      );
      await model.to(on);
      const optimizer = new SGD(model.parameters(), { lr: 0.01 });
      const [images, labels] = batchOf(6, [3, 8, 8], 4, 5);
      for (let i = 0; i < 3; i++) {
        optimizer.zeroGrad();
        new CrossEntropyLoss().forward(model.forward(images), labels).backward();
        optimizer.step();
      }
      const state = model.stateDict();
      return Promise.all(['1.running_mean', '1.running_var'].map((name) => state.get(name)!.data()));
    };
    const before = await plans();
    const [mean, variance] = await running(device);
    assert.ok(!(await device.stats()).slice(before).some(({ scripted }) => scripted.includes('batchStats')));
    const [expectedMean, expectedVariance] = await running(referenceDevice());
    assertNear(mean!, expectedMean!, 1e-5, 'running mean');
    assertNear(variance!, expectedVariance!, 1e-5, 'running variance');
  });

  it('reads back written values, before a step and after weights were reordered', async () => {
    const model = makeTinyNet(1);
    const initial = new Map<string, Float32Array>();
    for (const [name, p] of model.namedParameters()) initial.set(name, Float32Array.from(await p.data()));
    const { train, evaluate } = await trainer(model, device);
    const check = async (expected: ReadonlyMap<string, Float32Array>, when: string) => {
      for (const [name, p] of model.namedParameters())
        assert.deepEqual(await p.data(), expected.get(name), `${name} ${when}`);
    };
    await check(initial, 'before any step');
    const before = await evaluate(0);
    await check(initial, 'after an evaluation');
    await train(0);
    const others = new Map([...initial].map(([name, values]) => [name, values.map((_, i) => i)]));
    for (const [name, p] of model.namedParameters()) {
      assert.notDeepEqual(await p.data(), initial.get(name), `${name} after a step`);
      p.load(others.get(name)!);
    }
    await check(others, 'after others were loaded');
    for (const [name, p] of model.namedParameters()) p.load(initial.get(name)!);
    await check(initial, 'after the first were loaded again');
    assertNear([await evaluate(0)], [before], 1e-6, 'the loss with the first weights');
  });

  it('runs two models of one architecture on one plan without mixing their weights', async () => {
    const before = await plans();
    const alone: number[][] = [];
    for (const seed of [2, 3]) {
      const { train } = await trainer(makeTinyNet(seed), device);
      alone.push([await train(0), await train(1), await train(2)]);
    }
    assert.notDeepEqual(alone[0], alone[1]);
    const [a, b] = [await trainer(makeTinyNet(2), device), await trainer(makeTinyNet(3), device)];
    const together: number[][] = [[], []];
    for (let n = 0; n < 3; n++) {
      together[0]!.push(await a.train(n));
      together[1]!.push(await b.train(n));
    }
    assert.deepEqual(together, alone);
    assert.ok((await plans()) - before <= 1);
  });

  it('rejects a step with a label out of range, and then trains as if the step had not happened', async () => {
    const { train } = await trainer(makeTinyNet(4), device);
    const expected = [await train(0), await train(1)];
    const other = await trainer(makeTinyNet(4), device);
    const losses = [await other.train(0)];
    await assert.rejects(other.train(5, [0, 1, 2, 11, 4, 5, 6, 7]), (error) => {
      assert.ok(error instanceof DataError, `${error}`);
      assert.match(error.message, /row 3\b.*got 11\b/s);
      return true;
    });
    losses.push(await other.train(1));
    assert.deepEqual(losses, expected);
  });
});

/** The JSON output of a child process with the same oneDNN library. */
async function runChild(args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runNode(args, {
    env: { PAPERWEIGHT_ONEDNN: process.env.PAPERWEIGHT_ONEDNN },
    timeoutMs: 300_000,
  });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return JSON.parse(stdout);
}

it('memory descriptors are freed', async () => {
  const child = fileURLToPath(new URL('../../support/children/descriptors.js', import.meta.url));
  const { grown } = (await runChild(['--expose-gc', child])) as { grown: number };
  // 360,000 descriptors of about 700 bytes each are created while memory is measured.
  assert.ok(grown < 32 * 2 ** 20, `${grown} bytes`);
});

describe('a program that trains on the onednn device', () => {
  const CHILD = fileURLToPath(new URL('../../support/children/train.js', import.meta.url));
  const run = async (flags: readonly string[], ...args: number[]) =>
    (await runChild([...flags, CHILD, ...args.map(String)])) as { loss: number; memory: number[] };

  it('exits without close()', async () => {
    // A process that does not exit is killed after a while, which runChild reports.
    const { loss } = await run([], 2);
    assert.ok(loss > 0);
  });

  it('uses no more memory after 600 steps than after 60, without dispose()', async () => {
    // Fixed heap sizes, since the JavaScript heap takes more steps to settle than native memory.
    const flags = ['--min-semi-space-size=2', '--max-semi-space-size=2', '--no-opt'];
    const [early, late] = (await run(flags, 600, 60, 600)).memory as [number, number];
    assert.ok(late < 1.03 * early, `${early} bytes after 60 steps, ${late} after 600`);
  });
});
