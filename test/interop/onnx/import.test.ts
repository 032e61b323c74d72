import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { setDefaultDevice, tensor } from '../../../src/index.js';
import { importOnnx } from '../../../src/interop/onnx/index.js';
import { assertNear } from '../../support/generated.js';
import { onnxCases, patterned } from '../../support/onnx/cases.js';
import { int, ints, writeOnnx } from '../../support/onnx/writer.js';

setDefaultDevice(referenceDevice());

const FIXTURES = [
  'onnx-cases.json',
  'onnx-operators.json',
  'onnx-pytorch-1.13.json',
  'onnx-pytorch-2.15.json',
];

for (const fixture of FIXTURES)
  for (const { name, bytes, input, positive, shape, output } of onnxCases(fixture))
    test(`${fixture.replace('.json', '')}: ${name}`, async () => {
      const model = importOnnx(bytes, { name });
      const y = model.forward(patterned(input, positive));
      assert.deepEqual([...y.shape], shape);
      assertNear(await y.data(), output, 1e-6, name);
    });

// ONNX's reference evaluator scales the last windows up; onnxruntime gives the norm of their elements, as here.
for (const [p, expected] of [
  [1, [4, 2, 2, 1]],
  [2, [2, Math.SQRT2, Math.SQRT2, 1]],
  [3, [4 ** (1 / 3), 2 ** (1 / 3), 2 ** (1 / 3), 1]],
] as const)
  test(`LpPool with p = ${p} in ceil mode: windows that the image ends are norms of fewer elements`, async () => {
    const attributes = [
      ...[ints('kernel_shape', [2, 2]), ints('strides', [2, 2])],
      ...[int('ceil_mode', 1), int('p', p)],
    ];
    const model = importOnnx(
      writeOnnx({ opset: 18, input: ['n', 1, 3, 3], nodes: [{ type: 'LpPool', attributes }] }),
      { name: 'm.onnx' },
    );
    const y = model.forward(tensor(new Float32Array(9).fill(1), { shape: [1, 1, 3, 3] }));
    assert.deepEqual([...y.shape], [1, 1, 2, 2]);
    assertNear(await y.data(), expected, 1e-6, 'norms');
  });
test('LpPool in ceil mode has no window that begins in the padding behind the image', () => {
  const attributes = [
    ...[ints('kernel_shape', [2, 2]), ints('strides', [2, 2])],
    ...[ints('pads', [0, 0, 1, 1]), int('ceil_mode', 1)],
  ];
  const model = importOnnx(
    writeOnnx({ opset: 18, input: ['n', 1, 4, 4], nodes: [{ type: 'LpPool', attributes }] }),
    { name: 'm.onnx' },
  );
  assert.deepEqual(
    [...model.forward(tensor(new Float32Array(16), { shape: [1, 1, 4, 4] })).shape],
    [1, 1, 2, 2],
  );
});
