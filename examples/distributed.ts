// Training on several machines: mpirun -n 2 node dist/examples/distributed.js [--dataset cifar10 --data DIR]
// The lines marked with → are all that differs from one process; without a launcher it runs as one.
import { parseArgs } from 'node:util';
import * as pw from 'paperweight';
import { AlexNet } from 'paperweight/papers/alexnet';

const option = (value: string) => ({ type: 'string', default: value }) as const;
const [dataset, data, out] = [option('shapes10'), option('data'), option('distributed.safetensors')];
const [steps, batch, side] = [option('20'), option('16'), option('64')];
const { values } = parseArgs({ options: { dataset, data, out, steps, batch, side } });

const world = await pw.distributed.open(); // → before the device

const { compose, resize, toTensor, normalize } = pw.transforms;
const transform = compose([
  resize(Number(values.side)),
  toTensor(),
  normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
]);
const open = (train: boolean) =>
  values.dataset === 'cifar10'
    ? pw.CIFAR10.open({ root: values.data, train })
    : pw.Shapes10.open({ train, length: 2000 });
const [trainSet, testSet] = [await open(true), await open(false)];

const device = await pw.device.best({ threads: world.threads }); // → the cores of this rank
pw.manualSeed(1);
const model = await new AlexNet({ numClasses: trainSet.classes.length, hidden: 256 }).to(device);
await world.share(model); // → all ranks start with the weights of rank 0
const criterion = new pw.nn.CrossEntropyLoss();
const optimizer = new pw.optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const loader = new pw.DataLoader(trainSet, {
  batchSize: Number(values.batch), // of all ranks together
  shuffle: true,
  dropLast: true,
  transform,
  ranks: world.size, // → each rank gets its part of each batch
  rank: world.rank,
});

let step = 0;
training: for (;;)
  for await (const [inputs, labels] of loader) {
    optimizer.zeroGrad();
    const loss = criterion.forward(model.forward(inputs), labels);
    loss.backward();
    world.average(model.parameters()); // → the mean gradient of all ranks
    optimizer.step();
    const mean = world.allReduce(loss.detach()).mul(1 / world.size);
    const shown = await mean.item(); // every rank computes what depends on other ranks
    if (world.rank === 0) console.log(`step ${step + 1}: loss ${shown.toFixed(4)}`);
    if (++step === Number(values.steps)) break training;
  }

const { accuracy } = await pw.evaluateModel({ model, dataset: testSet, transform, limit: 200, world });
if (world.rank === 0) {
  console.log(`Accuracy on 200 test images, computed by ${world.size} ranks: ${accuracy.toFixed(1)} %`);
  await pw.saveWeights(values.out, model);
}
await device.close();
await world.close(); // → waits for the others
