import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import type { Result } from '../support/page/node-test.js';
import { launch, NO_BROWSER } from './browser.js';

/*
 * The conformance suite in Chromium: the tests that Node runs, bundled with stand-ins for `node:test`, `node:assert` and
 * `node:fs`.
 */

const DIST = fileURLToPath(new URL('../../', import.meta.url));
const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));
/** Headers by which a page may share memory between threads. */
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

async function bundles(): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: [`${DIST}test/support/page/conformance.js`, `${DIST}src/backend/simd/threads/web-worker.js`],
    entryNames: '[name]',
    outdir: '/',
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    logLevel: 'silent',
    alias: {
      'node:test': `${DIST}test/support/page/node-test.js`,
      'node:assert/strict': `${DIST}test/support/page/node-assert.js`,
      'node:fs': `${DIST}test/support/page/node-fs.js`,
    },
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}

/** Pages at /isolated/ and /plain/: each file with or without the headers. */
async function serve(): Promise<Server> {
  const files = await bundles();
  const server = createServer(async (request, response) => {
    const [, kind, ...rest] = request.url!.split('/');
    const name = rest.join('/');
    const headers = kind === 'plain' ? {} : ISOLATED;
    const fixture = /fixtures\/([\w.-]+)$/.exec(request.url!)?.[1];
    if (fixture) {
      response.writeHead(200, { ...ISOLATED, 'content-type': 'application/json' });
      response.end(await readFile(`${FIXTURES}${fixture}`));
    } else if (files.has(`/${name}`)) {
      response.writeHead(200, { ...headers, 'content-type': 'text/javascript' });
      response.end(files.get(`/${name}`));
    } else {
      response.writeHead(200, { ...headers, 'content-type': 'text/html' });
      response.end('<!doctype html><title>wasm</title><link rel="icon" href="data:,">');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

interface Outcome {
  readonly threads: number;
  readonly results: readonly Result[];
}

const IN_WORKER = `new Promise((resolve, reject) => {
  const worker = new Worker('conformance.js', { type: 'module' });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
})`;
const IN_PAGE = `import(location.href + 'conformance.js').then(() => globalThis.outcome)`;

describe('wasm in Chromium', { skip: NO_BROWSER }, () => {
  let server: Server;
  let browser: Browser;
  before(async () => {
    server = await serve();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    server?.close();
  });

  for (const [name, kind, script, threads] of [
    ['in a worker of an isolated page, on two threads', 'isolated', IN_WORKER, 2],
    ['in an isolated page itself, which may not sleep', 'isolated', IN_PAGE, 2],
    ['in a worker of any page, on one thread', 'plain', IN_WORKER, 1],
  ] as const)
    it(`passes the conformance suite ${name}`, async () => {
      const page = await browser.newPage();
      const { port } = server.address() as AddressInfo;
      await page.goto(`http://127.0.0.1:${port}/${kind}/`);
      const outcome = await page.evaluate<Outcome>(script);
      assert.equal(outcome.threads, threads);
      assert.deepEqual(
        outcome.results.filter(({ error }) => error !== undefined),
        [],
      );
      assert.ok(outcome.results.length > 200, `${outcome.results.length} tests`);
      await page.close();
    });
});
