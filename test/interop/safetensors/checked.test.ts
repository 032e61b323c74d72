import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { CheckpointError } from '../../../src/errors/errors.js';
import { writeFileAtomic } from '../../../src/files/atomic.js';
import {
  readSafetensors,
  type SafetensorsArray,
  writeSafetensors,
} from '../../../src/interop/safetensors/checked.js';

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const EXAMPLE: [string, SafetensorsArray][] = [
  [
    'features.0.weight',
    { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1.5, -2, 0, NaN, Infinity, 1e-40) },
  ],
  ['bytes', { dtype: 'U8', shape: [5], data: Uint8Array.of(1, 2, 3, 4, 255) }],
  ['step', { dtype: 'I32', shape: [], data: Int32Array.of(-7) }],
  ['double', { dtype: 'F64', shape: [1, 1], data: Float64Array.of(Math.PI) }],
  ['empty', { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) }],
  ['__proto__', { dtype: 'F32', shape: [1], data: Float32Array.of(9) }],
];

/** Bytes of a file with the given header, valid or not. */
function craft(header: unknown, dataBytes: number, length?: number): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(length ?? text.length));
  return Buffer.concat([start, text, Buffer.alloc(dataBytes)]);
}

const entry = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

test('a written file is read back, with its metadata', async (t) => {
  const file = path.join(await temporaryFolder(t), 'a.safetensors');
  await writeSafetensors(file, new Map(EXAMPLE), { step: '3', __proto__x: 'y', 说明: '中文' });
  const { tensors, metadata } = await readSafetensors(file);
  assert.equal(tensors.size, EXAMPLE.length);
  for (const [name, tensor] of EXAMPLE) assert.deepEqual(tensors.get(name), tensor, name);
  assert.deepEqual(metadata, { step: '3', __proto__x: 'y', 说明: '中文' });
  assert.deepEqual(await readdir(path.dirname(file)), ['a.safetensors']);
});

test('no tensors at all', async (t) => {
  const file = path.join(await temporaryFolder(t), 'a.safetensors');
  await writeSafetensors(file, new Map());
  assert.deepEqual(await readSafetensors(file), { tensors: new Map(), metadata: {} });
});

test('equal input gives equal, aligned bytes in any order', async (t) => {
  const folder = await temporaryFolder(t);
  const [a, b] = [path.join(folder, 'a'), path.join(folder, 'b')];
  await writeSafetensors(a, new Map(EXAMPLE), { x: '1', y: '2' });
  await writeSafetensors(b, new Map(EXAMPLE.toReversed()), { y: '2', x: '1' });
  const bytes = await readFile(a);
  assert.deepEqual(await readFile(b), bytes);
  const length = Number(bytes.readBigUInt64LE(0));
  assert.equal(length % 8, 0);
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  for (const [name, { data }] of EXAMPLE)
    assert.equal(header[name].data_offsets[0] % data.BYTES_PER_ELEMENT, 0);
});

test('a view of a larger buffer writes only its own elements', async (t) => {
  const file = path.join(await temporaryFolder(t), 'a');
  const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  await writeSafetensors(file, new Map([['v', { dtype: 'F32', shape: [2], data }]]));
  assert.deepEqual((await readSafetensors(file)).tensors.get('v')!.data, Float32Array.of(2, 3));
});

test('tensors that are not valid are not written', async (t) => {
  const file = path.join(await temporaryFolder(t), 'a');
  const data = new Float32Array(4);
  const bad: [string, unknown, RegExp][] = [
    ['w', { dtype: 'F32', shape: [5], data }, /"w" cannot be saved.*5 numbers for shape \[5\]; got 4/],
    ['w', { dtype: 'F64', shape: [4], data }, /a Float64Array for F64; got a Float32Array/],
    ['w', { dtype: 'F16', shape: [4], data }, /a Uint16Array for F16; got a Float32Array/],
    ['w', { dtype: 'F8', shape: [4], data }, /a dtype of .*got F8/],
    ['w', { dtype: 'F32', shape: [-4, -1], data }, /whole numbers/],
    ['__metadata__', { dtype: 'F32', shape: [4], data }, /reserve/],
  ];
  for (const [name, tensor, words] of bad) {
    const writing = writeSafetensors(file, new Map([[name, tensor as SafetensorsArray]]));
    await assert.rejects(
      writing,
      (error: Error) => error instanceof CheckpointError && words.test(error.message),
    );
  }
  await assert.rejects(writeSafetensors(file, new Map(), { a: 1 as never }), /metadata "a"/);
  assert.deepEqual(await readdir(path.dirname(file)), []);
});

