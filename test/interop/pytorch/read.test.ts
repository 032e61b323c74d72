import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { CheckpointError } from '../../../src/errors/errors.js';
import { bufferSource } from '../../../src/files/byte-source.js';
import type { FileArray } from '../../../src/interop/numbers.js';
import { pytorchPieces } from '../../../src/interop/pytorch/index.js';
import { openWeights, readWeights } from '../../../src/interop/weights.js';
import { badFiles, numberOf, numbersOf, TORCHES, WEIGHT_FILES } from '../../support/weight-files.js';

const DTYPES: Record<string, string> = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  uint16: 'U16',
  uint32: 'U32',
  bool: 'BOOL',
};

for (const torch of TORCHES)
  for (const [name, expected] of Object.entries(numbersOf(torch)))
    test(`${name}.pth of ${torch} has PyTorch’s values`, async () => {
      const file = join(WEIGHT_FILES, torch, `${name}.pth`);
      const { tensors } = await readWeights(file);
      assert.deepEqual([...tensors.keys()], Object.keys(expected));
      const opened = await openWeights(bufferSource(file, await readFile(file)));
      for (const [key, { dtype, shape, data }] of Object.entries(expected)) {
        const tensor = tensors.get(key)!;
        assert.deepEqual(tensor.shape, shape, key);
        // Object.is distinguishes −0 from 0, and NaN equals NaN.
        assert.deepEqual([...tensor.data], data.map(numberOf), key);
        assert.equal(opened.tensors.get(key)!.dtype, DTYPES[dtype], key);
      }
    });

test('the entry that holds the weights is reported', async () => {
  const notes = async (name: string) =>
    (await readWeights(join(WEIGHT_FILES, 'torch-2.15', `${name}.pth`))).notes;
  assert.deepEqual(await notes('zip'), []);
  assert.deepEqual(await notes('checkpoint'), ['the weights are its entry "model_state_dict"']);
  assert.deepEqual(await notes('parallel'), [
    'the weights are its entry "state_dict"',
    'names without their prefix "module."',
  ]);
});

