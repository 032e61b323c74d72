import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import { decodeWeights, encodeWeights } from '../../src/interop/safetensors/memory.js';
import { readSafetensors } from '../../src/interop/safetensors/whole.js';
import * as nn from '../../src/nn/index.js';

const net = () => new nn.Sequential(new nn.Linear(3, 2), new nn.BatchNorm1d(2));

test('weights as bytes are those of a file, and load into another model', async (t) => {
  const model = net();
  const bytes = await encodeWeights(model, { network: 'two layers' });
  const { tensors, metadata } = await decodeWeights(bytes);
  assert.deepEqual(metadata, { format: 'pt', network: 'two layers' });
  const other = net();
  other.loadStateDict(tensors as never);
  for (const [name, parameter] of other.stateDict())
    assert.deepEqual(await parameter.data(), await model.stateDict().get(name)!.data(), name);

  const folder = await mkdtemp(path.join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(path.join(folder, 'w.safetensors'), bytes);
  const file = await readSafetensors(path.join(folder, 'w.safetensors'));
  assert.deepEqual([...file.tensors.keys()].sort(), [...tensors.keys()].sort());
});

test('bytes that are not valid are refused with the name of their file', async () => {
  const bytes = await encodeWeights(net());
  const isNamed = (error: unknown) => error instanceof CheckpointError && /w\.bin/.test(error.message);
  await assert.rejects(() => decodeWeights(bytes.subarray(0, -1), 'w.bin'), isNamed);
  await assert.rejects(() => decodeWeights(new Uint8Array(4), 'w.bin'), isNamed);
  await assert.rejects(
    () => decodeWeights('w.bin' as never),
    (e) => e instanceof UsageError,
  );
  await assert.rejects(
    () => encodeWeights({} as never),
    (e) => e instanceof UsageError,
  );
});
