import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { CheckpointError, PaperweightError, ShapeError } from '../../../src/errors/errors.js';
import { Message } from '../../../src/files/protobuf.js';
import { setDefaultDevice } from '../../../src/index.js';
import { importOnnx, readOnnx } from '../../../src/interop/onnx/index.js';
import { zeros } from '../../../src/tensor/tensor.js';
import { hash32 } from '../../support/generated.js';
import { onnxCases } from '../../support/onnx/cases.js';
import {
  attribute,
  int,
  ints,
  numbers,
  value,
  type Written,
  weights,
  writeOnnx,
} from '../../support/onnx/writer.js';

setDefaultDevice(referenceDevice());

/** Asserts that the bytes are refused with this message and the given file name. */
const refused = (model: Written | Uint8Array, words: RegExp) =>
  assert.throws(
    () => importOnnx(model instanceof Uint8Array ? model : writeOnnx(model), { name: 'm.onnx' }),
    (error) => {
      assert.ok(error instanceof CheckpointError, String(error));
      assert.match(error.message, /^m\.onnx cannot be read as an ONNX model: /);
      assert.match(error.message, words);
      return true;
    },
  );
const bytes = (...values: number[]) => Uint8Array.from(values);

test('the test writer writes models that can be read', async () => {
  const y = importOnnx(writeOnnx({ output: ['n', 2, 4, 4] })).forward(zeros([3, 2, 4, 4]));
  assert.deepEqual(await y.data(), new Float32Array(96));
});

test('bytes that are not a model', () => {
  refused(bytes(), /an empty file/);
  refused(new TextEncoder().encode('<!doctype html><title>Not found</title>'), /web page.*Next: fetch/);
  refused(bytes(0x80, 0x80), /ends inside a number/);
  refused(bytes(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), /longer than the rest/);
  refused(
    bytes(0x08, ...new Array(10).fill(0xff), 0x01),
    /a number in the model is too long.*at most 64 bits/,
  );
  refused(bytes(0x0b), /wire type 0, 1, 2 or 5; got 3/);
  refused(bytes(0x00, 0x00), /impossible field/);
  refused(bytes(0x0a, 0x01, 0x41), /field 1 of the model.*an integer/);
  refused(bytes(0x12, 0x01, 0xff), /UTF-8/);
});

test('graphs nested too deeply', () => {
  let graph = new Message();
  for (let depth = 0; depth < 20; depth++)
    graph = new Message().message(
      1,
      new Message().string(4, 'If').message(
        5,
        attribute('then_branch', (m) => m.message(6, graph).int(20, 5)),
      ),
    );
  refused(new Message().int(1, 8).message(7, graph).encode(), /nested too deeply/);
});

test('versions', () => {
  for (const opset of [5, 29]) refused({ opset }, /opset 6 to 28; got .*version_converter/);
  refused({ ir: 2 }, /file format/);
  refused(new Message().int(1, 8).message(7, new Message()).encode(), /operators.*got none/);
});

test('unsupported operators are listed with their nodes', () => {
  refused({ nodes: [{ type: 'RoiAlign', name: 'up' }] }, /"RoiAlign" in node "up".*AveragePool.*Transpose/s);
  refused({ nodes: [{ type: 'Relu', domain: 'com.acme' }] }, /"com\.acme" "Relu" in node "y"/);
  refused({ nodes: [{ type: 'toString' }] }, /"toString"/);
  refused(
    { nodes: [{ type: 'NonZero', name: 'where' }] },
    /NonZero "where".*for floating-point numbers.*Next: export/s,
  );
});