/** The expected error of each file in fixtures/weights/bad. */
const REASONS: Record<string, RegExp> = {
  'os-system':
    /refused: it asks for (posix|nt)\.system\. .*no code in a file is run; .*torch\.save\(model\.state_dict/,
  eval: /asks for __builtin__\.eval/,
  protocol5: /asks for builtins\.exec/,
  import: /asks for importlib\.import_module/,
  getattr: /asks for __builtin__\.getattr/,
  'load-from-bytes': /asks for torch\.storage\._load_from_bytes/,
  'nested-name': /asks for torch\.serialization\.os\.system/,
  stranger: /asks for (my_model\.Stranger|copy_reg\._reconstructor)/,
  build: /sets attributes of something that is not an OrderedDict/,
  'build-tensor': /sets attributes/,
  'call-dict': /calls something that is not a function/,
  instance: /opcode 0x69/,
  'new-object': /opcode 0x81/,
  extension: /opcode 0x82/,
  recursion: /nested more than 1000 deep/,
  memo: /reads memo entry 16777216/,
  itself: /holds no tensors, but w/,
  'long-text': /ends too early/,
  'no-stop': /ends too early/,
  'no-mark': /lacks a mark/,
  'empty-stack': /stack is empty/,
  protocol9: /protocol is 9/,
  'not-pickle': /does not begin with a protocol/,
  beyond: /reaches 20 bytes into a storage of 16/,
  'beyond-offset': /reaches 20 bytes into a storage of 16/,
  'beyond-stride': /reaches 28 bytes into a storage of 16/,
  negative: /without a valid shape/,
  overflow: /without a valid shape/,
  'large-storage': /storage a\/data\/0 has the wrong size: 68719476736 elements of F32 in 16 bytes/,
  'no-storage': /storage a\/data\/7 is missing/,
  expanded: /tensors are 8589934588 bytes in a file of \d+/,
  complex: /asks for torch\.ComplexFloatStorage/,
  quantised: /asks for torch\._utils\._rebuild_qtensor/,
  persistent: /refers to something that is not a storage/,
  'module-source': /a whole module with its source code/,
  compressed: /compressed zip file.*method 8.*zip -0/,
  'big-endian': /big-endian machine.*got big/,
  torchscript: /TorchScript/,
  'empty-dict': /holds no tensors, but nothing/,
  'no-dict': /not hold a dictionary of tensors/,
  'two-sets': /several sets of tensors: left, right/,
  'other-zip': /not one of PyTorch.*word\/document\.xml/,
  'legacy-os-system': /asks for (posix|nt)\.system/,
  'legacy-first-pickle': /asks for (posix|nt)\.system where only numbers are/,
  'legacy-cut': /ends inside its storage 0/,
  'legacy-count': /has 5 numbers, not 4/,
  'legacy-no-storage': /storage 0 is missing/,
  'legacy-other-storage': /lists a storage 1/,
  'legacy-twice': /lists a storage 0/,
  'legacy-large': /longer than the file/,
  'legacy-version': /version is 7/,
  'legacy-other': /that torch\.save did not write/,
};

test('each bad file has an expected error', () => {
  assert.deepEqual(badFiles().sort(), Object.keys(REASONS).sort());
});

for (const [name, words] of Object.entries(REASONS))
  test(`${name}.pth is refused`, async () => {
    const file = join(WEIGHT_FILES, 'bad', `${name}.pth`);
    await assert.rejects(readWeights(file), (error: Error) => {
      assert.ok(error instanceof CheckpointError, error.stack);
      assert.match(error.message, words);
      assert.ok(error.message.includes(file));
      return true;
    });
    assert.ok(!existsSync('owned'));
  });

test('a file truncated anywhere is refused, without crash or hang', async () => {
  for (const name of ['zip', 'legacy', 'views']) {
    const whole = await readFile(join(WEIGHT_FILES, 'torch-2.15', `${name}.pth`));
    for (let length = 0; length < whole.length; length += 7)
      await assert.rejects(
        openWeights(bufferSource('cut', whole.subarray(0, length))),
        CheckpointError,
        `${name}, ${length} bytes`,
      );
  }
});

test('a file with any byte changed is read or refused, without crash or hang', async () => {
  for (const name of ['checkpoint', 'legacy', 'unsigned']) {
    const whole = await readFile(join(WEIGHT_FILES, 'torch-2.15', `${name}.pth`));
    for (let at = 0; at < whole.length; at += 3) {
      const changed = Uint8Array.from(whole);
      changed[at]! ^= 1 << (at % 8);
      try {
        const file = await openWeights(bufferSource('changed', changed));
        for (const key of file.tensors.keys()) await file.read(key);
      } catch (error) {
        assert.ok(error instanceof CheckpointError, `${name}, byte ${at}: ${(error as Error).stack}`);
      }
    }
  }
});

test('other zip files and other formats are identified', async () => {
  const refused = (bytes: Uint8Array, words: RegExp) =>
    assert.rejects(openWeights(bufferSource('file', bytes)), (error: Error) => {
      assert.ok(error instanceof CheckpointError);
      assert.match(error.message, words);
      return true;
    });
  const tar = Buffer.alloc(1024);
  tar.write('ustar', 257);
  await refused(tar, /tar archive, as PyTorch wrote before/);
  await refused(Buffer.from('\x89HDF\r\n\x1a\n and more', 'latin1'), /HDF5.*Keras/);
  await refused(Buffer.from('\x1f\x8b\x08 and more than ten', 'latin1'), /gzip/);
  await assert.rejects(readWeights(WEIGHT_FILES), /a folder/);
  await assert.rejects(readWeights(join(WEIGHT_FILES, 'absent.pth')), /no such file/);
});

test('only the list is read until a tensor is requested', async () => {
  const buffer = bufferSource('kinds', await readFile(join(WEIGHT_FILES, 'torch-2.15', 'kinds.pth')));
  let touched = 0;
  const file = await openWeights({
    ...buffer,
    read: (into, position) => {
      touched += into.length;
      return buffer.read(into, position);
    },
  });
  const before = touched;
  const array = await file.read('double');
  assert.equal(array.dtype, 'F64');
  // The record's local header, its name, and twelve doubles.
  assert.ok(touched - before <= 30 + 64 + 12 * 8, `${touched - before} bytes`);
  await assert.rejects(file.read('other'), /no tensor "other"/);
});

test('small tensors with large strides that would read the whole file many times are refused', async () => {
  const shared: FileArray = { dtype: 'F32', shape: [2 ** 20], data: new Float32Array(2 ** 20) };
  const names = Array.from({ length: 100 }, (_, i) => `w${i}`);
  const parts: Uint8Array[] = [];
  for await (const piece of pytorchPieces(new Map(names.map((name) => [name, shared]))))
    parts.push(Uint8Array.from(piece));
  const bytes = Buffer.concat(parts);
  // Shape [2 ** 20] and stride [1] become [2] and [2 ** 20 - 1]: `J` and four bytes, `K` and one.
  const [whole, spread] = ['(J\0\0\x10\0t(K\x01t', '(K\x02t(J\xff\xff\x0f\0t'].map((t) =>
    Buffer.from(t, 'latin1'),
  );
  for (let at = bytes.indexOf(whole!); at >= 0; at = bytes.indexOf(whole!)) spread!.copy(bytes, at);
  await assert.rejects(
    openWeights(bufferSource('spread', bytes)),
    /spread over 419430400 bytes in a file of/,
  );
});

/** The same archive with all sizes and offsets in zip64 fields, as in one of more than 4 GiB. */
function inZip64(bytes: Buffer): Buffer {
  const end = bytes.lastIndexOf('PK\x05\x06');
  const [count, begin] = [bytes.readUInt16LE(end + 10), bytes.readUInt32LE(end + 16)];
  const entries: Buffer[] = [];
  for (let i = 0, at = begin; i < count; i++) {
    const [name, extra] = [bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30)];
    const head = Buffer.from(bytes.subarray(at, at + 46 + name));
    const field = Buffer.alloc(28);
    field.writeUInt16LE(1, 0);
    field.writeUInt16LE(24, 2);
    for (const [j, offset] of [24, 20, 42].entries()) {
      field.writeBigUInt64LE(BigInt(head.readUInt32LE(offset)), 4 + 8 * j);
      head.writeUInt32LE(0xffffffff, offset);
    }
    head.writeUInt16LE(28, 30);
    entries.push(head, field);
    at += 46 + name + extra;
  }
  const directory = Buffer.concat(entries);
  const end64 = Buffer.alloc(56 + 20);
  end64.write('PK\x06\x06');
  end64.writeBigUInt64LE(44n, 4);
  for (const [offset, value] of [
    [24, count],
    [32, count],
    [40, directory.length],
    [48, begin],
  ] as const)
    end64.writeBigUInt64LE(BigInt(value), offset);
  end64.write('PK\x06\x07', 56);
  end64.writeBigUInt64LE(BigInt(begin + directory.length), 56 + 8);
  end64.writeUInt32LE(1, 56 + 16);
  const last = Buffer.from(bytes.subarray(end));
  last.fill(0xff, 8, 20);
  return Buffer.concat([bytes.subarray(0, begin), directory, end64, last]);
}

test('a zip64 archive is read, and refused if its zip64 fields are missing', async () => {
  const bytes = inZip64(await readFile(join(WEIGHT_FILES, 'torch-2.15', 'zip.pth')));
  const file = await openWeights(bufferSource('wide', bytes));
  const { '0.weight': expected } = numbersOf('torch-2.15').zip!;
  assert.deepEqual([...(await file.read('0.weight')).data], expected!.data);
  // Change the length of the zip64 field of the first record, so that its values are missing.
  bytes.writeUInt16LE(0, bytes.indexOf(Buffer.from([1, 0, 24, 0])) + 2);
  await assert.rejects(openWeights(bufferSource('wide', bytes)), /lacks its zip64 sizes/);
});
