/*
 * Steps of a ResNet with ReLU in float64 on the reference engine, on the ranks of a world or on its own: double.js STEPS.
 * Rank 0 prints the weights before and after as JSON.
 */
import { distributed, nn, referenceDevice, setDefaultDevice, tensor } from '../../../src/index.js';
import { normaliseTogether } from '../../../src/nn/norm.js';
import { SGD } from '../../../src/optim/index.js';
import { buildModel, partsOf } from '../../../src/papers/paper.js';
import { openPaper } from '../../../src/papers/registry.js';
import { Generator } from '../../../src/random.js';
import { manualSeed } from '../../../src/tensor/random.js';

const [batch, side] = [8, 8];
const world = await distributed.open();
const device = referenceDevice();
setDefaultDevice(device);
manualSeed(3);
const paper = await openPaper('resnet');
const { model: base } = partsOf(paper.recipes.short!);
const model = buildModel(paper, { ...base, paper: 'resnet', classes: ['a', 'b', 'c'], imageSize: side });
normaliseTogether(model, world.size);
await model.toFloat('float64');
await model.to(device);
const optimizer = new SGD(model.parameters(), { lr: 0.02, momentum: 0.9, weightDecay: 1e-4 });
const lossOf = new nn.CrossEntropyLoss();
const weights = async () => {
  const all: number[] = [];
  for (const parameter of model.parameters()) all.push(...(await parameter.data()));
  return all;
};
const start = await weights();
const random = new Generator(1);
const { start: from, end: to } = world.part(batch);
for (let step = 0; step < Number(process.argv[2]); step++) {
  const images = Float64Array.from({ length: batch * 3 * side * side }, () => random.normal());
  const labels = Int32Array.from({ length: batch }, (_, i) => (i + step) % 3);
  const size = images.length / batch;
  const x = tensor(images.subarray(from * size, to * size), { shape: [to - from, 3, side, side] });
  optimizer.zeroGrad();
  const loss = lossOf.forward(model.forward(x) as never, tensor(labels.subarray(from, to)));
  loss.backward();
  world.average(model.parameters());
  optimizer.step({ compute: [loss] });
  await loss.item();
}
if (world.first) console.log(JSON.stringify({ start, end: await weights() }));
await world.close();
