import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Result } from '../support/page/node-test.js';
import type { Programs } from '../support/page/random-programs.js';
import { launch, NO_BROWSER } from './browser.js';
import { serveBundles } from './bundles.js';

/* The conformance suite and random programs in Chromium: the tests that Node runs. */

interface Outcome {
  readonly threads: number;
  readonly results: readonly Result[];
}

const IN_WORKER = `new Promise((resolve, reject) => {
  const worker = new Worker('conformance.js', { type: 'module' });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
})`;
/** Random programs are the same each time, unless PAPERWEIGHT_FUZZ_SEED sets a seed. */
const SEED = Number(process.env.PAPERWEIGHT_FUZZ_SEED ?? 20261129);
const PROGRAMS = 200;
const programsInWorker = (seed: number, count: number): string => `new Promise((resolve, reject) => {
  const worker = new Worker('random-programs.js', { type: 'module' });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage({ seed: ${seed}, count: ${count} });
})`;
const IN_PAGE = `import(location.href + 'conformance.js').then(() => globalThis.outcome)`;

/* Whether a second thread computes for a bundle whose bundler made no file of the threads' program. */
const PROGRAM = 'test/support/page/threads.js';
const THREADS_IN_WORKER = `new Promise((resolve, reject) => {
  const worker = new Worker('threads.js', { type: 'module' });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
})`;
const AS_SCRIPT = `new Promise((resolve, reject) => {
  const script = document.createElement('script');
  script.src = 'threads.js';
  script.onload = () => resolve(globalThis.outcome);
  script.onerror = reject;
  document.head.append(script);
})`;
const AS_MODULE = `import(location.href + 'threads.js').then(() => globalThis.outcome)`;

describe('wasm in Chromium', { skip: NO_BROWSER }, () => {
  let server: Server;
  let browser: Browser;
  before(async () => {
    server = await serveBundles([
      'test/support/page/conformance.js',
      'test/support/page/random-programs.js',
      'src/backend/simd/threads/web-worker.js',
    ]);
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

  for (const [kind, threads] of [
    ['isolated', 2],
    ['plain', 1],
  ] as const)
    it(`gives float64's numbers for random programs, ${kind}; seed ${SEED}`, async () => {
      const page = await browser.newPage();
      const { port } = server.address() as AddressInfo;
      await page.goto(`http://127.0.0.1:${port}/${kind}/`);
      const outcome = await page.evaluate<Programs>(programsInWorker(SEED, PROGRAMS));
      assert.equal(outcome.threads, threads);
      assert.deepEqual(outcome.failures, []);
      assert.equal(outcome.same + outcome.unfit, PROGRAMS);
      assert.ok(outcome.same > 0.7 * PROGRAMS, `only ${outcome.same} could be compared`);
      await page.close();
    });
});

describe('threads of one bundle in Chromium', { skip: NO_BROWSER }, () => {
  let browser: Browser;
  const servers: Server[] = [];
  before(async () => {
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    for (const server of servers) server.close();
  });

  for (const [name, format, script] of [
    ['a module in a page', 'esm', AS_MODULE],
    ['a module in a worker', 'esm', THREADS_IN_WORKER],
    ['a script in a page', 'iife', AS_SCRIPT],
    ['a script in a worker', 'iife', THREADS_IN_WORKER],
  ] as const)
    it(`compute for ${name}`, async () => {
      const server = await serveBundles([PROGRAM], format);
      servers.push(server);
      const page = await browser.newPage();
      const { port } = server.address() as AddressInfo;
      const errors: string[] = [];
      page.on('pageerror', ({ message }) => errors.push(message));
      await page.goto(`http://127.0.0.1:${port}/isolated/`);
      assert.equal(await page.evaluate(script), true);
      assert.deepEqual(errors, []);
      await page.close();
    });
});
