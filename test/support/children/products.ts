import { openDevice } from '../../../src/backend/open.js';

/* Multiplies matrices with the library for some seconds, and ignores signals: products.js THREADS. It ends with its input. */
const IGNORED = ['SIGWINCH', 'SIGUSR2', 'SIGHUP', 'SIGCONT', 'SIGALRM'] as const;
for (const signal of IGNORED) process.on(signal, () => {});
const { device } = await openDevice('onednn', { threads: Number(process.argv[2]) });
process.stdout.write(`${IGNORED.join(' ')}\n`);
for (let k = 0; k < 100; k++) await device.sgemmRate(256, 50);
process.stdout.write('done\n');
// Without signals from now on.
for await (const _ of process.stdin);
await device.close();
