import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { openDevice } from '../../../src/backend/open.js';
import { startNodeThread } from '../../../src/backend/simd/threads/node.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { wasmDevice } from '../../../src/backend/wasm/index.js';
import { BatchNorm2d, Conv2d, CrossEntropyLoss, Flatten, Linear, Sequential } from '../../../src/nn/index.js';
import * as ops from '../../../src/ops/index.js';
import { SGD } from '../../../src/optim/index.js';
import { Parameter, queueUpdate } from '../../../src/tensor/parameter.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';
import { batchOf } from '../../support/generated.js';

const inline = (threads: number): Device =>
  new InlineDevice(new WasmEngine({ threads, start: startNodeThread }));

/** Trains a small network for three steps. @returns all losses and weights */
async function train(device: Device): Promise<Float32Array[]> {
  manualSeed(3);
  const model = new Sequential(
    new Conv2d(3, 16, 3, { padding: 1 }),
    new BatchNorm2d(16),
    new Flatten(),
    new Linear(16 * 32 * 32, 10),
  );
  await model.to(device);
  const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 1e-3 });
  const [images, labels] = batchOf(8, [3, 32, 32], 0);
  const results: Float32Array[] = [];
  for (let step = 0; step < 3; step++) {
    optimizer.zeroGrad();
    const loss = new CrossEntropyLoss().forward(model.forward(images).relu(), labels);
    loss.backward();
    optimizer.step();
    results.push((await loss.data()) as Float32Array);
  }
  for (const parameter of model.parameters()) results.push((await parameter.data()) as Float32Array);
  return results;
}

describe('the wasm engine', () => {
  it('gives the same bits with any number of threads', async () => {
    const [one, ...others] = [1, 2, 3].map(inline);
    const expected = await train(one!);
    for (const device of others) assert.deepEqual(await train(device), expected);
    for (const device of [one!, ...others]) await device.close();
  });

  it('computes the same bits at addresses that are negative as signed numbers', async (t) => {
    const engine = new WasmEngine({ threads: 2, start: startNodeThread });
    const [low, high] = [inline(2), new InlineDevice(engine)];
    // Pages that nobody touches take no memory.
    if (engine.memory.allocate(2.5 * 2 ** 30) === undefined) t.skip('the system reserves less than 4 GiB');
    else assert.deepEqual(await train(high), await train(low));
    for (const device of [low, high]) await device.close();
  });

  it('says what it is', async () => {
    const device = inline(2);
    const { engine, threads, precision } = await device.info();
    assert.deepEqual({ engine, threads, precision }, { engine: 'wasm', threads: 2, precision: 'float32' });
    await device.close();
  });

  describe('plans', () => {
    let device: Device;
    before(() => {
      device = inline(1);
    });
    after(() => device.close());
    const latest = async () => (await device.stats()).at(-1)!;
    const parameter = async (...values: number[]) => {
      const made = new Parameter(Float32Array.from(values), [values.length]);
      await made.place(device);
      return made;
    };

    it('compute a chain, its broadcasts and its sum as one kernel', async () => {
      const x = await (await parameter(1, 2, 3, 4)).to(device);
      const spread = new Tensor(ops.broadcastTo(x.node, [300, 4]));
      assert.equal((await spread.mul(2).exp().sum().item()) > 0, true);
      const { primitives, scripted } = await latest();
      assert.deepEqual({ primitives, scripted }, { primitives: 1, scripted: [] });
    });

    it('normalise batches, and softmax along any axis, without the reference loops', async () => {
      const x = tensor(new Float32Array(2 * 3 * 16).fill(1), { shape: [2, 3, 4, 4] });
      const model = await new BatchNorm2d(3).to(device);
      await new Tensor(ops.softmax(model.forward(x).node, 1)).logSoftmax(-1).data();
      assert.deepEqual((await latest()).scripted, []);
      model.eval();
      const rows = new Tensor(ops.layerNorm(model.forward(x).node, [4]));
      await rows.square().sum().item();
      assert.deepEqual((await latest()).scripted, []);
    });

    it('write an update with weight decay and momentum where the weights lie', async () => {
      const layer = await new Linear(64, 64, { bias: false }).to(device);
      const optimizer = new SGD(layer.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 0.01 });
      const loss = layer.weight.square().sum();
      loss.backward();
      optimizer.step();
      await loss.item();
      const { primitives, scripted } = await latest();
      // The loss; and the gradient, the decay, the momentum and the weights in one pass: nothing is copied.
      assert.deepEqual({ primitives, scripted }, { primitives: 2, scripted: [] });
    });

    it('too large for the memory are refused with what they need, and the device continues to work', async () => {
      const x = await parameter(...Array.from({ length: 256 }, (_, i) => i));
      const wide = ops.broadcastTo(x.node, [2 ** 22, 256]);
      await assert.rejects(new Tensor(ops.permute(wide, [1, 0])).data(), {
        name: 'DeviceError',
        message: /not enough memory for intermediate values\. Expected at most .* GiB.*; got 8\.00 GiB more/,
      });
      assert.equal(await x.sum().item(), (255 * 256) / 2);
    });

    it('see weights that were written anew, elsewhere, and by another plan', async () => {
      const p = await parameter(1, 2);
      assert.equal(await p.sum().item(), 3);
      p.load(Float32Array.of(5, 6));
      assert.equal(await p.sum().item(), 11);
      const other = await parameter(7, 8);
      assert.equal(await other.sum().item(), 15);
      // Memory grows, which moves every view of it.
      const large = await new Linear(3000, 3000).to(device);
      queueUpdate([{ parameter: p, value: p.mul(2).node }]);
      assert.equal(await p.sum().item(), 22);
      assert.equal((await large.weight.data()).length, 9_000_000);
    });
  });

  it('may be opened and closed many times', async () => {
    const values = new Float32Array(2 ** 24).fill(1);
    for (let round = 0; round < 60; round++) {
      const device = round % 2 ? wasmDevice() : inline(2);
      const p = new Parameter(values, [values.length]);
      await p.place(device);
      assert.equal(await p.sum().item(), 2 ** 24);
      await device.close();
    }
    // 64 MiB each time: were they kept, this would be 3.8 GiB.
    assert.ok(process.memoryUsage.rss() < 1.5 * 2 ** 30, `${process.memoryUsage.rss()} bytes`);
  });
});

