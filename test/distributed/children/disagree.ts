/* Rank 1 computes another sum than rank 0. */
import { openDevice } from '../../../src/backend/open.js';
import { open } from '../../../src/distributed/index.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { tensor } from '../../../src/tensor/tensor.js';

const world = await open();
const { device } = await openDevice('reference');
setDefaultDevice(device);
console.log(await world.allReduce(tensor(world.rank === 0 ? [1, 2] : [1, 2, 3])).data());
