import { onInterrupt } from '../../../src/cli/terminal/interrupt.js';
import { open } from '../../../src/distributed/index.js';
import { endJobUntilJoined } from '../../../src/distributed/thread/leaving.js';

/* A rank that joins the others; or throws an error before it does; or never joins. */

const [how] = process.argv.slice(2);
endJobUntilJoined();
if (how === 'throw') throw new Error('a fault before joining');
if (how === 'late') await new Promise((resolve) => setTimeout(resolve, 120_000));
if (how === 'cli')
  onInterrupt(() => {
    process.stderr.write('\nInterrupted.\n');
    process.exit(143);
  });
const world = await open();
await world.close();
