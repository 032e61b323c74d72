import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { setDefaultDevice } from '../../../src/index.js';
import { importOnnx } from '../../../src/interop/onnx/index.js';
import { assertNear } from '../../support/generated.js';
import { onnxCases, patterned } from '../../support/onnx/cases.js';

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
