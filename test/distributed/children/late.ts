import { setTimeout as sleep } from 'node:timers/promises';
import { distributed } from '../../../src/index.js';

/* Ranks end one after the other, and work for different times after that. */

const world = await distributed.open();
await world.barrier();
await sleep(300 * world.rank);
await world.close();
await sleep(300 * (world.size - world.rank));
