/*
 * Uses every part of the library that pages use, without SharedArrayBuffer, in a separate process. Prints the number
 * of the model's values that were read in pieces:
 *
 *   node no-shared-memory.js <reference | wasm>
 */
Reflect.deleteProperty(globalThis, 'SharedArrayBuffer');
const {
  DataLoader,
  Generator,
  manualSeed,
  nn,
  optim,
  referenceDevice,
  Shapes10,
  Subset,
  tensor,
  transforms,
  evaluate,
  wasmDevice,
} = await import('../../../src/core.js');
const { AlexNet } = await import('../../../src/papers/alexnet/model.js');

manualSeed(1);
const here = process.argv[2] === 'wasm' ? wasmDevice({ threads: 2 }) : referenceDevice();
const set = new Subset(await Shapes10.open({ train: true, length: 20 }), [0, 1, 2, 3]);
const transform = transforms.compose([
  transforms.randomCrop(32, { padding: 2 }),
  transforms.randomHorizontalFlip(),
  transforms.resize(8),
  transforms.toTensor(),
  transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
]);
const model = await new nn.Sequential(
  new nn.Conv2d(3, 4, 3, { padding: 'same' }),
  new nn.BatchNorm2d(4),
  new nn.LocalResponseNorm(3),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
  new nn.AdaptiveAvgPool2d(2),
  new nn.Flatten(),
  new nn.Dropout(0.5),
  new nn.Linear(16, 10),
).to(here);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
const schedule = new optim.StepLR(optimizer, { stepSize: 1 });
const average = new optim.WeightAverage(model.namedParameters(), 0.9);
optimizer.average = average;
for await (const [inputs, labels] of new DataLoader(set, { batchSize: 2, shuffle: true, transform })) {
  optimizer.zeroGrad();
  const loss = new nn.CrossEntropyLoss().forward(model.forward(inputs), labels);
  loss.backward();
  optim.clipGradNorm(model.parameters(), 1);
  optimizer.step();
  await loss.item();
}
schedule.step();
model.eval();
await evaluate(model.forward(tensor(new Float32Array(3 * 64), { shape: [1, 3, 8, 8] })));

// What a file is written from, and how a copy is made.
let count = 0;
const copy = new Map<string, { data: Float32Array; shape: readonly number[] }>();
for (const [name, parameter] of model.stateDict()) {
  const values: number[] = [];
  for await (const piece of parameter.pieces()) values.push(...piece);
  count += values.length;
  copy.set(name, { data: Float32Array.from(values), shape: parameter.shape });
}
model.loadStateDict(copy);
model.loadStateDict(model.stateDict());
nn.inspect(new AlexNet({ numClasses: 2, hidden: 8 }), [3, 224, 224]);
new Generator(1).permutation(4);
console.log(count);
