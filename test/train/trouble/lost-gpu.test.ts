import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { WebGpuDevice } from '../../../src/backend/webgpu/device.js';
import type { EngineOptions } from '../../../src/backend/webgpu/engine.js';
import { DeviceError } from '../../../src/errors/errors.js';
import { openWebGpu, withoutGpu } from '../../backend/webgpu/open.js';
import { plainMetrics, scratch, toyRun } from '../../support/toy.js';

const missing = await withoutGpu();

describe('a run whose GPU is lost', { skip: missing }, () => {
  /** One device after another, as after a restart. */
  const opened = async (
    t: { after: (body: () => unknown) => void },
    options?: EngineOptions,
  ): Promise<WebGpuDevice> => {
    const device = await openWebGpu(options);
    t.after(() => device.close().catch(() => {}));
    return device;
  };

  test('or that has no memory ends with the reason, and resumes from its checkpoint with the same bits', async (t) => {
    const folder = await scratch(t);
    const whole = await toyRun(await opened(t), join(folder, 'whole'));
    await whole.trainer.run();

    const first = await opened(t);
    const path = join(folder, 'lost');
    const lost = await toyRun(first, path, {
      hooks: {
        step: ({ step }) => {
          if (step === 10) first.engine.device.destroy();
        },
      },
    });
    await assert.rejects(lost.trainer.run(), (error: unknown) => {
      assert.ok(error instanceof DeviceError, `${error}`);
      assert.match(error.message, /GPU was lost.*train --resume/s);
      return true;
    });
    // Checkpoints are written every 4 steps.
    assert.match((await lost.folder.state()).latest!, /step-0000000[48]/);

    const tight = await toyRun(await opened(t, { free: () => 0 }), path, { resume: true });
    await assert.rejects(tight.trainer.run(), /no memory for the intermediate values of a training step/);

    const resumed = await toyRun(await opened(t), path, { resume: true });
    assert.ok(resumed.trainer.step >= 4 && resumed.trainer.step < 10, `${resumed.trainer.step}`);
    await resumed.trainer.run();
    assert.deepEqual(await plainMetrics(resumed.folder), await plainMetrics(whole.folder));
    for (const [i, parameter] of resumed.model.parameters().entries())
      assert.deepEqual(await parameter.data(), await whole.model.parameters()[i]!.data());
  });
});
