import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { NETS } from '../../../src/bench/suite/nets/index.js';
import { sizeOf } from '../../../src/graph/types.js';
import { manualSeed, nn, noGrad, type Tensor, tensor } from '../../../src/index.js';
import { exportOnnx, importOnnx } from '../../../src/interop/onnx/index.js';
import { namedTensors } from '../../../src/nn/nested.js';
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

interface Dcgan extends nn.Module {
  readonly generator: nn.Module;
  readonly discriminator: nn.Module;
}

/** Both networks of a DCGAN: the image that is drawn, and whether it looks real. */
class Both extends nn.Module<Record<string, Tensor>> {
  constructor(readonly inner: Dcgan) {
    super();
  }

  forward(noise: Tensor): Record<string, Tensor> {
    const image = this.inner.generator.forward(noise);
    return { image, real: this.inner.discriminator.forward(image) };
  }
}

/** The inputs that `forward` takes, by their places among the net's inputs; the first if left out. */
const INPUTS: Readonly<Record<string, readonly number[]>> = { vae: [0, 1], dcgan: [1] };
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
      const built = net.build();
      const model: nn.Module<unknown> = name === 'dcgan' ? new Both(built as Dcgan) : built;
      await model.eval().to(device);
      const all = net.inputs(ROWS);
      const inputs = (INPUTS[name] ?? [0]).map((place) => {
        const { shape, below } = all[place]!;
        const size = sizeOf(shape);
        const [kind, data] =
          below === undefined
            ? (['float32', Float32Array.from({ length: size }, (_, i) => Math.sin(12.9 * i * i))] as const)
            : (['int32', Int32Array.from({ length: size }, (_, i) => (7919 * i) % below)] as const);
        return { name: `input${place}`, shape, kind, data, x: tensor(data, { shape }) };
      });
      const forward = model.forward as (...given: Tensor[]) => unknown;
      const results = namedTensors(await noGrad(() => forward.call(model, ...inputs.map(({ x }) => x)))).map(
        ([, result]) => result,
      );
      const ours = (await Promise.all(results.map((result) => result.data()))) as Values[];
      assert.ok(ours.every((values) => values.every(Number.isFinite)));
      const shapes = Object.fromEntries(inputs.map((input) => [input.name, input.shape.slice(1)]));
      const types = Object.fromEntries(inputs.map((input) => [input.name, input.kind]));
      const bytes = (await exportOnnx(model, shapes, { inputType: types })).encode();
      const apartFrom = (theirs: readonly Values[]): number => {
        assert.equal(theirs.length, ours.length);
        return Math.max(...theirs.map((values, i) => farthest(values, ours[i]!)));
      };
      for (const { name: which, provider, found } of runtimes)
        await t.test(which, { skip: typeof found === 'string' ? found : false }, async () => {
          const { InferenceSession, Tensor: Theirs } = found as Runtime;
          const session = await InferenceSession.create(bytes, { executionProviders: [provider] });
          const feeds = inputs.map((input) => [input.name, new Theirs(input.kind, input.data, input.shape)]);
          const theirs = await session.run(Object.fromEntries(feeds));
          await session.release();
          const apart = apartFrom(Object.values(theirs).map(({ data }) => data));
          t.diagnostic(`${which}: ${apart.toExponential(1)}`);
          assert.ok(apart <= 1e-5, `${apart}`);
        });
      await t.test('ONNX’s checker', { skip: python ? false : 'PAPERWEIGHT_ONNX_PYTHON is not set' }, () => {
        assert.match(check(bytes), /^\[\] \S+$/);
      });
      await t.test('imported again', async () => {
        const again = await importOnnx(bytes).to(device);
        const found = again.run(Object.fromEntries(inputs.map((input) => [input.name, input.x])));
        const theirs = await Promise.all(Object.values(found).map((result) => result.data()));
        assert.ok(apartFrom(theirs as Values[]) <= 1e-6);
      });
    });
});
