import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { runCli } from '../support/cli.js';
import { bytesIn, measuredIn, trainKilled } from '../support/runs/killed-runs.js';
import { scratch } from '../support/toy.js';

/** An idx file of bytes. */
function idx(shape: readonly number[], value: (i: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [i, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  const values = Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => value(i));
  return Buffer.concat([header, Buffer.from(values)]);
}

/** A folder with a few drawn "digits" in MNIST's form. */
async function digits(folder: string): Promise<string> {
  for (const [split, count] of [
    ['train', 40],
    ['t10k', 20],
  ] as const) {
    const pixels = idx([count, 28, 28], (i) =>
      Math.floor(i / 28) % 7 === Math.floor(i / 784) % 7 ? 230 : 0,
    );
    await writeFile(join(folder, `${split}-images-idx3-ubyte`), pixels);
    await writeFile(
      join(folder, `${split}-labels-idx1-ubyte`),
      idx([count], (i) => i % 10),
    );
  }
  return folder;
}

const SMALL = ['--batch-size', '10', '--epochs', '2', '--checkpoint-every', '3'];

describe('papers with a training of their own', () => {
  for (const [name, paper, flags, samples] of [
    ['VAE', 'vae', ['--preset', 'manifold', '--hidden', '8'], true],
    ['VAE by wake-sleep', 'vae', ['--preset', 'wake-sleep', '--hidden', '8', '--latent', '3'], true],
    ['Adam without its correction', 'adam', ['--preset', 'autoencoder', '--correction', 'off'], true],
    ['logistic regression', 'adam', ['--optimizer', 'rmsprop', '--decay', 'root'], false],
  ] as const)
    test(`${name}: on the data set of its recipe, killed and resumed bit for bit`, async (t) => {
      const folder = await digits(await scratch(t));
      const env = { PAPERWEIGHT_MNIST: folder };
      const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
      await trainKilled({ paper, run: whole, env }, [...flags, ...SMALL], []);
      await trainKilled({ paper, run: killed, env }, [...flags, ...SMALL], [5]);
      assert.deepEqual(await measuredIn(killed), await measuredIn(whole));
      for (const part of ['checkpoints', ...(samples ? ['samples'] : [])])
        assert.deepEqual(await bytesIn(killed, part), await bytesIn(whole, part), part);
      const report = await runCli(['report', killed, '--device', 'reference'], { env });
      assert.equal(report.code, 0, report.stderr);
      const page = await readFile(join(killed, 'report.html'), 'utf8');
      if (samples) assert.match(page, /Images from the model after step 8/);
      // What only classifiers have is not missed.
      if (samples) assert.doesNotMatch(page, /Not evaluated|test accuracy|chance level/);
    });

  test('a transformer is a classifier whose attention is measured', async (t) => {
    const run = join(await scratch(t), 'run');
    const flags = ['--width', '8', '--depth', '1', '--patch', '16', '--dataset', 'shapes10'];
    const here = ['--max-steps', '2', '--eval-limit', '20', '--device', 'reference', '--run', run];
    const { code, stdout, stderr } = await runCli(['train', '--paper', 'vit', ...flags, ...here]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Accuracy on test set: [\d.]+%.*attention distance 1\.1 [\d.]+/s);
    const evaluated = await runCli(['eval', run, '--eval-limit', '20', '--device', 'reference']);
    assert.equal(evaluated.code, 0, evaluated.stderr);
  });
});
