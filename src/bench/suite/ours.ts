import { createInterface } from 'node:readline';
import { openDevice } from '../../backend/open.js';
import { setDefaultDevice } from '../../core.js';
import { secondsPerStep } from '../step.js';
import { NETS } from './nets/index.js';
import { training } from './work.js';

/*
 * Paperweight's side: node ours.js NET THREADS [DEVICE [PRECISION]]. Requests and answers as in src/bench/side.ts. The first line has
 * the losses of five steps from weights and inputs that the other side makes by the same formula.
 */
const [name = '', threads = '2', deviceName = 'auto', precision = 'float32'] = process.argv.slice(2);
const say = (answer: object): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

async function serve(): Promise<void> {
  const net = NETS[name];
  if (!net) throw new Error(`no network ${name}; there are ${Object.keys(NETS).join(', ')}`);
  const { device } = await openDevice(deviceName as 'auto', {
    threads: Number(threads),
    precision: precision as 'float32',
  });
  setDefaultDevice(device);
  const { step } = await training(net, net.batch, device);
  const losses: number[] = [];
  for (let i = 0; i < 5; i++) losses.push(await step());
  const { engine, version } = await device.info();
  say({ ready: true, name: 'paperweight', version: `${engine} ${version}`, losses });
  for await (const line of createInterface({ input: process.stdin })) {
    const [word, number] = line.split(' ');
    if (word === 'end') break;
    say({ seconds: await secondsPerStep(step, Number(number)) });
  }
  await device.close();
  say({ peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024) });
}

try {
  await serve();
} catch (error) {
  say({ error: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
process.stdin.destroy();
