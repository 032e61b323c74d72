import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { NETS } from '../../../src/bench/suite/nets/index.js';
import { sizeOf } from '../../../src/graph/types.js';
import { manualSeed, nn, type Tensor, tensor } from '../../../src/index.js';
import { exportOnnx, importOnnx } from '../../../src/interop/onnx/index.js';
import {
  check,
  farthest,
  nowhere,
  python,
  type Runtime,
  runtimes,
  type Values,
} from '../../support/onnx/runtimes.js';

/* The networks of `bench suite`, exported: in other programs, and imported again. */

/** A network with one result. */
class Result extends nn.Module {
  constructor(
    readonly inner: nn.Module<unknown>,
    readonly result: (inner: never, x: Tensor) => Tensor,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.result(this.inner as never, x);
  }
}

interface Vae extends nn.Module<unknown> {
  readonly encoder: nn.Module;
  readonly mean: nn.Module;
  readonly decoder: nn.Module;
}
interface Dcgan extends nn.Module {
  readonly generator: nn.Module;
  readonly discriminator: nn.Module;
}

/** What is exported of networks with several inputs or results; of the others, all. */
const PARTS: Readonly<Record<string, (inner: never, x: Tensor) => Tensor>> = {
  googlenet: (inner: nn.Module<Tensor[]>, x) => inner.forward(x)[0]!,
  vae: (inner: Vae, x) => inner.decoder.forward(inner.mean.forward(inner.encoder.forward(x))),
  dcgan: (inner: Dcgan, x) => inner.discriminator.forward(inner.generator.forward(x)),
};
/** Which of its inputs a network then reads; the first if left out. */
const INPUT: Readonly<Record<string, number>> = { dcgan: 1 };
const ROWS = 3;

const skip = nowhere && 'neither PAPERWEIGHT_PEERS nor PAPERWEIGHT_ONNX_PYTHON is set';

describe('networks of the suite, exported', { skip }, () => {
  let device: Device;
  before(async () => {
    ({ device } = await openDevice('auto'));
  });
  after(() => device.close());

  for (const [name, net] of Object.entries(NETS))
    it(name, async (t) => {
      manualSeed(3);
      const whole = (inner: nn.Module, x: Tensor): Tensor => inner.forward(x);
      const model = new Result(net.build() as nn.Module<unknown>, PARTS[name] ?? whole).eval();
      await model.to(device);
      const { shape, below } = net.inputs(ROWS)[INPUT[name] ?? 0]!;
      const size = sizeOf(shape);
      const [kind, data] =
        below === undefined
          ? (['float32', Float32Array.from({ length: size }, (_, i) => Math.sin(12.9 * i * i))] as const)
          : (['int32', Int32Array.from({ length: size }, (_, i) => (7919 * i) % below)] as const);
      const x = tensor(data, { shape });
      const ours = (await model.forward(x).data()) as Values;
      assert.ok(ours.every(Number.isFinite));
      const bytes = (await exportOnnx(model, shape.slice(1), { inputType: kind })).encode();
      for (const { name: which, provider, found } of runtimes)
        await t.test(which, { skip: typeof found === 'string' ? found : false }, async () => {
          const { InferenceSession, Tensor: Theirs } = found as Runtime;
          const session = await InferenceSession.create(bytes, { executionProviders: [provider] });
          const { logits } = await session.run({ images: new Theirs(kind, data, shape) });
          await session.release();
          const apart = farthest(logits!.data, ours);
          t.diagnostic(`${which}: ${apart.toExponential(1)}`);
          assert.ok(apart <= 1e-5, `${apart}`);
        });
      await t.test('ONNX’s checker', { skip: python ? false : 'PAPERWEIGHT_ONNX_PYTHON is not set' }, () => {
        assert.match(check(bytes), /^\[\] \S+$/);
      });
      await t.test('imported again', async () => {
        const again = await importOnnx(bytes).to(device);
        assert.ok(farthest((await again.forward(x).data()) as Values, ours) <= 1e-6);
      });
    });
});
