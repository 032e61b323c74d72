import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli } from '../../support/cli.js';
import { scratch } from '../../support/toy.js';

const COMMON = ['--threads', '1', '--batch-size', '4', '--eval-limit', '4', '--dataset', 'shapes10'];

/** The run was computed on another device, such as a GPU in float16. */
async function computedOn(device: object, run: string): Promise<void> {
  const file = join(run, 'config.json');
  const { paperweight_checksum: _, ...config } = JSON.parse(await readFile(file, 'utf8')) as {
    readonly paperweight_checksum: string;
    readonly machine: { device: object };
  };
  config.machine.device = { ...config.machine.device, ...device };
  await writeFile(file, JSON.stringify(config));
}

test('a run continues in float32 on a device without its number type', async (t) => {
  const run = join(await scratch(t), 'run');
  const train = (...args: string[]) =>
    runCli(['train', '--device', 'wasm', ...COMMON, '--run', run, ...args], { timeoutMs: 300_000 });
  const first = await train('--preset', 'four-layer', '--max-steps', '1');
  assert.equal(first.code, 0, first.stderr);
  for (const [steps, precision] of [
    ['2', 'float16'],
    ['3', 'bfloat16'],
  ] as const) {
    await computedOn({ precision }, run);
    const again = ['--resume', '--max-steps', steps];
    const asked = await train(...again, '--precision', precision);
    assert.notEqual(asked.code, 0);
    assert.match(asked.stderr, new RegExp(`cannot compute with ${precision}`));
    const { code, stderr } = await train(...again);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      new RegExp(`Device "wasm" cannot compute with ${precision}; the run continues in float32\\.`),
    );
    assert.match(stderr, new RegExp(`precision ${precision} \\(now float32\\)`));
    assert.match(stderr, new RegExp(`after ${steps} steps`));
  }
});

test('a run of a GPU continues on all threads of the processor', async (t) => {
  const run = join(await scratch(t), 'run');
  const first = await runCli(
    ['train', '--device', 'wasm', ...COMMON, '--preset', 'four-layer', '--max-steps', '1', '--run', run],
    { timeoutMs: 300_000 },
  );
  assert.equal(first.code, 0, first.stderr);
  await computedOn({ engine: 'webgpu', threads: 1 }, run);
  const again = ['train', '--device', 'wasm', '--resume', '--max-steps', '2', '--run', run];
  const { code, stderr } = await runCli(again, { timeoutMs: 300_000 });
  assert.equal(code, 0, stderr);
  const threads = availableParallelism();
  assert.match(stderr, new RegExp(`Device: wasm.*\\b${threads} thread`));
});
