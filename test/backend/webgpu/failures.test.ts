import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { WebGpuDevice } from '../../../src/backend/webgpu/device.js';
import { DataError, DeviceError } from '../../../src/errors/errors.js';
import * as ops from '../../../src/ops/index.js';
import { Parameter, queueUpdate } from '../../../src/tensor/parameter.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';
import { openWebGpu, withoutGpu } from './open.js';

const missing = await withoutGpu();

describe('failures of webgpu', { skip: missing }, () => {
  let device: WebGpuDevice;
  beforeEach(async () => {
    device = await openWebGpu();
  });
  afterEach(() => device.close());

  const parameter = async (...values: number[]): Promise<Parameter> => {
    const made = new Parameter(Float32Array.from(values), [values.length]);
    await made.place(device);
    return made;
  };
  const refused =
    (...words: RegExp[]) =>
    (error: unknown) => {
      assert.ok(error instanceof DeviceError, `${error}`);
      for (const word of words) assert.match(error.message, word);
      return true;
    };

  it('a device that is lost rejects the call that meets it, and every later one', async () => {
    const p = await parameter(1, 2);
    assert.deepEqual([...(await p.mul(2).data())], [2, 4]);
    const running = p.mul(3).data();
    device.engine.device.destroy();
    await assert.rejects(running, refused(/GPU was lost/, /checkpoint/));
    await assert.rejects(async () => p.mul(2).data(), refused(/GPU was lost/));
    await assert.rejects(async () => p.storage!.read(), refused(/GPU was lost/));
  });

  it('a device that the program has closed says so', async () => {
    const p = await parameter(1, 2);
    const running = p.mul(3).data();
    await device.close();
    assert.deepEqual([...(await running)], [3, 6]);
    const closed = refused(/^The webgpu device was closed/, /open another one/);
    await assert.rejects(async () => p.mul(2).data(), closed);
    await assert.rejects(async () => p.storage!.read(), closed);
    await assert.rejects(async () => device.info(), closed);
    await device.close();
  });

  it('a device that is lost while values are copied leaves no rejection unhandled', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const p = await parameter(1, 2);
      const run = async (x: number): Promise<unknown> => p.mul(tensor([x, x])).data();
      await run(1);
      const gpu = device.engine.device;
      const write = gpu.queue.writeBuffer.bind(gpu.queue);
      gpu.queue.writeBuffer = (...values) => {
        write(...values);
        gpu.destroy();
      };
      for (const one of await Promise.allSettled([run(2), run(3)])) assert.equal(one.status, 'rejected');
      await assert.rejects(() => run(6), refused(/GPU was lost/));
      await new Promise((done) => setTimeout(done, 50));
      assert.deepEqual(unhandled, []);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('a value that no buffer can hold is refused with its size, and the weights stay', async () => {
    const p = await parameter(1, 2, 3);
    const rows = Math.ceil(device.engine.device.limits.maxBufferSize / 12) + 1;
    const huge = new Tensor(ops.broadcastTo(p.node, [rows, 3]));
    const total = huge.mul(new Tensor(ops.cumsum(huge.node, 0))).sum();
    queueUpdate([{ parameter: p, value: p.mul(2).node }], [total]);
    await assert.rejects(
      async () => total.item(),
      refused(/no memory for the intermediate values of a training step/, /GiB/, /smaller tensors/),
    );
    assert.deepEqual([...(await p.storage!.read())], [1, 2, 3]);
    assert.deepEqual([...(await (await parameter(4, 5)).add(1).data())], [5, 6]);
  });

  it('commands that the GPU refuses change nothing', async () => {
    const [p, q] = [await parameter(1, 2), await parameter(3, 4)];
    // More than the shared buffers hold, so that it has one of its own.
    const large = new Parameter(new Float32Array(5 * 2 ** 20).fill(1), [5 * 2 ** 20]);
    await large.place(device);
    await large.storage!.read();
    device.engine.stored((large.storage as unknown as { id: number }).id).place.buffer.destroy();
    const sum = new Tensor(ops.add(p.sum().node, large.sum().node));
    queueUpdate([{ parameter: q, value: q.mul(2).node }], [sum]);
    await assert.rejects(
      async () => sum.item(),
      refused(/GPU refused the commands of a run/, /nothing was changed/),
    );
    assert.deepEqual([...(await q.storage!.read())], [3, 4]);
  });

  it('float64 is refused with an explanation', async () => {
    const wide = new Parameter(Float64Array.of(1, 2), [2]);
    await assert.rejects(
      async () => wide.place(device).then(() => wide.add(1).data()),
      refused(/float64/, /float32/),
    );
  });

  it('indices that are computed on the GPU are checked there, and a bad one stops all updates', async () => {
    const p = await parameter(5, 6, 7);
    const pick = (position: number): Tensor => {
      const index = new Tensor(ops.cast(p.add(position - 5).node, 'int32')).node;
      return new Tensor(ops.indexSelect(p.node, index, 0));
    };
    assert.deepEqual([...(await pick(0).data())], [5, 6, 7]);
    const bad = pick(1);
    queueUpdate([{ parameter: p, value: p.mul(2).node }], [bad]);
    await assert.rejects(
      async () => bad.data(),
      (error) => {
        assert.ok(error instanceof DataError, `${error}`);
        assert.match(error.message, /indexSelect reads outside of its axis.*0 to 2.*got 3/);
        return true;
      },
    );
    assert.deepEqual([...(await p.storage!.read())], [5, 6, 7]);
    const label = new Tensor(ops.cast((await parameter(9, 0)).mul(1).node, 'int32'));
    const logits = new Tensor(ops.reshape((await parameter(1, 2, 3, 4)).node, [2, 2]));
    const loss = new Tensor(ops.crossEntropy(logits.node, label.node));
    await assert.rejects(async () => loss.data(), /label of row 0 is out of range.*got 9/);
  });
});
