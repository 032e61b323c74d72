/* Rank 1 ends while rank 0 still waits for it. */
import { openDevice } from '../../../src/backend/open.js';
import { open } from '../../../src/distributed/index.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { tensor } from '../../../src/tensor/tensor.js';

const world = await open();
const { device } = await openDevice('reference');
setDefaultDevice(device);
for (let i = 0; i < 5 - world.rank; i++) await world.allReduce(tensor([1, 2])).data();
await device.close();