test('values: missing, cyclic, duplicate names, none, several', () => {
  refused({ nodes: [{ type: 'Relu', inputs: ['z'] }] }, /node "y" reads "z".*no node computes/);
  const circle = [
    { type: 'Add', name: 'a', inputs: ['x', 'v'], outputs: ['u'] },
    { type: 'Relu', name: 'b', inputs: ['u'], outputs: ['v'] },
  ];
  refused(
    { nodes: circle, outputs: ['v'] },
    /node "a" reads "v".*has a cycle, or its nodes are not in order/,
  );
  refused({ nodes: [{ type: 'Relu' }, { type: 'Tanh' }] }, /two values are named "y"/);
  refused(
    { tensors: [weights('x', [1], 1), weights('x', [1], 1)], inputs: [value('p', ['n', 2])] },
    /two values are named "x"/,
  );
  refused({ outputs: [] }, /its outputs.*got none/);
  refused({ outputs: ['q'] }, /reads "q"/);
  refused({ inputs: [] }, /its inputs.*got none/);
  refused({ inputs: [value('x', ['n', 2], 9)] }, /floating-point/);
  refused({ inputs: [value('x', ['n', 2], 7)] }, /not supported for computed booleans and indices/);
  refused({ inputs: [value('x', undefined)] }, /with a shape/);
  const pooled = { type: 'MaxPool', outputs: ['p', 'where'], attributes: [ints('kernel_shape', [2, 2])] };
  refused({ nodes: [pooled, { type: 'Relu', inputs: ['where'] }] }, /reads "where".*not supported/);
});

test('results that are far larger than the file and its inputs', () => {
  const filled = (...shape: readonly number[]): Written => ({
    nodes: [
      { type: 'ConstantOfShape', inputs: ['s'], outputs: ['k'] },
      { type: 'ReduceSum', inputs: ['k'], outputs: ['r'], attributes: [int('keepdims', 0)] },
      { type: 'Add', inputs: ['x', 'r'] },
    ],
    tensors: [numbers('s', shape)],
  });
  refused(filled(500_000_000), /ConstantOfShape "k": its result.*at most 67108864 elements.*500000000/);
  const doubled = Array.from({ length: 24 }, (_, i) => ({
    type: 'Concat',
    inputs: [i === 0 ? 'x' : `y${i}`, i === 0 ? 'x' : `y${i}`],
    outputs: [i === 23 ? 'y' : `y${i + 1}`],
    attributes: [int('axis', 1)],
  }));
  refused({ nodes: doubled }, /Concat "y\d+": its result.*at most 67108864 elements/);
  // A network with many weights may have larger results.
  const { tensors, ...model } = filled(8193, 8193);
  refused({ ...model, tensors: tensors! }, /its result/);
  const large = weights('w', [1, 2, 100, 100], 20_000);
  const conv = { type: 'Conv', inputs: ['x', 'w'], attributes: [ints('pads', [48, 48, 48, 48])] };
  const nodes = [...model.nodes!, { ...conv, outputs: ['z'] }];
  assert.doesNotThrow(() => importOnnx(writeOnnx({ nodes, tensors: [...tensors!, large] })));
});

test('windows of a pooling that lie in the padding alone', () => {
  const pool = (type: string, pads: readonly number[], ...more: readonly Message[]): Written => ({
    nodes: [{ type, attributes: [ints('kernel_shape', [2, 2]), ints('pads', pads), ...more] }],
  });
  refused(pool('MaxPool', [2, 1, 1, 1]), /MaxPool "y": its pads.*window of 2 × 2.*got 2, 1, 1, 1/);
  refused(pool('AveragePool', [1, 1, 1, 2]), /its pads/);
  const accepted = [
    pool('MaxPool', [1, 1, 1, 1]),
    pool('MaxPool', [2, 2, 2, 2], ints('dilations', [2, 2])),
    pool('AveragePool', [2, 2, 2, 2], int('count_include_pad', 1)),
  ];
  for (const model of accepted) assert.doesNotThrow(() => importOnnx(writeOnnx(model)));
});

test('tensors whose shape does not match their data', () => {
  const conv = (...tensors: Message[]): Written => ({
    nodes: [{ type: 'Conv', inputs: ['x', 'w'] }],
    tensors,
  });
  assert.doesNotThrow(() => importOnnx(writeOnnx(conv(weights('w', [1, 2, 1, 1], 2)))));
  refused(conv(weights('w', [1, 2, 3, 3], 17)), /tensor "w".*18 elements of float32.*got 68 bytes/);
  refused(conv(weights('w', [2 ** 31, 2 ** 31, 2 ** 31, 2 ** 31], 1)), /tensor "w".*got 4 bytes/);
  refused(conv(weights('w', [-1, 2, 1, 1], 2)), /sizes of at least 0/);
  refused(conv(weights('w', [2 ** 60, 2, 1, 1], 2)), /sizes of at least 0/);
  refused(conv(weights('w', new Array(17).fill(1), 1)), /at most 16 sizes/);
  refused(conv(new Message().int(1, 1).int(2, 8).string(8, 'w')), /a type of float32.*got type 8/);
  refused(conv(weights('w', [1, 2, 1, 1], 2).float(4, 1)), /its elements once/);
  refused(
    conv(
      new Message()
        .int(1, 1)
        .int(2, 11)
        .string(8, 'w')
        .bytes(10, new Uint8Array(new Float64Array([1e300]).buffer)),
    ),
    /float32 can hold/,
  );
  refused({ graph: (g) => g.message(15, new Message()) }, /sparse/);
});

