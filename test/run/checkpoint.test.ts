import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError, ShapeError } from '../../src/errors/errors.js';
import { verifyChecksum } from '../../src/files/checksum.js';
import { readSafetensors, writeSafetensors } from '../../src/interop/safetensors/checked.js';
import { Linear, type Module, Sequential } from '../../src/nn/index.js';
import { SGD, WarmupDecay } from '../../src/optim/index.js';
import { AlexNet } from '../../src/papers/alexnet/index.js';
import { Generator } from '../../src/random.js';
import {
  putWeights,
  restoreCheckpoint,
  saveWeights,
  type Trained,
  weightsOf,
} from '../../src/run/checkpoint.js';
import { manualSeed, randomState } from '../../src/tensor/random.js';
import { makeToyNet, scratch, toyConfig, toyRun } from '../support/toy.js';

const device = referenceDevice();
/** A checkpoint of the toy run after six steps. */
let checkpoint: Buffer;
let weights: Buffer;

before(async () => {
  const folders: (() => unknown)[] = [];
  const path = await scratch({ after: (body) => void folders.push(body as () => unknown) });
  const run = await toyRun(device, path, { config: toyConfig({ maxSteps: 6 }) });
  await run.trainer.run();
  const { latest, best } = await run.folder.state();
  checkpoint = await readFile(run.folder.checkpoints.file(latest!));
  weights = await readFile(run.folder.checkpoints.file(best!.file));
  await folders[0]!();
});

/** A new net with its optimizer and schedule. */
async function fresh(net: () => Module = makeToyNet) {
  manualSeed(99);
  const model = await net().to(device);
  const optimizer = new SGD(model.namedParameters(), { lr: 1, momentum: 0.5 });
  const schedule = new WarmupDecay(optimizer, { totalSteps: 18, warmupSteps: 4, decaySteps: 6 });
  return { model, optimizer, schedule, optimizers: { main: optimizer }, schedules: [schedule] };
}

async function values(model: Module): Promise<Record<string, readonly number[]>> {
  const entries = [...model.stateDict()].map(async ([name, p]) => [name, [...(await p.data())]] as const);
  return Object.fromEntries(await Promise.all(entries));
}

const load = async (file: string, trained: Trained) =>
  restoreCheckpoint(file, await readSafetensors(file), trained);

/** Loading the file must fail with these words, and change nothing. */
async function refused(
  file: string,
  Kind: typeof CheckpointError | typeof ShapeError,
  words: RegExp,
  net?: () => Module,
): Promise<void> {
  const trained = await fresh(net);
  const before = await values(trained.model);
  const random = randomState();
  const rate = trained.optimizer.paramGroups[0]!.lr;
  await assert.rejects(load(file, trained), (error) => {
    assert.ok(error instanceof Kind, String(error));
    assert.ok(error.message.includes(file), `no file in: ${error.message}`);
    assert.match(error.message, words);
    assert.match(error.message, /Next: /);
    return true;
  });
  assert.deepEqual(await values(trained.model), before);
  assert.deepEqual(randomState(), random);
  assert.equal(trained.optimizer.paramGroups[0]!.lr, rate);
  assert.deepEqual(trained.optimizer.stateDict().tensors, new Map());
}

test('a checkpoint restores everything', async (t) => {
  const file = join(await scratch(t), 'a.safetensors');
  await writeFile(file, checkpoint);
  const trained = await fresh();
  const { model, optimizer, schedule } = trained;
  const { position } = await load(file, trained);
  const { tensors, metadata } = await readSafetensors(file);
  assert.equal(metadata.format, 'paperweight-checkpoint');
  assert.deepEqual([position.step, position.epoch, position.batch], [6, 1, 0]);
  assert.equal(optimizer.steps, 6);
  assert.deepEqual(optimizer.paramGroups[0]!.momentum, 0.9);
  assert.deepEqual(schedule.stateDict().count, 6);
  const now = await values(model);
  for (const [name, data] of Object.entries(now))
    assert.deepEqual(data, [...tensors.get(`model.${name}`)!.data], name);
  const momenta = optimizer.stateDict().tensors;
  assert.equal(momenta.size, 6);
  for (const [name, momentum] of momenta)
    assert.deepEqual([...(await momentum.data())], [...tensors.get(name)!.data], name);
});

