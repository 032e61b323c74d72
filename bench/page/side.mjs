// A side of `bench/webgpu-peers.ts` in Chromium: `node side.mjs NAME work.json` opens a page in which a peer's program,
// or Paperweight, computes. It converses as ../peers/protocol.mjs does. Needs a clone, with esbuild and playwright-core.
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const HERE = dirname(fileURLToPath(import.meta.url));
const PEERS = join(HERE, '../peers');
const FOLDER = process.env.PAPERWEIGHT_PEERS ?? PEERS;
const [name, workFile] = process.argv.slice(2);
const PROGRAMS = {
  paperweight: join(HERE, 'paperweight.mjs'),
  'tfjs-webgpu': join(PEERS, 'tfjs.mjs'),
  'jax-js-webgpu': join(PEERS, 'jax-js.mjs'),
  'onnxruntime-web': join(PEERS, 'onnxruntime-web.mjs'),
};
const PACKAGES = ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgpu', '@jax-js/jax'];
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
/** Parts of Node that the programs name, as a page has them. */
const NODE = `
export const dirname = (path) => path.slice(0, path.lastIndexOf('/'));
export const join = (...parts) => parts.join('/');
export const sep = '/';
export const pathToFileURL = (path) => ({ href: new URL(path, location.href).href });
export const readFile = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());`;

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

/** The programs as they run in a page: protocol.mjs and webgpu.mjs are replaced. */
const forPage = {
  name: 'for-page',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/protocol\.mjs$/ }, () => ({ path: join(HERE, 'protocol.mjs') }));
    onResolve({ filter: /\/webgpu\.mjs$/ }, () => ({ path: 'webgpu', namespace: 'none' }));
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'node' }));
    onLoad({ filter: /./, namespace: 'none' }, () => ({
      contents: 'export const providePageGpu = () => {};',
    }));
    onLoad({ filter: /./, namespace: 'node' }, () => ({ contents: NODE }));
  },
};

async function bundles() {
  const common = { bundle: true, write: false, format: 'esm', platform: 'browser', logLevel: 'error' };
  const program = await build({
    ...common,
    entryPoints: { program: PROGRAMS[name] },
    outdir: '/',
    plugins: [forPage],
    external: ['/packages/*'],
  });
  // One of them registers itself with another, so they must share code.
  const packages =
    name === 'paperweight' || name === 'onnxruntime-web'
      ? { outputFiles: [] }
      : await build({
          ...common,
          splitting: true,
          outdir: '/packages',
          absWorkingDir: FOLDER,
          entryPoints: PACKAGES.map((one) => ({ in: one, out: one })),
          nodePaths: [join(FOLDER, 'node_modules')],
        });
  return new Map(
    [...program.outputFiles, ...packages.outputFiles].map(({ path, contents }) => [path, contents]),
  );
}

/** Processor seconds of the browser's processes so far. */
function processorSeconds(root) {
  const processes = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  const stats = new Map();
  for (const pid of processes) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      stats.set(Number(pid), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
    } catch {
      // It has ended.
    }
  }
  const belongs = (pid) => pid === root || (stats.has(pid) && pid > 1 && belongs(stats.get(pid).parent));
  let ticks = 0;
  for (const [pid, stat] of stats) if (belongs(pid)) ticks += stat.ticks;
  return ticks / 100;
}

try {
  const files = await bundles();
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, 'http://page').pathname);
    try {
      const bytes =
        path === '/'
          ? Buffer.from('<!doctype html><title>bench</title><link rel="icon" href="data:,">')
          : (files.get(path) ??
            (path.startsWith('/work/')
              ? await readFile(join(dirname(workFile), path.slice('/work/'.length)))
              : await readFile(join(FOLDER, path))));
      const type = path === '/' ? 'text/html' : (TYPES[extname(path)] ?? 'application/octet-stream');
      response.writeHead(200, {
        'content-type': type,
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      });
      response.end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const launched = await chromium.launchServer({
    executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--enable-unsafe-webgpu', '--no-first-run'],
  });
  const browser = await chromium.connect(launched.wsEndpoint());
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const root = launched.process().pid;
  const timed = async (count) => {
    const [seconds, used] = [[], []];
    for (let i = 0; i < count; i++) {
      const before = processorSeconds(root);
      seconds.push(await page.evaluate('side.timed()'));
      used.push(processorSeconds(root) - before);
    }
    return { seconds, processorSeconds: used };
  };
  const { about, logits } = await page.evaluate(`import('/program.js').then(() => side.begin())`);
  const { seconds, processorSeconds: used } = await timed(
    JSON.parse(await readFile(workFile, 'utf8')).warmup,
  );
  say({ ready: true, ...about, logits, warmupSeconds: seconds, warmupProcessorSeconds: used });
  for await (const line of createInterface({ input: process.stdin })) {
    const [word, number] = line.split(' ');
    if (word === 'go') say(await timed(Number(number)));
    else break;
  }
  await browser.close();
  await launched.close();
  say({ peakRssMiB: 0 });
  process.exit(0);
} catch (error) {
  say({ error: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