test('damaged files are refused, each with the reason', async (t) => {
  const file = path.join(await temporaryFolder(t), 'bad.safetensors');
  const metadata = (value: unknown) => craft({ __metadata__: value }, 0);
  const cases: [string, Uint8Array, RegExp][] = [
    ['empty file', Buffer.alloc(0), /too short/],
    ['nine bytes', Buffer.alloc(9), /too short/],
    ['header length 0', craft('{}', 8, 0), /header length is not valid/],
    ['header length 100 MB + 1', craft('{}', 8, 100_000_001), /header length is not valid/],
    ['header longer than the file', craft('{}', 8, 500), /ends inside its header/],
    ['not JSON', craft('{"a":', 0), /not JSON/],
    ['not UTF-8', craft('{"\xff":1}', 0), /./],
    ['an array', craft('[1]', 0), /not JSON.*first byte/],
    ['a space before the header', craft(' {}', 0), /not JSON.*first byte/],
    ['a tensor twice', craft('{"a":{},"\\u0061":{}}', 0), /names "a" twice/],
    ['a shape twice', craft('{"a":{"shape":[{"b\\"}":1}],"shape":[]}}', 0), /names "shape" twice/],
    ['entry is a number', craft({ a: 1 }, 0), /"a" in its header is not an object/],
    ['metadata is a list', metadata([]), /__metadata__/],
    ['metadata holds a number', metadata({ a: 1 }), /metadata "a" is not a string/],
    ['unknown dtype', craft({ a: entry(0, 8, [8], 'F8_E4M3') }, 8), /dtype.*F8_E4M3.*tensor\.float\(\)/],
    ['dtype of Object', craft({ a: entry(0, 8, [4], 'toString') }, 8), /dtype/],
    ['no shape', craft({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /no valid shape/],
    ['negative shape', craft({ a: entry(0, 4, [-1]) }, 4), /no valid shape/],
    ['huge shape', craft({ a: entry(0, 4, [2 ** 40, 2 ** 40]) }, 4), /does not fit its shape/],
    ['three offsets', craft({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 4), /data_offsets/],
    ['offsets backwards', craft({ a: entry(4, 0, [1]) }, 4), /data_offsets/],
    ['offset below 0', craft({ a: entry(-4, 0, [1]) }, 4), /data_offsets/],
    ['size against shape', craft({ a: entry(0, 8, [3]) }, 8), /12 bytes for F32 \[3\]; got 8 bytes/],
    ['overlap', craft({ a: entry(0, 8), b: entry(4, 12) }, 12), /"b" overlaps/],
    ['gap between', craft({ a: entry(0, 4), b: entry(8, 12) }, 12), /gap before "b"/],
    ['gap at the start', craft({ a: entry(4, 8) }, 8), /gap before "a"/],
    ['cut short', craft({ a: entry(0, 8) }, 7), /truncated.*8 bytes of data; got 7 bytes/],
    ['bytes left over', craft({ a: entry(0, 8) }, 9), /bytes follow the last tensor/],
    ['a zip .pt', Buffer.from('PK\x03\x04\0\0\x08\x08\0\0\0\0archive/data.pkl'), /zip file.*readWeights/],
    [
      'a pickle .pt',
      Buffer.from('\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.', 'latin1'),
      /pickle.*readWeights/,
    ],
  ];
  for (const [name, bytes, words] of cases) {
    await writeFile(file, bytes);
    await assert.rejects(readSafetensors(file), (error: Error) => {
      assert.ok(error instanceof CheckpointError, `${name}: ${error.stack}`);
      assert.match(error.message, words, name);
      assert.ok(error.message.includes(file), name);
      return true;
    });
  }
  await writeFile(file, Buffer.concat([craft('{"', 0).subarray(0, 10), Buffer.of(0xff, 0x22, 0x7d)]));
  await assert.rejects(readSafetensors(file), CheckpointError);
});

test('a header whose length looks like the start of a pickle is read', async (t) => {
  const file = path.join(await temporaryFolder(t), 'a');
  await writeFile(file, craft(`{}${' '.repeat(0x280 - 2)}`, 0));
  assert.equal((await readSafetensors(file)).tensors.size, 0);
});

test('a missing file, and a folder in its place', async (t) => {
  const folder = await temporaryFolder(t);
  const absent = path.join(folder, 'absent.safetensors');
  await assert.rejects(readSafetensors(absent), /cannot read .*absent\.safetensors.*ENOENT/);
  await assert.rejects(readSafetensors(folder), CheckpointError);
});

test('writeFileAtomic writes text, bytes and chunks, and replaces an existing file', async (t) => {
  const file = path.join(await temporaryFolder(t), 'state.json');
  await writeFileAtomic(file, 'grüße');
  assert.equal(await readFile(file, 'utf8'), 'grüße');
  await writeFileAtomic(file, Uint8Array.of(1, 2));
  await writeFileAtomic(file, [Uint8Array.of(3), new Uint8Array(0), Uint8Array.of(4, 5)]);
  assert.deepEqual(await readFile(file), Buffer.of(3, 4, 5));
});

test('a failed write keeps the old file and leaves no temporary files', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'state.json');
  await writeFileAtomic(file, 'old');
  function* broken() {
    yield Uint8Array.of(1);
    throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  }
  await assert.rejects(writeFileAtomic(file, broken()), (error: Error) => {
    assert.ok(error instanceof CheckpointError);
    assert.match(error.message, /cannot write .*state\.json.*full disk/);
    return true;
  });
  assert.equal(await readFile(file, 'utf8'), 'old');
  await mkdir(path.join(folder, 'taken'));
  await assert.rejects(writeFileAtomic(path.join(folder, 'taken'), 'x'), CheckpointError);
  await assert.rejects(writeFileAtomic(path.join(folder, 'no', 'x'), 'x'), /create its folder first/);
  assert.deepEqual((await readdir(folder)).sort(), ['state.json', 'taken']);
});

test('a folder without write permission is named in the error', {
  skip:
    process.platform === 'win32'
      ? 'Windows has no such permissions of folders'
      : process.getuid?.() === 0 && 'root may write anywhere',
}, async (t) => {
  const folder = path.join(await temporaryFolder(t), 'locked');
  await mkdir(folder, { mode: 0o500 });
  await assert.rejects(writeFileAtomic(path.join(folder, 'x'), 'x'), /no permission/);
});

const python = spawnSync('python3', ['-c', 'import safetensors.numpy']).status === 0;

test('Python reads what we write, and we read what Python writes', {
  skip: !python && 'python3 has no safetensors',
}, async (t) => {
  const folder = await temporaryFolder(t);
  const [ours, theirs] = [path.join(folder, 'ours'), path.join(folder, 'theirs')];
  await writeSafetensors(ours, new Map(EXAMPLE), { a: 'b' });
  const code = `
import sys
from safetensors.numpy import load_file, save_file
tensors = load_file(sys.argv[1])
assert tensors["features.0.weight"].shape == (2, 3), tensors
save_file(tensors, sys.argv[2], {"a": "b"})`;
  const run = spawnSync('python3', ['-c', code, ours, theirs], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  const { tensors, metadata } = await readSafetensors(theirs);
  for (const [name, tensor] of EXAMPLE) assert.deepEqual(tensors.get(name), tensor, name);
  assert.deepEqual(metadata, { a: 'b' });
});
