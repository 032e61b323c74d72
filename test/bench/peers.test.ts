import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MissingPeerError, PEERS, peerCommand } from '../../src/bench/peers.js';

const python = process.execPath; // no Python: it must not be taken for one with packages

test('a missing peer is named with the command that installs it', async () => {
  const places = { python: '/no/such/python', folder: tmpdir() };
  const missing = (name: Parameters<typeof peerCommand>[0], words: RegExp) =>
    assert.rejects(
      peerCommand(name, [], places, 2),
      (e) => e instanceof MissingPeerError && words.test(e.message),
    );
  await missing(
    'onnxruntime',
    /onnxruntime is not installed\. .*npm install --ignore-scripts --prefix \S+ .*'?onnxruntime-node@\d/,
  );
  await missing('tfjs', /no @tensorflow\/tfjs, @tensorflow\/tfjs-backend-wasm/);
  await missing('tfjs-webgpu', /no @tensorflow\/tfjs, @tensorflow\/tfjs-backend-webgpu/);
  await missing('onnxruntime-web', /no onnxruntime-web/);
  await missing('jax-js', /--peer none/);
  await missing('pytorch', /no such program.*--python/);
  await assert.rejects(peerCommand('pytorch', [], { ...places, python }, 2), MissingPeerError);
});

test('an installed peer gets its threads, its folder and its arguments', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'node_modules', 'onnxruntime-node'), { recursive: true });
  await writeFile(join(folder, 'node_modules', 'onnxruntime-node', 'package.json'), '{}');
  const command = await peerCommand('onnxruntime', ['work.json'], { python, folder }, 3);
  assert.equal(command.command, process.execPath);
  assert.equal(command.args.at(-1), 'work.json');
  assert.deepEqual(command.env, { OMP_NUM_THREADS: '3', PAPERWEIGHT_PEERS: folder });
});

test('every peer has its script', () => {
  for (const { script } of Object.values(PEERS))
    assert.ok(existsSync(new URL(`../../../bench/peers/${script}`, import.meta.url)), script);
});