test('a checkpoint that was damaged is refused', async (t) => {
  const file = join(await scratch(t), 'a.safetensors');
  const damaged = async (bytes: Buffer, words: RegExp) => {
    await writeFile(file, bytes);
    await refused(file, CheckpointError, words);
  };
  await damaged(checkpoint.subarray(0, 5), /too short/);
  await damaged(checkpoint.subarray(0, 200), /ends inside its header/);
  await damaged(checkpoint.subarray(0, checkpoint.length - 1), /truncated/);
  await damaged(Buffer.alloc(0), /too short/);
  await damaged(Buffer.concat([checkpoint, Buffer.of(0)]), /bytes follow the last tensor/);
  await damaged(Buffer.from('PK\x03\x04 and so on, as torch.save writes'), /zip file.*readWeights/);
});

/** A copy with one bit flipped. */
function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

test('a flipped bit is detected anywhere in the file', async (t) => {
  const folder = await scratch(t);
  const file = join(folder, 'a.safetensors');
  const kinds = { checkpoint, weights };
  for (const [name, bytes] of Object.entries(kinds)) {
    const header = 8 + Number(bytes.readBigUInt64LE());
    // All of the checksum's own bits, and many of the others.
    const at = bytes.indexOf('"paperweight_checksum"');
    const own = Array.from({ length: 8 * 110 }, (_, i) => 8 * at + i);
    const random = new Generator(1);
    const others = (from: number, to: number) =>
      Array.from({ length: 400 }, () => 8 * from + Math.floor(random.uniform() * 8 * (to - from)));
    for (const bit of [...own, ...others(0, header), ...others(header, bytes.length)]) {
      await writeFile(file, flipped(bytes, bit));
      await assert.rejects(readSafetensors(file), CheckpointError, `${name}: bit ${bit}`);
    }
    await writeFile(file, bytes);
    await readSafetensors(file);
  }
});

test('the checksum covers the whole file; a file without one is read too', async (t) => {
  const file = join(await scratch(t), 'a.safetensors');
  const digest = /paperweight-sha256:([0-9a-f]{64})/.exec(checkpoint.toString('latin1'))![1]!;
  const zeroed = Buffer.from(checkpoint);
  zeroed.write('0'.repeat(64), zeroed.indexOf(digest), 'latin1');
  assert.equal(createHash('sha256').update(zeroed).digest('hex'), digest);
  await writeFile(file, checkpoint);
  assert.equal(await verifyChecksum(file), true);
  const header = Buffer.from('{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}');
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(header.length));
  await writeFile(file, Buffer.concat([start, header, Buffer.of(1, 2, 3)]));
  assert.equal(await verifyChecksum(file), false);
  assert.deepEqual([...(await readSafetensors(file)).tensors.get('a')!.data], [1, 2, 3]);
});

test('a missing checkpoint is an error', async (t) => {
  await refused(join(await scratch(t), 'absent.safetensors'), CheckpointError, /no such file/);
});

test('a file of weights is not enough to resume', async (t) => {
  const file = join(await scratch(t), 'weights.safetensors');
  await writeFile(file, weights);
  await refused(file, CheckpointError, /can resume.*got weights only.*eval and predict/);
});

