// @ts-check
/*
 * Bundles a program that trains with `paperweight/core` on the wasm device by Vite and by webpack, each with its defaults,
 * and runs both in Chromium, on an isolated page with two threads. esbuild is tested by test/package/.
 */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cache, Job, succeeds } from './job.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TOOLS = ['vite@6.4.6', 'webpack@5.113.0', 'webpack-cli@6.0.1'];
const PROGRAM = `
import { manualSeed, nn, optim, tensor, wasmDevice } from 'paperweight/core';
import { FourLayerNet } from 'paperweight/papers/alexnet/model';

globalThis.outcome = (async () => {
  manualSeed(1);
  const device = await wasmDevice({ threads: 2 });
  const { threads } = await device.info();
  const model = await new FourLayerNet({ numClasses: 10, width: 'half' }).to(device);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  const inputs = tensor(Float32Array.from({ length: 8 * 3 * 32 * 32 }, (_, i) => Math.sin(i)), { shape: [8, 3, 32, 32] });
  const labels = tensor(Int32Array.from({ length: 8 }, (_, i) => i), { shape: [8] });
  const losses = [];
  for (let step = 0; step < 8; step++) {
    optimizer.zeroGrad();
    const loss = new nn.CrossEntropyLoss().forward(model.forward(inputs), labels);
    loss.backward();
    optimizer.step();
    losses.push(await loss.item());
  }
  await device.close();
  return { threads, losses };
})();
`;

const job = new Job('bundlers', []);
const tools = path.join(cache, 'bundlers');
if (
  !existsSync(path.join(tools, 'node_modules/webpack-cli')) &&
  !succeeds('npm', ['install', ...job.npm, '--prefix', tools, ...TOOLS])
)
  job.skip('npm could not bring Vite and webpack');
const { NO_BROWSER, launch } = await import(pathToFileURL(path.join(ROOT, 'dist/test/web/browser.js')).href);
if (NO_BROWSER) job.skip(NO_BROWSER);

const folder = job.folder;
const env = { ...process.env, NODE_PATH: path.join(tools, 'node_modules') };
writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
writeFileSync(path.join(folder, 'main.js'), PROGRAM);
writeFileSync(
  path.join(folder, 'index.html'),
  '<!doctype html><script type="module" src="/main.js"></script>',
);
// The package as an installation would put it there.
const modules = path.join(folder, 'node_modules');
succeeds('mkdir', [modules]);
symlinkSync(ROOT, path.join(modules, 'paperweight'));

const bin = path.join(tools, 'node_modules/.bin');
const built = (/** @type {number | string} */ code) => (code === 0 ? undefined : 'it does not build');
await job.run(
  'Vite builds it',
  [path.join(bin, 'vite'), 'build', '--outDir', 'vite', '--logLevel', 'warn'],
  { cwd: folder, env },
  built,
);
await job.run(
  'webpack builds it',
  [path.join(bin, 'webpack'), './main.js', '--mode', 'production', '-o', 'webpack'],
  { cwd: folder, env },
  built,
);
writeFileSync(path.join(folder, 'webpack/index.html'), '<!doctype html><script src="main.js"></script>');

const TYPES = new Map([
  ['.html', 'text/html'],
  ['.js', 'text/javascript'],
]);
const server = createServer((request, response) => {
  // The pages ask for their files from the root, as Vite's defaults have it, or beside them.
  const name = new URL(request.url ?? '/', 'http://localhost').pathname.replace(/\/$/, '/index.html');
  const file = [name, `/vite${name}`].map((one) => path.join(folder, one)).find(existsSync);
  response.writeHead(file ? 200 : 404, {
    'content-type': TYPES.get(path.extname(name)) ?? 'text/plain',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  });
  response.end(file && readFileSync(file));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
const address = /** @type {import('node:net').AddressInfo} */ (server.address());
const browser = await launch();
for (const name of ['vite', 'webpack']) {
  const page = await browser.newPage();
  const errors = /** @type {string[]} */ ([]);
  page.on('pageerror', (/** @type {Error} */ { message }) => errors.push(message));
  await page.goto(`http://127.0.0.1:${address.port}/${name}/index.html`);
  await page.waitForFunction('globalThis.outcome !== undefined');
  const { threads, losses } = await page.evaluate('globalThis.outcome');
  const good = threads === 2 && losses.at(-1) < losses[0] && errors.length === 0;
  job.judge(
    `${name}'s program trains on ${threads} threads`,
    good ? undefined : `losses ${losses} ${errors.join('; ')}`,
  );
  await page.close();
}
await browser.close();
server.close();
job.end();
