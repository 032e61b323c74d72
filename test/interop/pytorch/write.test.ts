import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { bufferSource } from '../../../src/files/byte-source.js';
import { crc32 } from '../../../src/files/crc32.js';
import type { FileArray } from '../../../src/interop/numbers.js';
import { pytorchPieces } from '../../../src/interop/pytorch/index.js';
import { openWeights } from '../../../src/interop/weights.js';

const SHARED: FileArray = { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, NaN) };
const TENSORS = new Map<string, FileArray>([
  ['features.0.weight', SHARED],
  ['tied', SHARED],
  ['half', { dtype: 'F16', shape: [2], data: Uint16Array.of(0x3c00, 0x7c00) }],
  ['brain', { dtype: 'BF16', shape: [1], data: Uint16Array.of(0x4049) }],
  ['counter', { dtype: 'I64', shape: [], data: BigInt64Array.of(-7n) }],
  ['empty', { dtype: 'F64', shape: [0, 4], data: new Float64Array(0) }],
  ['large', { dtype: 'U8', shape: [70_000, 1], data: new Uint8Array(70_000).fill(3) }],
  ['名字', { dtype: 'BOOL', shape: [1], data: Uint8Array.of(1) }],
]);

async function written(tensors: ReadonlyMap<string, FileArray>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const piece of pytorchPieces(tensors)) parts.push(Uint8Array.from(piece));
  return Buffer.concat(parts);
}

test('a written file is read back', async () => {
  const file = await openWeights(bufferSource('ours', await written(TENSORS)));
  assert.deepEqual([...file.tensors.keys()], [...TENSORS.keys()]);
  for (const [name, array] of TENSORS) assert.deepEqual(await file.read(name), array, name);
});

test('equal input gives equal bytes, and data begins at multiples of 64', async () => {
  const bytes = await written(TENSORS);
  assert.deepEqual(await written(TENSORS), bytes);
  let records = 0;
  for (let at = bytes.indexOf('PK\x03\x04'); at >= 0; at = bytes.indexOf('PK\x03\x04', at + 1)) {
    assert.equal((at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28)) % 64, 0);
    records++;
  }
  // The pickle, the byte order, the version, and the shared tensor once.
  assert.equal(records, 3 + TENSORS.size - 1);
});

test('CRC-32 has the check value of its definition, in one chunk and in several', () => {
  const text = Buffer.from('123456789');
  assert.equal(crc32(text), 0xcbf43926);
  assert.equal(crc32(text.subarray(5), crc32(text.subarray(0, 5))), 0xcbf43926);
  assert.equal(crc32(Buffer.alloc(0)), 0);
});

test('dtypes without a PyTorch storage, and data that is too short, are refused', async () => {
  const odd: FileArray = { dtype: 'U16', shape: [1], data: Uint16Array.of(1) };
  await assert.rejects(written(new Map([['odd', odd]])), /"odd" cannot be saved for PyTorch.*got U16/);
  const short = { dtype: 'F32' as const, shape: [4], pieces: async function* () {} };
  await assert.rejects(async () => {
    for await (const _ of pytorchPieces(new Map([['short', short]])));
  }, /16 bytes too few/);
});

/** A Python with PyTorch; not set in CI. */
const python = process.env.PAPERWEIGHT_TORCH_PYTHON;

test('torch.load reads it with weights_only, checksums and memory mapping', {
  skip: !python && 'PAPERWEIGHT_TORCH_PYTHON names no python with PyTorch',
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'ours.pth');
  await writeFile(file, await written(TENSORS));
  const code = `
import inspect, sys, torch, zipfile
assert zipfile.ZipFile(sys.argv[1]).testzip() is None
ways = [{}] + ([{"mmap": True}] if "mmap" in inspect.signature(torch.load).parameters else [])
for way in ways:
    d = torch.load(sys.argv[1], weights_only=True, **way)
    assert list(d) == ["features.0.weight", "tied", "half", "brain", "counter", "empty", "large", "名字"], list(d)
    w = d["features.0.weight"]
    assert w.shape == (2, 3) and w.dtype == torch.float32 and w.flatten()[:5].tolist() == [1, 2, 3, 4, 5], w
    assert w.isnan()[1, 2]
    assert w.data_ptr() == d["tied"].data_ptr()
    assert d["half"].dtype == torch.float16 and d["half"].tolist() == [1, float("inf")]
    assert d["brain"].dtype == torch.bfloat16 and d["brain"].item() == 3.140625
    assert d["counter"].item() == -7 and d["counter"].shape == ()
    assert d["empty"].shape == (0, 4) and d["large"].sum().item() == 210000 and d["名字"].item() is True`;
  const run = spawnSync(python!, ['-c', code, file], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
});