test('a checkpoint of another model or another run is refused', async (t) => {
  const folder = await scratch(t);
  const file = join(folder, 'a.safetensors');
  await writeFile(file, checkpoint);
  const linear = () => new Sequential(new Linear(4, 2));
  await refused(
    file,
    CheckpointError,
    /do not belong to this Sequential.*missing: 0\.weight|unexpected/,
    linear,
  );
  await refused(file, ShapeError, /6\.weight is \[10, 128\], but \[7, 128\] in the model/, () =>
    makeToyNet({ classes: 7 }),
  );

  const { tensors, metadata } = await readSafetensors(file);
  const changed = async (change: (progress: Record<string, unknown>) => void, words: RegExp) => {
    const progress = JSON.parse(metadata.progress!);
    change(progress);
    const other = join(folder, 'changed.safetensors');
    await writeSafetensors(other, tensors, { ...metadata, progress: JSON.stringify(progress) });
    await refused(other, CheckpointError, words);
  };
  await changed((p) => (p.step = -1), /at step/);
  await changed((p) => delete p.random, /at random/);
  await changed((p) => ((p.random as { init: unknown }).init = {}), /at random\.init/);
  await changed((p) => ((p.optimizer as { groups: unknown }).groups = [{ lr: 'x' }]), /at optimizer\.groups/);
  await changed((p) => (p.schedule = null), /another run.*schedule/);

  const stray = join(folder, 'stray.safetensors');
  const momentum = { dtype: 'F32' as const, shape: [3], data: new Float32Array(3) };
  await writeSafetensors(stray, new Map([...tensors, ['momentum.0.bias', momentum]]), metadata);
  await refused(stray, CheckpointError, /momentum\.0\.bias \[3\] without weights of that shape/);
});

test('weights go through a file under PyTorch’s names', async (t) => {
  const file = join(await scratch(t), 'weights.safetensors');
  const { model } = await fresh();
  await saveWeights(file, model, { accuracy: '41.7' });
  const saved = await readSafetensors(file);
  assert.deepEqual(saved.metadata, { format: 'pt', accuracy: '41.7' });
  assert.deepEqual([...saved.tensors.keys()].sort(), [
    '0.bias',
    '0.weight',
    '1.bias',
    '1.running_mean',
    '1.running_var',
    '1.weight',
    '6.bias',
    '6.weight',
  ]);
  assert.deepEqual(saved.tensors.get('0.weight')!.shape, [8, 3, 3, 3]);
  manualSeed(1);
  const other = await makeToyNet().to(device);
  assert.notDeepEqual(await values(other), await values(model));
  putWeights(file, other, weightsOf(saved));
  assert.deepEqual(await values(other), await values(model));
  // The weights inside a checkpoint have the same names.
  const whole = join(await scratch(t), 'checkpoint.safetensors');
  await writeFile(whole, checkpoint);
  assert.deepEqual(new Set(weightsOf(await readSafetensors(whole)).keys()), new Set(saved.tensors.keys()));
});

test('AlexNet’s names are those of the notes’ module', () => {
  const names = [...new AlexNet({ numClasses: 10 }).stateDict().keys()];
  const layers = [0, 4, 8, 10, 12]
    .map((i) => `features.${i}`)
    .concat([1, 4, 6].map((i) => `classifier.${i}`));
  assert.deepEqual(
    names,
    layers.flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]),
  );
});

test('weights that do not match leave the model unchanged, and the error names the file', async (t) => {
  const { model } = await fresh();
  const before = await values(model);
  const file = join(await scratch(t), 'other.safetensors');
  await saveWeights(file, makeToyNet({ classes: 3 }));
  const { tensors } = await readSafetensors(file);
  assert.throws(
    () => putWeights(file, model, tensors),
    (error) =>
      error instanceof ShapeError && error.message.startsWith(`${file}: `) && /6\./.test(error.message),
  );
  tensors.delete('0.bias');
  assert.throws(
    () => putWeights(file, model, tensors),
    (error) =>
      error instanceof CheckpointError &&
      error.message.startsWith(`${file}: `) &&
      /missing: 0\.bias/.test(error.message) &&
      /Next: use a file that was saved from this model/.test(error.message),
  );
  assert.deepEqual(await values(model), before);
});
