import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { UsageError } from '../../../src/errors/errors.js';
import '../../../src/index.js';
import { openModel } from '../../../src/papers/loading/load.js';
import { writeOnnx } from '../../support/onnx/writer.js';
import { scratch } from '../../support/toy.js';

test('a file for images of any size needs an image size, and the error says so', async (t) => {
  const file = join(await scratch(t), 'free.onnx');
  const write = (input: (number | string)[]) =>
    writeFile(
      file,
      writeOnnx({
        opset: 13,
        input,
        output: [input[0]!, 3],
        outputs: ['y'],
        nodes: [
          { type: 'GlobalAveragePool', inputs: ['x'], outputs: ['g'] },
          { type: 'Flatten', inputs: ['g'], outputs: ['y'] },
        ],
        tensors: [],
      }),
    );
  const refused = (advice: RegExp, absent: RegExp) =>
    assert.rejects(openModel(file, referenceDevice()), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, advice);
      assert.doesNotMatch(error.message, absent);
      return true;
    });
  for (const input of [
    ['n', 3, 'h', 'w'],
    [1, 3, '', ''],
    ['n', 'c', 'h', 'w'],
  ]) {
    await write(input);
    await refused(/--image-size/, /importOnnx/);
    const { config } = await openModel(file, referenceDevice(), { imageSize: 24 });
    assert.equal(config.imageSize, 24);
  }
  await write(['n', 3, 8, 9]);
  await refused(/importOnnx/, /--image-size/);
});
