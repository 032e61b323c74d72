import { open } from '../../../src/distributed/index.js';
import { openDevice, tensor } from '../../../src/index.js';

/* Calls of the world that do not fit those of the other ranks. */

const world = await open();
const { device } = await openDevice('reference');
const [how] = process.argv.slice(2);
if (how === 'counts') console.log(await world.gather(world.first ? [1, 2] : [1, 2, 3]));
if (how === 'kinds') await (world.first ? world.gather([1]) : world.texts('one'));
if (how === 'at once') await Promise.all([world.gather([1]), world.gather([2])]);
if (how === 'closed') {
  const sum = world.allReduce(await tensor([1, 2]).to(device));
  await world.close();
  const errors = await Promise.all(
    [world.gather([1]), sum.data()].map((one) => one.then(String, (error: Error) => error.message)),
  );
  console.log(errors.join('\n'));
}
await device.close();
await world.close();
