import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { NativeError } from '../../../src/backend/onednn/api/constants.js';
import { DnnlCore } from '../../../src/backend/onednn/api/core.js';
import { Alg, Dnnl, Prop } from '../../../src/backend/onednn/api/dnnl.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { view } from '../../../src/backend/onednn/library/memory.js';
import { openDnnl } from '../../../src/backend/onednn/library/open.js';
import { DeviceError } from '../../../src/errors/errors.js';
import * as ops from '../../../src/ops/index.js';
import { Parameter, queueUpdate } from '../../../src/tensor/parameter.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';

const filled = (shape: number[], value = 1) =>
  tensor(new Float32Array(shape.reduce((a, d) => a * d, 1)).fill(value), { shape });

describe('a call that the library rejects', () => {
  it('throws an error with the name of the function and the reason', () => {
    const d = openDnnl();
    const [x, y] = [d.plain([1, 1, 4, 4]), d.plain([1, 1, 9, 9])];
    const g = { strides: [1, 1], dilates: [0, 0], padLeft: [0, 0], padRight: [0, 0] };
    const refused = (body: () => unknown, what: RegExp) =>
      assert.throws(body, (error) => error instanceof NativeError && what.test(error.message));
    refused(
      () => d.poolForward(Prop.forwardInference, Alg.poolMax, x, y, [2, 2], g),
      /^dnnl_.*pool.*: invalid/,
    );
    const primitive = d.primitive(d.reorder(x, x));
    refused(() => d.execute(primitive, d.args([])), /^dnnl_primitive_execute: /);
    d.close();
  });
});

describe('an error of the library', () => {
  let device: Device;
  let version: string;
  before(async () => {
    device = new InlineDevice(new OneDnnEngine({ threads: 1 }));
    version = (await device.info()).version;
  });
  after(() => device.close());

  /** Makes a method of the bindings fail, and checks the error, and that the device works afterwards. */
  async function fails(
    t: TestContext,
    [owner, method]: readonly [object, string],
    body: () => Promise<unknown>,
    what: RegExp,
  ): Promise<void> {
    const mock = t.mock.method(owner as Record<string, () => void>, method, () => {
      throw new NativeError(`dnnl_${method}: runtime error`);
    });
    await assert.rejects(body(), (error) => {
      assert.ok(error instanceof DeviceError, String(error));
      assert.match(error.message, what);
      assert.ok(error.message.includes(`oneDNN ${version}`), error.message);
      assert.ok(error.message.includes(`dnnl_${method}: runtime error`), error.message);
      assert.match(error.message, /Next: /);
      return true;
    });
    mock.mock.restore();
    await body();
  }

  it('names operation, shapes and module, at build time and at run time', async (t) => {
    const w = await filled([4, 3, 3, 3]).to(device);
    const run = (side: number) => () =>
      ops
        .withScope(
          'features.3 (Conv2d)',
          () => new Tensor(ops.conv2d(filled([2, 3, side, side]).node, w.node, undefined)),
        )
        .data();
    const conv = (side: number) =>
      new RegExp(
        `conv2d\\(\\[2, 3, ${side}, ${side}\\], \\[4, 3, 3, 3\\]\\) → \\[2, 4, ${side - 2}, ${side - 2}\\] in features\\.3 \\(Conv2d\\)`,
      );
    await fails(t, [Dnnl.prototype, 'convForward'], run(6), conv(6));
    await fails(t, [DnnlCore.prototype, 'reorder'], run(7), conv(7));
    await fails(t, [DnnlCore.prototype, 'primitive'], run(8), conv(8));
    await fails(t, [DnnlCore.prototype, 'execute'], run(9), conv(9));
    const left = await filled([5, 6]).to(device);
    const product = () => left.matmul(filled([6, 2])).data();
    await fails(t, [DnnlCore.prototype, 'sgemm'], product, /matmul\(\[5, 6\], \[6, 2\]\) → \[5, 2\]/);
  });

  it('names the shape of a value that cannot be read', async (t) => {
    const w = new Parameter(new Float32Array(64 * 64).fill(0.1), [64, 64]);
    await w.place(device);
    const y = new Tensor(ops.linear(filled([32, 64]).node, w.node)).sum();
    y.backward();
    const step = ops.addScaled(w.node, (w.grad as Tensor).node, filled([], 0.1).node);
    queueUpdate([{ parameter: w, value: step }], [y]);
    await y.data();
    await fails(t, [DnnlCore.prototype, 'reorder'], () => w.data(), /value of shape \[64, 64\]/);
  });
});

describe('an operation that the library does not support', () => {
  it('runs as TypeScript: many dimensions, and empty sums', async () => {
    const device = new InlineDevice(new OneDnnEngine({ threads: 1 }));
    const many = await filled([1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 3], 2).to(device);
    assert.deepEqual([...(await many.square().sum([6]).data())], new Array(6).fill(8));
    assert.deepEqual(
      [...(await many.permute([12, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]).data())],
      new Array(12).fill(2),
    );
    const none = await filled([2, 0]).to(device);
    assert.deepEqual([...(await none.matmul(filled([0, 3])).data())], new Array(6).fill(0));
    await device.close();
  });
});

describe('a tensor that JavaScript cannot read', () => {
  const big = constants.MAX_LENGTH + 4;
  const skip = big > 2 ** 34 && 'this version of Node reads tensors of any size';

  it('is refused before the native call that would end the process', { skip }, () => {
    assert.throws(() => view(4096, big), /too large.*at most 4 GiB; got 4\.0 GiB/);
  });

  it('is refused with its operation and shapes, and the device continues to work', { skip }, async () => {
    const device = new InlineDevice(new OneDnnEngine({ threads: 1 }));
    const x = await filled([1, 1]).to(device);
    const [rows, columns] = [2 ** 16, 2 ** 15 - 1];
    const wide = x.add(filled([rows, 1])).add(filled([1, columns]));
    await assert.rejects(
      wide.argmax(1).data(),
      (error) =>
        error instanceof DeviceError &&
        /\[65536, 32767\].*on device "onednn".*at most 4 GiB; got 8\.0 GiB.*smaller batch/.test(
          error.message,
        ),
    );
    assert.deepEqual([...(await x.add(1).data())], [2]);
    await device.close();
  });
});
