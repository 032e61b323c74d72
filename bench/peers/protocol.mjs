// What the JavaScript peers of `paperweight bench` share: the work, and the conversation (see src/bench/side.ts).
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expand } from './expand.mjs';

export { beyond } from './expand.mjs';

/** Folder whose node_modules has the peers. */
export const FOLDER = process.env.PAPERWEIGHT_PEERS ?? dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(FOLDER, 'node_modules', 'x.js'));

export const resolve = (name) => require.resolve(name);
/** Loads a package from the peers' folder. */
export const load = async (name) => import(pathToFileURL(resolve(name)).href);
export const versionOf = async (name) =>
  JSON.parse(await readFile(join(FOLDER, 'node_modules', name, 'package.json'), 'utf8')).version;

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

/** `work.json` with its files: parameters by layer, and the few images whose logits are compared. */
async function readWork(file) {
  const work = JSON.parse(await readFile(file, 'utf8'));
  const floats = async (name) => {
    const bytes = await readFile(join(dirname(file), name));
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  };
  return { ...(await expand(work, floats)), folder: dirname(file) };
}

/** Warms up, says that it is ready, and answers until it is told to end. `prepare` gives `{ about, logits, step }`. */
export async function serve(prepare) {
  try {
    const work = await readWork(process.argv[2]);
    const { about, logits, step } = await prepare(work);
    /** Seconds of each step, and of the processor: all threads of this process together. */
    const timed = async (count) => {
      const [seconds, processorSeconds] = [[], []];
      for (let i = 0; i < count; i++) {
        const [started, used] = [performance.now(), process.cpuUsage()];
        await step();
        seconds.push((performance.now() - started) / 1000);
        const { user, system } = process.cpuUsage(used);
        processorSeconds.push((user + system) / 1e6);
      }
      return { seconds, processorSeconds };
    };
    const values = Array.from(await logits());
    const { seconds, processorSeconds } = await timed(work.warmup);
    const warmup = { warmupSeconds: seconds, warmupProcessorSeconds: processorSeconds };
    say({ ready: true, ...about, logits: values, ...warmup });
    for await (const line of createInterface({ input: process.stdin })) {
      const [word, number] = line.split(' ');
      if (word === 'go') say(await timed(Number(number)));
      else if (word === 'end') break;
      else say({ error: `unknown request "${line}"` });
    }
    say({ peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024) });
    process.exit(0);
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  }
}