it('a closed device computes nothing, since another one may have its memory; closing it twice is no harm', async () => {
  const closed = wasmDevice();
  const lost = new Parameter(Float32Array.of(1, 2), [2]);
  await lost.place(closed);
  await Promise.all([closed.close(), closed.close()]);
  await closed.close();
  const said = { name: 'DeviceError', message: /^The wasm device was closed/ };
  const values = new Float32Array(1000).fill(7);
  closed.write(99, { shape: [1000], dtype: 'float32' }, values);
  await assert.rejects(closed.read(99), said);
  await assert.rejects(lost.data(), said);
  // Each device has a memory of its own, whatever the one before left.
  const devices = [wasmDevice(), wasmDevice()];
  const own = devices.map((_, k) => new Parameter(new Float32Array(1000).fill(k), [1000]));
  for (const [k, parameter] of own.entries()) await parameter.place(devices[k]!);
  for (const [k, parameter] of own.entries()) assert.equal(await parameter.sum().item(), 1000 * k);
  for (const device of devices) await device.close();
});

it('wasmDevice refuses unknown options and thread counts that are not valid', () => {
  for (const threads of [0, -1, 1.5, Number.NaN, 1e9, '2'])
    assert.throws(() => wasmDevice({ threads: threads as number }), {
      name: 'UsageError',
      message: /wasmDevice got a bad threads. Expected an integer from 1 to 1024/,
    });
  assert.throws(() => wasmDevice({ thread: 2 } as object), /did you mean threads\?/);
});

describe('where wasm cannot work, its error says', () => {
  const { WebAssembly: real } = globalThis as { WebAssembly?: { Memory: unknown } };
  const during = (value: unknown, body: () => void) => {
    (globalThis as { WebAssembly?: unknown }).WebAssembly = value;
    try {
      body();
    } finally {
      (globalThis as { WebAssembly?: unknown }).WebAssembly = real;
    }
  };

  it('that WebAssembly or its SIMD is missing', () => {
    const expected = { name: 'DeviceError', message: /WebAssembly with SIMD.*--device reference/ };
    during(undefined, () => assert.throws(() => new WasmEngine(), expected));
    during({ ...own(real!), validate: () => false }, () => assert.throws(() => new WasmEngine(), expected));
  });

  it('that a page forbids it', () => {
    class Module {
      constructor() {
        throw new Error('Refused to compile');
      }
    }
    during({ ...own(real!), Module }, () =>
      assert.throws(() => new WasmEngine(), {
        name: 'DeviceError',
        message: /does not work here.*got Refused to compile.*'wasm-unsafe-eval'/,
      }),
    );
  });

  it('that the system gives no memory', () => {
    class Memory {
      constructor() {
        throw new RangeError('could not allocate memory');
      }
    }
    // The memories that closed engines left are gone.
    const { deref } = WeakRef.prototype;
    WeakRef.prototype.deref = () => undefined;
    try {
      during({ ...own(real!), Memory }, () =>
        assert.throws(() => new WasmEngine({ threads: 2, start: startNodeThread }), {
          name: 'DeviceError',
          message: /The system gives the wasm device no memory/,
        }),
      );
    } finally {
      WeakRef.prototype.deref = deref;
    }
  });
});

const own = (value: object): object =>
  Object.fromEntries(Object.getOwnPropertyNames(value).map((name) => [name, value[name as never]]));

describe('without oneDNN', () => {
  const named = process.env.PAPERWEIGHT_ONEDNN;
  before(() => {
    process.env.PAPERWEIGHT_ONEDNN = '/nonexistent.so';
  });
  after(() => {
    if (named === undefined) delete process.env.PAPERWEIGHT_ONEDNN;
    else process.env.PAPERWEIGHT_ONEDNN = named;
  });

  it('auto takes wasm, and says why', async () => {
    const { device, why, obstacle } = await openDevice('auto', { threads: 2 });
    assert.equal(device.name, 'wasm');
    assert.match(
      why,
      /^wasm \(.*float32\), since onednn, which is faster, does not work here\. .*nonexistent/,
    );
    assert.match(obstacle!, /nonexistent\.so/);
    assert.equal(await (await tensor(Float32Array.of(1, 2)).to(device)).sum().item(), 3);
    await device.close();
  });

  it('bfloat16 is refused, with what onednn lacks', async () => {
    await assert.rejects(openDevice('auto', { precision: 'bfloat16' }), {
      name: 'DeviceError',
      message: /"wasm" cannot compute with bfloat16, and onednn does not work here\. .*leave out --precision/,
    });
  });
});
