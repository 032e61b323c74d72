import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { addPairs } from '../../src/distributed/thread/sums.js';
import { UsageError } from '../../src/errors/errors.js';
import { Conv2d, Dropout, Flatten, Linear, ReLU, Sequential } from '../../src/nn/index.js';
import { Generator } from '../../src/random.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { tensor } from '../../src/tensor/tensor.js';
import { PairedAccumulator } from '../../src/train/accumulate.js';
import { checkBlocks } from '../../src/train/blocks.js';
import { assertNear } from '../support/generated.js';
import { scratch, toyConfig, toyRun } from '../support/toy.js';

const device = referenceDevice();

const net = (): Sequential =>
  new Sequential(
    new Conv2d(3, 8, 3, { padding: 1 }),
    new ReLU(),
    new Flatten(),
    new Dropout(0.5),
    new Linear(512, 10),
  );

/** Sums of some arrays as that many ranks add them. */
function overRanks(parts: readonly Float32Array[]): Float32Array {
  const into = new Float32Array(parts[0]!.length);
  for (const steps = addPairs(parts, into); !steps.next().done; );
  return into;
}

describe('sums in pairs', () => {
  const random = new Generator(1);
  // Numbers of very different sizes, whose sum depends on the order.
  const values = () =>
    Float32Array.from({ length: 500 }, () => random.normal() * 10 ** (4 * random.normal()));

  /** The sum of as many gradients on one process. */
  async function inProcess(gradients: readonly Float32Array[]): Promise<Float32Array> {
    const parameter = new Parameter(new Float32Array(500), [500]);
    await parameter.place(device);
    const sums = new PairedAccumulator();
    for (const [at, gradient] of gradients.entries()) {
      parameter.grad = tensor(gradient);
      if (at === gradients.length - 1) {
        if (at > 0) sums.total([parameter], at);
      } else sums.add([parameter], at, { outputs: [], guard: tensor([0]).sum() });
    }
    return (await parameter.grad!.data()).slice() as Float32Array;
  }

  test('have the same bits for any division over ranks', async () => {
    const blocks = Array.from({ length: 8 }, values);
    const expected = overRanks(blocks);
    for (const ranks of [1, 2, 4, 8]) {
      const count = 8 / ranks;
      const own = (rank: number) => inProcess(blocks.slice(rank * count, (rank + 1) * count));
      const parts = await Promise.all(Array.from({ length: ranks }, (_, rank) => own(rank)));
      assert.deepEqual(overRanks(parts), expected, `${ranks} ranks`);
    }
    const inOrder = blocks.reduce((sum, block) => sum.map((value, i) => value + block[i]!));
    assert.notDeepEqual(inOrder, expected);
  });
});

describe('a batch in blocks', () => {
  const run = async (path: string, blocks?: number) => {
    const config = toyConfig({ epochs: 2, ...(blocks ? { blocks } : {}) });
    const { trainer, recorder } = await toyRun(device, path, { config, net });
    await trainer.run();
    return { weights: await trainer.weights(), recorder };
  };

  test('is the same training as the whole batch, but for rounding', async (t) => {
    const whole = await run(await scratch(t));
    // 44 images in batches of 8: the last batch has fewer images than there are blocks.
    for (const blocks of [1, 2, 8]) {
      const { weights, recorder } = await run(await scratch(t), blocks);
      for (const [name, values] of whole.weights)
        assertNear([...weights.get(name)!], [...values], 1e-4, `${blocks} blocks: ${name}`);
      assertNear(
        recorder.steps.map(({ loss }) => loss),
        whole.recorder.steps.map(({ loss }) => loss),
        1e-4,
        'losses',
      );
      const accuracies = (one: typeof whole) => one.recorder.epochs.map(({ trainAccuracy }) => trainAccuracy);
      assert.deepEqual(accuracies({ weights, recorder }), accuracies(whole));
    }
  });

  test('resumes to the last bit', async (t) => {
    const config = toyConfig({ blocks: 4, schedule: { kind: 'constant' } });
    const whole = await toyRun(device, await scratch(t), { config, net });
    await whole.trainer.run();
    const path = await scratch(t);
    const half = await toyRun(device, path, { config: { ...config, maxSteps: 8 }, net });
    await half.trainer.run();
    const rest = await toyRun(device, path, { config, net, resume: true });
    await rest.trainer.run();
    assert.deepEqual(await rest.trainer.weights(), await whole.trainer.weights());
  });

  test('is refused with statistics of batches', async (t) => {
    const { trainer } = await toyRun(device, await scratch(t), { config: toyConfig({ blocks: 2 }) });
    await assert.rejects(
      trainer.run(),
      (error) => error instanceof UsageError && /--blocks .*batch normalisation/s.test(error.message),
    );
  });

  test('is refused for other numbers of ranks, and with what works on whole batches', () => {
    const config = { batchSize: 32 };
    for (const [changes, ranks, parallel, words] of [
      [{ blocks: 3 }, 1, false, /a power of two/],
      [{ blocks: 2048, batchSize: 4096 }, 1, false, /up to 1024/],
      [{ blocks: 64 }, 1, false, /at least one image.*got a batch of 32/],
      [{ blocks: 4 }, 8, false, /1, 2, 4 … 4 ranks; got 8 ranks/],
      [{ blocks: 4 }, 3, false, /1, 2, 4 … 4 ranks; got 3 ranks/],
      [{ blocks: 4, accumulate: 2 }, 1, false, /without --accumulate/],
      [{ blocks: 4, syncBn: true }, 1, false, /without --sync-bn/],
      [{ blocks: 4, wire: 'bfloat16' }, 2, false, /without --wire bfloat16/],
      [{ blocks: 4 }, 2, true, /without --parallel/],
    ] as const)
      assert.throws(
        () => checkBlocks({ ...config, ...changes }, ranks, parallel),
        (error) => error instanceof UsageError && words.test(error.message),
      );
    checkBlocks({ ...config, accumulate: 2 }, 3, true);
    for (const ranks of [1, 2, 4]) checkBlocks({ ...config, blocks: 4 }, ranks, false);
  });
});