test('attributes: unknown, of another kind, out of range', () => {
  const pool = (...attributes: Message[]): Written => ({
    nodes: [{ type: 'MaxPool', name: 'p', attributes }],
  });
  refused(pool(), /MaxPool "p": attribute "kernel_shape"/);
  refused(pool(ints('kernel_shape', [2, 2]), int('rounding', 1)), /"rounding" is unknown/);
  refused(pool(int('kernel_shape', 2)), /kind ints; got int/);
  refused(pool(ints('kernel_shape', [0, 2])), /whole numbers of at least 1/);
  refused(pool(ints('kernel_shape', [2, 2, 2])), /two-dimensional/);
  refused(
    pool(
      ints('kernel_shape', [2, 2]),
      attribute('auto_pad', (m) => m.string(4, 'SAME').int(20, 3)),
    ),
    /NOTSET or VALID/,
  );
  refused(pool(ints('kernel_shape', [2, 2]), ints('kernel_shape', [2, 2])), /two attributes/);
  refused(pool(ints('kernel_shape', [99, 99])), /MaxPool/);
  refused({ nodes: [{ type: 'Conv' }] }, /its inputs/);
});

test('shapes that do not match, and a wrong declared output', () => {
  refused(
    { nodes: [{ type: 'Conv', inputs: ['x', 'w'] }], tensors: [weights('w', [1, 3, 1, 1], 3)] },
    /conv2d\(.*3 input channels; got 2/,
  );
  refused({ output: ['n', 3, 4, 4] }, /its output.*\[n, 3, 4, 4\]; got \[1, 2, 4, 4\]/);
  const shape = (...sizes: number[]): Written => ({
    nodes: [{ type: 'Reshape', inputs: ['x', 's'] }],
    tensors: [numbers('s', sizes)],
  });
  refused(shape(0, 5), /32 elements.*got \[1, 5\]/);
  refused(shape(-1, -1), /32 elements/);
  refused({ nodes: [{ type: 'Reshape', inputs: ['x', 'x'] }] }, /Reshape/);
  const grow: Written = {
    nodes: [{ type: 'Pad', inputs: ['x', 'p'] }],
    tensors: [numbers('p', [0, 0, 0, 0, 0, 0, 2 ** 30, 2 ** 30])],
  };
  refused(grow, /at most 2147483648 elements/);
  const whole: Written = {
    nodes: [{ type: 'ConstantOfShape', inputs: ['s'], outputs: ['z'] }],
    tensors: [numbers('s', [2 ** 30])],
    outputs: ['z'],
  };
  refused(
    {
      ...whole,
      nodes: [
        {
          ...whole.nodes![0]!,
          attributes: [attribute('value', (m) => m.message(5, numbers('', [1])).int(20, 4))],
        },
      ],
    },
    /at most 65536/,
  );
});

test('control characters in names are escaped', () => {
  refused({ nodes: [{ type: 'Relu', name: '\u001b[31mred' }] }, /that can be printed/);
  refused({ nodes: [{ type: '\u009b31m' }] }, /that can be printed/);
});

test('forward rejects an input that differs from the declared one, and locates a shape mismatch', () => {
  const model = importOnnx(writeOnnx(), { name: 'm.onnx' });
  assert.throws(
    () => model.forward(zeros([1, 3, 4, 4])),
    (e) => e instanceof ShapeError && /m\.onnx.*\[n, 2, 4, 4\]; got float32 \[1, 3, 4, 4\]/.test(e.message),
  );
  const open: Written = {
    input: ['n', 'c', 'h', 'w'],
    nodes: [{ type: 'Conv', name: 'first', inputs: ['x', 'w'] }],
    tensors: [weights('w', [1, 2, 3, 3], 18)],
  };
  const free = importOnnx(writeOnnx(open));
  assert.deepEqual([...free.forward(zeros([1, 2, 9, 5])).shape], [1, 1, 7, 3]);
  assert.throws(
    () => free.forward(zeros([1, 4, 9, 9])),
    (e) => e instanceof ShapeError && /in first \(Conv\)/.test(e.message),
  );
});

// ── Weights in other files ──────────────────────────────────────────────────────────────────────────────────

const outside = (location: string, extra: Readonly<Record<string, string>> = {}): Message =>
  Object.entries({ location, ...extra }).reduce(
    (m, [key, text]) => m.message(13, new Message().string(1, key).string(2, text)),
    new Message().int(1, 1).int(1, 2).int(1, 1).int(1, 1).int(2, 1).string(8, 'w').int(14, 1),
  );
const withOutside = (...tensors: Message[]) =>
  writeOnnx({ nodes: [{ type: 'Conv', inputs: ['x', 'w'] }], tensors });

test('external weights are read only from the same folder', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'm.onnx');
  await writeFile(join(folder, 'm.data'), new Uint8Array(new Float32Array([9, 0.25, 0.5]).buffer));
  await writeFile(file, withOutside(outside('m.data', { offset: '4', length: '8' })));
  const model = await readOnnx(file);
  assert.deepEqual([...(await model.stateDict().get('w')!.data())], [0.25, 0.5]);

  await symlink('/etc/hostname', join(folder, 'link'));
  const cases: [Message, RegExp][] = [
    [outside('../m.data'), /the plain name of a file in the same folder; got "\.\.\/m\.data"/],
    [outside('/etc/passwd'), /the plain name/],
    [outside('..'), /the plain name/],
    [outside(''), /the plain name/],
    [outside('link'), /not a file/],
    [outside('absent'), /m\.onnx keeps weights in "absent".*no such file/],
    [outside('m.data', { offset: '8' }), /8 bytes|got 4 bytes/],
    [outside('m.data', { offset: '-4', length: '8' }), /a place within 12 bytes/],
    [outside('m.data', { offset: '0x0', length: '1e1' }), /8 bytes|elements/],
  ];
  for (const [tensor, words] of cases) {
    await writeFile(file, withOutside(tensor));
    await assert.rejects(
      readOnnx(file),
      (e) => e instanceof CheckpointError && words.test(e.message),
      String(words),
    );
  }
  // Tensors together may not claim more bytes than the file has.
  await writeFile(
    file,
    withOutside(
      outside('m.data', { length: '8' }),
      ...['v', 'u'].map((name) => outside('m.data', { length: '8' }).string(8, name)),
    ),
  );
  await assert.rejects(readOnnx(file), /its weights in "m\.data".*24 bytes; got 12/);
  refused(withOutside(outside('m.data')), /is in another file, "m\.data".*external_data=False/);
  await assert.rejects(readOnnx(folder), /something that is not a file/);
  await assert.rejects(readOnnx(join(folder, 'none.onnx')), /cannot read .*none\.onnx.*no such file/);
});

test('files with random changes are read or refused, without crash or hang', () => {
  const seeds = [...onnxCases('onnx-cases.json'), ...onnxCases('onnx-pytorch-2.15.json')].map((c) => c.bytes);
  let draw = 1;
  const next = (below: number) => hash32(draw++) % below;
  for (let i = 0; i < 3000; i++) {
    let file = Buffer.from(seeds[next(seeds.length)]!);
    for (let change = next(4); change >= 0 && file.length > 0; change--) {
      const at = next(file.length);
      if (i % 3 === 0) file[at] = next(256);
      else if (i % 3 === 1) file = file.subarray(0, at);
      else
        file = Buffer.concat([
          file.subarray(0, at),
          seeds[next(seeds.length)]!.subarray(0, 40),
          file.subarray(at + next(40)),
        ]);
    }
    try {
      importOnnx(file);
    } catch (error) {
      assert.ok(
        error instanceof PaperweightError,
        `draw ${i}: ${error instanceof Error ? error.stack : error}`,
      );
    }
  }
});
