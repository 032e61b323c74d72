// Paperweight's side of `bench/webgpu-peers.ts` in a page; in Node it is src/bench/ours.ts.
import { trainingStep } from '../../dist/src/bench/step.js';
import { nn, noGrad, optim, tensor, webgpuDevice } from '../../dist/src/core.js';
import { serve } from './protocol.mjs';

function layerOf(layer) {
  const { stride, padding } = layer;
  switch (layer.type) {
    case 'conv2d':
      return new nn.Conv2d(layer.inChannels, layer.outChannels, layer.kernel, {
        stride,
        padding,
        dilation: layer.dilation,
        groups: layer.groups,
      });
    case 'linear':
      return new nn.Linear(layer.inFeatures, layer.outFeatures);
    case 'maxPool2d':
      return new nn.MaxPool2d(layer.kernel, { stride, padding, ceilMode: layer.ceilMode });
    case 'localResponseNorm':
      return new nn.LocalResponseNorm(layer.size, { alpha: layer.alpha, beta: layer.beta, k: layer.k });
    case 'adaptiveAvgPool2d':
      return new nn.AdaptiveAvgPool2d(layer.size);
    case 'dropout':
      return new nn.Dropout(layer.p);
    case 'relu':
      return new nn.ReLU();
    case 'flatten':
      return new nn.Flatten();
    default:
      throw new Error(`no layer ${layer.type} here`);
  }
}

await serve(async (work) => {
  const model = new nn.Sequential(...work.layers.map(layerOf));
  const values = work.layers.flatMap(({ weight, bias }) => (weight ? [weight.data, bias.data] : []));
  for (const [i, parameter] of model.parameters().entries()) parameter.load(values[i]);
  const device = await webgpuDevice();
  await model.to(device);
  const { engine, version } = await device.info();
  const input = (data, count) => tensor(data, { shape: [count, ...work.inputShape] });
  const few = input(work.few, work.imageCount);
  const images = input(work.images, work.batch);
  const optimizer = new optim.SGD(model.parameters(), { lr: work.lr, momentum: work.momentum });
  const step = trainingStep(model, optimizer, images);
  const train = () => {
    model.train();
    return step();
  };
  const logits = (x) => {
    model.eval();
    return noGrad(() => model.forward(x)).data();
  };
  return {
    about: { name: 'paperweight', version: `${engine} ${version}` },
    logits: () => logits(few),
    step: work.what === 'train' ? train : () => logits(images),
  };
});
