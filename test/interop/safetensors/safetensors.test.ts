import assert from 'node:assert/strict';
import test from 'node:test';
import { bufferSource } from '../../../src/files/byte-source.js';
import { type FileArray, floats } from '../../../src/interop/numbers.js';
import { openSafetensors, safetensorsPieces } from '../../../src/interop/safetensors/index.js';
import { openWeights } from '../../../src/interop/weights.js';

const EVERY: [string, FileArray][] = [
  ['bool', { dtype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) }],
  ['i8', { dtype: 'I8', shape: [1], data: Int8Array.of(-128) }],
  ['i16', { dtype: 'I16', shape: [1], data: Int16Array.of(-32768) }],
  ['u16', { dtype: 'U16', shape: [1], data: Uint16Array.of(65535) }],
  ['u32', { dtype: 'U32', shape: [1], data: Uint32Array.of(2 ** 32 - 1) }],
  ['i64', { dtype: 'I64', shape: [2], data: BigInt64Array.of(-1n, 2n ** 62n) }],
  ['u64', { dtype: 'U64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) }],
  ['f16', { dtype: 'F16', shape: [3], data: Uint16Array.of(0x3c00, 0x0001, 0x7c00) }],
  ['bf16', { dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0xff80) }],
  ['large', { dtype: 'F32', shape: [300, 10], data: Float32Array.from({ length: 3000 }, (_, i) => i) }],
];

async function written(tensors: ReadonlyMap<string, FileArray>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const piece of safetensorsPieces(tensors)) parts.push(Uint8Array.from(piece));
  return Buffer.concat(parts);
}

test('each dtype is read back unchanged', async () => {
  const file = await openSafetensors(bufferSource('x', await written(new Map(EVERY))));
  for (const [name, array] of EVERY) assert.deepEqual(await file.read(name), array, name);
  assert.deepEqual([...floats(await file.read('f16'))], [1, 2 ** -24, Infinity]);
  assert.deepEqual([...floats(await file.read('bf16'))], [1, -Infinity]);
});

test('one tensor is read without the others, in chunks', async () => {
  const buffer = bufferSource('x', await written(new Map(EVERY)));
  const reads: number[] = [];
  const file = await openSafetensors({
    ...buffer,
    read: (into, position) => {
      reads.push(into.length);
      return buffer.read(into, position);
    },
  });
  reads.length = 0;
  await file.read('i64');
  assert.deepEqual(reads, [16]);
  const parts: Buffer[] = [];
  // Not a multiple of the element size: chunks hold whole elements.
  for await (const piece of file.pieces('large', 1001)) parts.push(Buffer.from(piece));
  assert.deepEqual(new Set(parts.map(({ length }) => length)), new Set([1000]));
  assert.deepEqual(new Float32Array(new Uint8Array(Buffer.concat(parts)).buffer), EVERY.at(-1)![1].data);
  await assert.rejects(file.read('absent'), /no tensor "absent"/);
  await assert.rejects(file.pieces('absent').next(), /no tensor "absent"/);
});

test('weights of a checkpoint are read, and prefixes of wrappers are removed', async () => {
  const one: FileArray = { dtype: 'F32', shape: [1], data: Float32Array.of(1) };
  const open = async (...names: string[]) =>
    openWeights(bufferSource('x', await written(new Map(names.map((name) => [name, one])))));
  const checkpoint = await open('model.a.weight', 'momentum.a.weight');
  assert.deepEqual([...checkpoint.tensors.keys()], ['a.weight']);
  assert.equal(checkpoint.format, 'a checkpoint');
  assert.deepEqual((await checkpoint.read('a.weight')).data, one.data);
  const wrapped = await open('module._orig_mod.a', 'module._orig_mod.b');
  assert.deepEqual([...wrapped.tensors.keys()], ['a', 'b']);
  assert.deepEqual(wrapped.notes, ['names without their prefix "module._orig_mod."']);
  assert.deepEqual((await wrapped.read('b')).data, one.data);
  assert.deepEqual([...(await open('module.a', 'b')).tensors.keys()], ['b', 'module.a']);
});
