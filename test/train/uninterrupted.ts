import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import type { RunFolder } from '../../src/run/run-folder.js';
import { plainMetrics, scratch, type ToyRun, toyRun } from '../support/toy.js';

/** The toy run without interruption, for the tests of a file: 18 steps, a checkpoint every 4 and after each epoch. */
export function uninterrupted(device: Device): {
  readonly folder: RunFolder;
  /** Asserts that a run has the same last checkpoint and metrics. */
  same(run: RunFolder): Promise<void>;
} {
  let whole: ToyRun | undefined;
  const cleanup: (() => unknown)[] = [];
  before(async () => {
    const path = await scratch({ after: (body) => void cleanup.push(body as () => unknown) });
    whole = await toyRun(device, join(path, 'whole'));
    await whole.trainer.run();
  });
  after(() => Promise.all(cleanup.map((body) => body())));
  const latest = async (run: RunFolder): Promise<Buffer> =>
    readFile(run.checkpoints.file((await run.state()).latest!));
  return {
    get folder() {
      return whole!.folder;
    },
    async same(run) {
      assert.ok((await latest(whole!.folder)).equals(await latest(run)), 'the last checkpoints differ');
      assert.deepEqual(await plainMetrics(run), await plainMetrics(whole!.folder));
    },
  };
}
