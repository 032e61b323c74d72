/* Evaluates a small network on as many images as it is given: evaluate.js 10000. Rank 0 prints the result. */
import { openDevice } from '../../../src/backend/open.js';
import { open } from '../../../src/distributed/index.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { evaluateModel } from '../../../src/train/evaluate.js';
import { makeToyNet, ToySet, toyTransform } from '../../support/toy.js';

const world = await open();
const { device } = await openDevice('onednn', { threads: 1 });
setDefaultDevice(device);
manualSeed(1);
const model = await makeToyNet().to(device);
await world.share(model);
const found = [];
for (const images of process.argv.slice(2))
  found.push(
    await evaluateModel({
      model,
      dataset: new ToySet(Number(images)),
      transform: toyTransform,
      world: world.size > 1 ? world : undefined,
    }),
  );
await world.check('its evaluation', JSON.stringify(found));
if (world.first) console.log(JSON.stringify(found));
await device.close();
await world.close();
