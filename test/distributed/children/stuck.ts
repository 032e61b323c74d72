import { Client } from '../../../src/distributed/thread/client.js';
import { World } from '../../../src/distributed/world.js';

/*
 * A rank whose MPI never returns from its end. The argument says how the program ends: `close`, then with an exit code
 * or an error of the program's own; `fail`; `exit` without an end; `silent`: the other ranks never join.
 */

const [how, after] = process.argv.slice(2);
const client = await Client.start(
  { kind: 'mpich', rank: 1, size: 2 },
  {
    files: [],
    self: { host: how === 'silent' ? 'silent' : 'host', pid: process.pid, cores: '' },
    limits: { silence: 500, waiting: 60_000, joining: how === 'silent' ? 500 : 60_000 },
  },
  new URL('./stuck-thread.js', import.meta.url),
);
const world = new World(client);
if (how === 'fail') await world.fail(3, 'a fault', (prefix) => console.error(`${prefix}a fault`));
if (how === 'close') {
  await world.close();
  console.log('closed');
}
if (after === 'throw') throw new Error('a fault of the program');
if (how === 'exit') process.exit(Number(after));
process.exitCode = Number(after ?? 0);
