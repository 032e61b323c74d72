import { parseArgs } from 'node:util';
import {
  Classifier,
  DataLoader,
  device as devices,
  evaluateModel,
  ImageFolder,
  manualSeed,
  nn,
  optim,
  PaperweightError,
  saveWeights,
} from 'paperweight';
import alexnet from 'paperweight/papers/alexnet';

const HELP = `node dist/finetune.js <run-or-weights> <images> [options]

Fine-tunes a trained AlexNet for other classes: those of the folders in <images>/train and <images>/val, one for each
class. The convolutions stay as they are; the fully connected layers learn, the last one from a new initialisation.

  --epochs <n>     5 unless given
  --lr <rate>      0.003 unless given
  --batch <n>      16 unless given
  --seed <n>       0 unless given
  --out <file>     tuned.safetensors unless given
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      epochs: { type: 'string', default: '5' },
      lr: { type: 'string', default: '0.003' },
      batch: { type: 'string', default: '16' },
      seed: { type: 'string', default: '0' },
      out: { type: 'string', default: 'tuned.safetensors' },
    },
  });
  const [path, root] = positionals;
  if (path === undefined || root === undefined || positionals.length > 2) {
    process.stderr.write(HELP);
    process.exitCode = 2;
    return;
  }
  const seed = Number(values.seed);
  manualSeed(seed);

  const device = await devices.best();
  const trained = await Classifier.open(path, { device });
  const side = trained.imageSize;
  const trainSet = await ImageFolder.openSplit({ root, train: true, side });
  const testSet = await ImageFolder.openSplit({ root, train: false, side });

  // The same network for the new classes, with all weights but those of the last layer.
  const config = { ...trained.config, classes: [...trainSet.classes] };
  const model = alexnet.build(config);
  const head = model.namedModules().findLast(([, module]) => module instanceof nn.Linear)?.[0];
  const weights = new Map<string, nn.SavedTensor>();
  for (const [name, parameter] of trained.model.stateDict())
    if (!name.startsWith(`${head}.`))
      weights.set(name, { data: await parameter.data(), shape: parameter.shape });
  model.loadStateDict(weights, { strict: false });
  await model.to(device);

  const { train, test } = alexnet.transforms(config, 'none');
  const measure = () => evaluateModel({ model, dataset: testSet, transform: test });
  const percent = (accuracy: number) => `${accuracy.toFixed(1)} % of ${testSet.length} test images`;
  console.log(`${trainSet.length} images of ${trainSet.classes.length} classes`);
  console.log(`before: ${percent((await measure()).accuracy)}`);

  // What the optimizer does not get stays as it is, and its gradients are never computed.
  const learning = model.namedParameters().filter(([name]) => !name.startsWith('features.'));
  const optimizer = new optim.SGD(learning, { lr: Number(values.lr), momentum: 0.9 });
  const criterion = new nn.CrossEntropyLoss();
  const options = { batchSize: Number(values.batch), shuffle: true, seed, transform: train };
  const loader = new DataLoader(trainSet, options);
  for (let epoch = 1; epoch <= Number(values.epochs); epoch++) {
    model.train();
    let sum = 0;
    for await (const [inputs, labels] of loader) {
      optimizer.zeroGrad();
      const loss = criterion.forward(model.forward(inputs), labels);
      loss.backward();
      optimizer.step();
      sum += await loss.item();
    }
    const { accuracy } = await measure();
    console.log(`epoch ${epoch}: loss ${(sum / loader.length).toFixed(3)}, ${percent(accuracy)}`);
  }

  await saveWeights(values.out, model, { classes: JSON.stringify(config.classes) });
  console.log(`${values.out}: preset ${config.preset}, classes ${config.classes.join(',')}`);
  await device.close();
}

main().catch((error: unknown) => {
  console.error(error instanceof PaperweightError ? `error: ${error.message}` : error);
  process.exitCode = 1;
});
