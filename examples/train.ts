// AlexNet on CIFAR-10 from transforms to test accuracy: node dist/examples/train.js [--dataset shapes10]
import { parseArgs } from 'node:util';
import * as pw from 'paperweight';
import { AlexNet } from 'paperweight/papers/alexnet';

const option = (value: string) => ({ type: 'string', default: value }) as const;
const [dataset, data, out] = [option('cifar10'), option('data'), option('alexnet.safetensors')];
const [epochs, batch, images, every] = [option('10'), option('128'), option('10000'), option('100')];
const { values } = parseArgs({ options: { dataset, data, out, epochs, batch, images, every } });

const { compose, resize, toTensor, normalize } = pw.transforms;
const transform = compose([resize(224), toTensor(), normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])]);

const open = (train: boolean) =>
  values.dataset === 'shapes10' // shapes drawn by code, for a machine without a network
    ? pw.Shapes10.open({ train, length: Number(values.images) })
    : pw.CIFAR10.open({ root: values.data, train, download: true });
const [trainSet, testSet] = [await open(true), await open(false)];
const batchSize = Number(values.batch);
const trainLoader = new pw.DataLoader(trainSet, { batchSize, shuffle: true, transform });
const testLoader = new pw.DataLoader(testSet, { batchSize, transform });

const device = await pw.device.best(); // oneDNN if it is installed, otherwise WebAssembly
const model = await new AlexNet({ numClasses: trainSet.classes.length }).to(device);
const criterion = new pw.nn.CrossEntropyLoss();
const optimizer = new pw.optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });

for (let epoch = 1; epoch <= Number(values.epochs); epoch++) {
  model.train();
  let runningLoss = 0;
  for await (const [i, [inputs, labels]] of pw.enumerate(trainLoader)) {
    optimizer.zeroGrad();
    const loss = criterion.forward(model.forward(inputs), labels);
    loss.backward();
    optimizer.step();

    runningLoss += await loss.item();
    if ((i + 1) % Number(values.every) === 0) {
      console.log(`[${epoch}, ${i + 1}] loss: ${(runningLoss / Number(values.every)).toFixed(3)}`);
      runningLoss = 0;
    }
  }
}
console.log('Finished training');
await pw.saveWeights(values.out, model, { classes: JSON.stringify(trainSet.classes) });

model.eval(); // without backward() no gradient is computed
let correct = 0;
for await (const [inputs, labels] of testLoader) {
  const predicted = await model.forward(inputs).argmax(1).data();
  const expected = await labels.data();
  correct += predicted.filter((label, i) => label === expected[i]).length;
}
console.log(`Accuracy on the test set: ${((100 * correct) / testSet.length).toFixed(1)} %`);
await device.close();
