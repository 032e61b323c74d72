import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { CIFAR10 } from '../../../src/data/cifar10/cifar10.js';
import { DataLoader } from '../../../src/data/loader.js';
import { compose, normalize, resize, toTensor } from '../../../src/data/transforms/index.js';
import { manualSeed } from '../../../src/index.js';
import { exportOnnx, importOnnx } from '../../../src/interop/onnx/index.js';
import type { Module } from '../../../src/nn/index.js';
import { FourLayerNet } from '../../../src/papers/alexnet/four-layer.js';
import { AlexNet } from '../../../src/papers/alexnet/model.js';
import { ResNet } from '../../../src/papers/resnet/model.js';
import { tensor } from '../../../src/tensor/tensor.js';
import { batchOf } from '../../support/generated.js';
import { everyLayer } from '../../support/nets/every-layer.js';
import { Histogram, imageLayers, SequenceLayers } from '../../support/nets/library.js';
import {
  check,
  farthest,
  nowhere,
  python,
  type Runtime,
  runtimes,
  type Session,
  type Values,
} from '../../support/onnx/runtimes.js';

/* Exported networks in other programs, and imported again. */

const cifar = process.env.PAPERWEIGHT_CIFAR10;

const devices: Device[] = [];
after(async () => {
  for (const device of devices) await device.close();
});
/** The fast device in float32; the reference device if it is not available. */
async function openFast(): Promise<Device> {
  devices[0] ??= (await openDevice('auto')).device;
  return devices[0];
}

/** The first test images of CIFAR-10, resized to the input size of a model. */
async function realImages(count: number, size: number): Promise<Values> {
  const half = [0.5, 0.5, 0.5];
  const transform = compose([resize([size, size]), toTensor(), normalize(half, half)]);
  const dataset = await CIFAR10.open({ root: cifar!, train: false });
  for await (const [images] of new DataLoader(dataset, { batchSize: count, transform }))
    return (await images.data()) as Values;
  throw new Error('no images');
}

async function sameElsewhere(
  report: (line: string) => void,
  session: Session,
  input: (data: Values, shape: readonly number[]) => unknown,
  model: Module,
  { data, shape }: { data: Values; shape: readonly number[] },
): Promise<void> {
  const size = data.length / shape[0]!;
  for (const count of [1, 3, 16].filter((n) => n <= shape[0]!)) {
    const part = data.slice(0, count * size);
    const whole = [count, ...shape.slice(1)];
    const { logits } = await session.run({ images: input(part, whole) });
    const ours = (await model.forward(tensor(part, { shape: whole })).data()) as Values;
    const apart = farthest(logits!.data, ours);
    report(`batch ${count}: ${apart.toExponential(1)}`);
    assert.ok(apart <= 1e-5, `batch ${count} differs by ${apart.toExponential(2)}`);
  }
}

interface Network {
  readonly size: number;
  readonly real: boolean;
  readonly make: () => Module;
  /** Imported, it is made of other operations with the same results to the last digits but one. */
  readonly near?: boolean;
}

const NETWORKS: Readonly<Record<string, Network>> = {
  'every layer': { size: 16, real: false, make: everyLayer },
  'layers on images': { size: 16, real: false, make: imageLayers, near: true },
  histogram: { size: 16, real: false, make: () => new Histogram(), near: true },
  'layers on sequences': { size: 16, real: false, make: () => new SequenceLayers(), near: true },
  ...Object.fromEntries(
    (['notes', 'paper', 'batchnorm', 'torchvision'] as const).map((preset) => [
      `AlexNet, ${preset}`,
      { size: 224, real: true, make: () => new AlexNet({ numClasses: 10, preset }) },
    ]),
  ),
  'AlexNet, caffe': { size: 227, real: true, make: () => new AlexNet({ numClasses: 10, preset: 'caffe' }) },
  'the four-layer network': { size: 32, real: true, make: () => new FourLayerNet({ numClasses: 10 }) },
  'ResNet-20': { size: 32, real: true, make: () => new ResNet() },
};

for (const [name, { size, real, make, near = false }] of Object.entries(NETWORKS)) {
  const noImages = real && !cifar ? 'PAPERWEIGHT_CIFAR10 names no folder' : false;
  const skip = noImages || (nowhere ? 'neither PAPERWEIGHT_PEERS nor PAPERWEIGHT_ONNX_PYTHON is set' : false);
  test(`${name}, exported, in other programs`, { skip }, async (t) => {
    manualSeed(2);
    const shape = [16, 3, size, size];
    const data = real
      ? await realImages(16, size)
      : ((await batchOf(16, shape.slice(1), 0)[0].data()) as Values);
    const model = (await make().to(await openFast())).eval();
    const bytes = (await exportOnnx(model, shape.slice(1))).encode();
    for (const { name: which, provider, found } of runtimes)
      await t.test(which, { skip: typeof found === 'string' ? found : false }, async (inner) => {
        const { InferenceSession, Tensor } = found as Runtime;
        const session = await InferenceSession.create(bytes, { executionProviders: [provider] });
        const input = (part: Values, whole: readonly number[]) => new Tensor('float32', part, whole);
        await sameElsewhere((line) => inner.diagnostic(line), session, input, model, { data, shape });
        await session.release();
      });
    await t.test('ONNX’s checker', { skip: python ? false : 'PAPERWEIGHT_ONNX_PYTHON is not set' }, () => {
      assert.equal(check(bytes), '[] batch');
    });
    await t.test('imported again', async () => {
      const again = await importOnnx(bytes).to(await openFast());
      const images = tensor(data, { shape });
      const [once, twice] = [await model.forward(images).data(), await again.forward(images).data()];
      if (near) assert.ok(farthest(twice as Values, once as Values) <= 1e-6);
      else assert.deepEqual(twice, once);
    });
  });
}
