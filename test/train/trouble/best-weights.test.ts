import assert from 'node:assert/strict';
import fs from 'node:fs';
import { readFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import { tensor } from '../../../src/tensor/tensor.js';
import { bytesIn } from '../../support/runs/killed-runs.js';
import { ownRun, squares } from '../../support/runs/own-runs.js';

test('the best weights of an epoch in which nothing could be written are written later', async (t) => {
  let readOnly = false;
  const { open } = fs.promises;
  fs.promises.open = async (...args) => {
    if (readOnly && args[1] !== 'r')
      throw Object.assign(new Error('EROFS: read-only file system, open'), { code: 'EROFS' });
    return open(...args);
  };
  syncBuiltinESMExports();
  t.after(() => {
    fs.promises.open = open;
    syncBuiltinESMExports();
  });

  const notes: string[] = [];
  const trained = async (closed: readonly number[]) => {
    let epochs = 0;
    const { trainer, path } = await ownRun(t, {
      training: squares(() => ({ measure: () => ({ loss: tensor([4, 1, 2, 3][epochs]!) }) })),
      config: { epochs: 4 },
      observer: {
        note: (text) => notes.push(text),
        epoch: ({ epoch }) => {
          epochs = epoch;
          readOnly = closed.includes(epoch);
        },
      },
    });
    assert.ok(await trainer.run());
    const state = await readFile(`${path}/state.json`, 'utf8');
    return { state, files: await bytesIn(path, 'checkpoints') };
  };
  const undisturbed = await trained([]);
  assert.match(undisturbed.state, /best-00000006/);
  assert.deepEqual(notes, []);
  const disturbed = await trained([2, 3]);
  assert.deepEqual(disturbed.state, undisturbed.state);
  const best = 'best-00000006.safetensors';
  assert.equal(disturbed.files[best], undisturbed.files[best]);
  assert.equal(notes.filter((text) => /There is no checkpoint/.test(text)).length, 1);
});
