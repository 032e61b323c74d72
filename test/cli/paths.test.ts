import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { runCli } from '../support/cli.js';
import { scratch } from '../support/toy.js';

/** Asserts that a text names something in a folder, and writes each such path in the system's way. */
function inOneWay(text: string, folder: string): void {
  const paths = text.match(new RegExp(`\\b${folder}[\\\\/][\\w.\\\\/-]*`, 'g')) ?? [];
  assert.ok(paths.length > 0, `no path in: ${text}`);
  const other = sep === '/' ? '\\' : '/';
  for (const path of paths) assert.ok(!path.includes(other), `${path} in: ${text}`);
}

test('paths that are given with slashes are printed in the system’s way, everywhere', async (t) => {
  const cwd = await scratch(t);
  for (const name of ['images', 'nets']) await mkdir(join(cwd, name));
  await sharp({ create: { width: 40, height: 40, channels: 3, background: '#808080' } })
    .png()
    .toFile(join(cwd, 'images', 'grey.png'));
  const run = async (code: number, ...args: string[]) => {
    const result = await runCli(args, { cwd });
    assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
    return result.stdout + result.stderr;
  };
  const small = '--paper resnet --dataset shapes10 --batch-size 4 --eval-limit 4 --max-steps 1 --device wasm';
  inOneWay(await run(0, 'train', ...small.split(' '), '--run', 'runs/deep/a'), 'runs');
  inOneWay(await run(2, 'train', ...small.split(' '), '--run', 'runs/deep/a'), 'runs');
  // Of Wine, a search for GPUs leaves a process that keeps the output's pipes open.
  inOneWay(await run(0, 'report', 'runs/deep/a', '--device', 'wasm'), 'runs');
  inOneWay(await run(0, 'predict', 'runs/deep/a', 'images/grey.png', '--device', 'wasm'), 'images');
  inOneWay(await run(1, 'predict', 'runs/deep/a', 'images/none.png', '--device', 'wasm'), 'images');
  inOneWay(await run(0, 'export', 'runs/deep/a', '--out', 'nets/a.safetensors'), 'nets');
  inOneWay(await run(2, 'eval', 'runs/none'), 'runs');
});
