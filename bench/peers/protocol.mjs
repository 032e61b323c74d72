// What the JavaScript peers of `paperweight bench` share: the work, and the conversation (see src/bench/side.ts).
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

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
  const weights = await floats(work.weights);
  let at = 0;
  const take = (...shape) => {
    const size = shape.reduce((a, d) => a * d, 1);
    at += size;
    return { shape, data: weights.slice(at - size, at) };
  };
  const layers = work.layers.map((layer) => {
    if (layer.type === 'conv2d') {
      const { inChannels, outChannels, kernel, groups } = layer;
      return { ...layer, weight: take(outChannels, inChannels / groups, ...kernel), bias: take(outChannels) };
    }
    if (layer.type === 'linear')
      return { ...layer, weight: take(layer.outFeatures, layer.inFeatures), bias: take(layer.outFeatures) };
    return layer;
  });
  const few = await floats(work.images);
  const { graphs } = work;
  // In the order in which the nodes list them, which is that of the file.
  const parameters = graphs?.few.parameters.map((node) => take(...graphs.few.nodes[node].shape));
  return { ...work, layers, parameters, few, folder: dirname(file), images: repeat(few, work) };
}

/** Rows or columns behind the end of `size` that the last window of a pooling in ceil mode covers. */
export const beyond = (size, kernel, stride) => Math.ceil((size - kernel) / stride) * stride + kernel - size;

/** The few images over and over, until the batch is full. */
function repeat(few, { batch, imageCount }) {
  const size = few.length / imageCount;
  const all = new Float32Array(batch * size);
  for (let i = 0; i < batch; i++) {
    const from = (i % imageCount) * size;
    all.set(few.subarray(from, from + size), i * size);
  }
  return all;
}

/** Warms up, says that it is ready, and answers until it is told to end. `prepare` gives `{ about, logits, step }`. */
export async function serve(prepare) {
  try {
    const work = await readWork(process.argv[2]);
    const { about, logits, step } = await prepare(work);
    const timed = async (count) => {
      const seconds = [];
      for (let i = 0; i < count; i++) {
        const started = performance.now();
        await step();
        seconds.push((performance.now() - started) / 1000);
      }
      return seconds;
    };
    const values = Array.from(await logits());
    say({ ready: true, ...about, logits: values, warmupSeconds: await timed(work.warmup) });
    for await (const line of createInterface({ input: process.stdin })) {
      const [word, number] = line.split(' ');
      if (word === 'go') say({ seconds: await timed(Number(number)) });
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
