/*
 * A short training of a paper's network on drawn images, on the ranks of a world or on its own: paper.js '{"path": …}'.
 * Rank 0 writes the weights to PATH.weights and the evaluations to PATH.json.
 */
import { writeFileSync } from 'node:fs';
import { openDevice } from '../../../src/backend/open.js';
import { CIFAR10 } from '../../../src/data/cifar10/cifar10.js';
import { Shapes10 } from '../../../src/data/shapes10/shapes10.js';
import { Subset } from '../../../src/data/subset.js';
import { compose, type Transform } from '../../../src/data/transforms/index.js';
import { open } from '../../../src/distributed/index.js';
import { ReLU, SiLU } from '../../../src/nn/activation.js';
import { normaliseTogether } from '../../../src/nn/norm.js';
import { asClassifier, buildModel, partsOf } from '../../../src/papers/paper.js';
import { divide } from '../../../src/papers/parallel.js';
import { openPaper } from '../../../src/papers/registry.js';
import type { TrainConfig } from '../../../src/run/config.js';
import { NullRunFolder } from '../../../src/run/null-run-folder.js';
import { RunFolder } from '../../../src/run/run-folder.js';
import { manualSeed, setMaskRank, withRows } from '../../../src/tensor/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { Tensor } from '../../../src/tensor/tensor.js';
import { Trainer } from '../../../src/train/trainer.js';

export interface PaperGiven {
  readonly path: string;
  readonly paper: string;
  readonly recipe: string;
  readonly model?: object;
  readonly config?: Partial<TrainConfig>;
  /** Folder of CIFAR-10; drawn images if left out. */
  readonly cifar10?: string;
  readonly trainImages: number;
  readonly testImages: number;
  readonly resume?: boolean;
  /** The paper's own way to divide the network over the ranks. */
  readonly parallel?: string;
  /** All ranks draw the dropout masks of the first rows, as a mistake would. */
  readonly unshifted?: boolean;
  /** SiLU in place of ReLU, whose kink turns a rounding of the last bit into another gradient. */
  readonly smooth?: boolean;
  /** In float64 on the reference engine, where roundings are too small to move a value over a kink. */
  readonly double?: boolean;
  /** One weight in a hundred starts one rounding step away. */
  readonly nudged?: boolean;
}

/** In place of a method of a tensor or a layer. */
function silu(this: Tensor | ReLU, x?: Tensor): Tensor {
  return new SiLU().forward(x ?? (this as Tensor));
}

/** The first images of CIFAR-10. */
async function openPart(root: string, train: boolean, length: number): Promise<Subset> {
  const whole = await CIFAR10.open({ root, train });
  return new Subset(
    whole,
    Array.from({ length }, (_, i) => i),
  );
}

const given = JSON.parse(process.argv[2]!) as PaperGiven;
const world = await open();
const paper = await openPaper(given.paper);
const root = given.cifar10;
const openSet = (train: boolean, length: number) =>
  root === undefined ? Shapes10.open({ train, length }) : openPart(root, train, length);
const [trainSet, testSet] = [await openSet(true, given.trainImages), await openSet(false, given.testImages)];
const { model: base, training } = partsOf(paper.recipes[given.recipe]!);
const config: TrainConfig = {
  version: 1,
  recipe: given.recipe,
  seed: 3,
  dataset: root === undefined ? 'shapes10' : 'cifar10',
  insightEvery: 0,
  ...training,
  ...given.config,
  model: { paper: given.paper, ...base, classes: [...trainSet.classes], ...given.model },
};
const { device } = await openDevice(given.double ? 'reference' : 'onednn', { threads: 1 });
setDefaultDevice(device);
manualSeed(config.seed);
let model = buildModel(paper, config.model);
if (config.syncBn) normaliseTogether(model, world.size);
if (given.unshifted) {
  setMaskRank(undefined);
  const forward = model.forward.bind(model);
  model.forward = (...inputs) => withRows(undefined, () => forward(...inputs));
}
if (given.smooth) ReLU.prototype.forward = Tensor.prototype.relu = silu;
if (given.nudged)
  for (const parameter of model.parameters()) {
    const values = (await parameter.data()).slice();
    for (let i = 0; i < values.length; i += 100) values[i] = values[i]! * (1 + 2 ** -23);
    parameter.load(values);
  }
if (given.double) await model.toFloat('float64');
await world.share(model);
const way = given.parallel === undefined ? undefined : paper.parallel![given.parallel]!;
if (way?.ranks === world.size) model = await divide(way, model, world);
await model.to(device);
const { train, test } = asClassifier(paper).transforms(config.model, config.augment ?? 'none');
const widen: Transform = {
  name: 'double',
  apply: (batch) => batch.toFloat('float64'),
  toString: () => 'double',
};
const inType = (transform: Transform): Transform => (given.double ? compose([transform, widen]) : transform);
const trainer = new Trainer({
  config,
  model,
  trainSet,
  testSet,
  trainTransform: inType(train),
  testTransform: inType(test),
  folder: !world.first
    ? NullRunFolder.at(given.path)
    : given.resume
      ? RunFolder.open(given.path)
      : await RunFolder.create(given.path, config),
  world: world.size > 1 ? world : undefined,
});
await trainer.resume();
const done = await trainer.run();
const weights = await trainer.weights();
if (world.first) {
  const all = [...weights.values()];
  writeFileSync(
    `${given.path}.weights`,
    Buffer.concat(all.map((v) => Buffer.from(v.buffer, v.byteOffset, v.byteLength))),
  );
  writeFileSync(`${given.path}.json`, JSON.stringify(done));
}
await device.close();
await world.close();
