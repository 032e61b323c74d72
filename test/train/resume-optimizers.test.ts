import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { OPTIMIZER_NAMES } from '../../src/optim/by-name.js';
import type { TrainConfig } from '../../src/run/config.js';
import type { RunFolder } from '../../src/run/run-folder.js';
import { scratch, toyConfig, toyRun } from '../support/toy.js';

/** Options that give an optimizer all the state that it can have. */
const OPTIONS: Readonly<Record<string, Partial<TrainConfig>>> = {
  adamw: { schedule: { kind: 'one-cycle', pctStart: 0.4 } },
  adam: { optimizerOptions: { amsgrad: true, betas: [0.8, 0.9] } },
  nadam: { optimizerOptions: { decoupledWeightDecay: true } },
  rmsprop: { optimizerOptions: { centered: true } },
  adagrad: { optimizerOptions: { lrDecay: 0.1, initialAccumulatorValue: 0.1 } },
  lars: { lr: 2 },
  sgd: { optimizerOptions: { nesterov: true } },
};

const latest = async (folder: RunFolder) => readFile(folder.checkpoints.file((await folder.state()).latest!));

describe('a run with any optimizer', () => {
  for (const optimizer of OPTIMIZER_NAMES)
    it(`continues bit for bit: ${optimizer}`, async (t) => {
      const config = toyConfig({ optimizer, epochs: 2, lr: 0.01, ema: 0.9, ...OPTIONS[optimizer] });
      const device = referenceDevice();
      const whole = await toyRun(device, await scratch(t), { config });
      await whole.trainer.run();
      const path = await scratch(t);
      for (const stop of [3, 8, undefined]) {
        const abort = new AbortController();
        const hooks = { step: ({ step }: { step: number }) => void (step === stop && abort.abort()) };
        const resume = stop !== 3;
        await (await toyRun(device, path, { config, resume, hooks, signal: abort.signal })).trainer.run();
      }
      const again = (await toyRun(device, path, { config, resume: true })).folder;
      assert.ok((await latest(whole.folder)).equals(await latest(again)));
    });

  it('refuses to resume with another one', async (t) => {
    const path = await scratch(t);
    const first = await toyRun(referenceDevice(), path, {
      config: toyConfig({ optimizer: 'adam', epochs: 1 }),
    });
    await first.trainer.run();
    await assert.rejects(
      toyRun(referenceDevice(), path, { config: toyConfig({ optimizer: 'adamw', epochs: 2 }), resume: true }),
      /state of AdamW.*got the state of Adam/,
    );
  });
});
