import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { launch, NO_BROWSER } from './browser.js';
import { serveBundles } from './bundles.js';

/* Threads of bundles for which the bundler made no file of the threads' program. */

const PROGRAM = 'test/support/page/threads.js';
const IN_WORKER = `new Promise((resolve, reject) => {
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
    ['a module in a worker', 'esm', IN_WORKER],
    ['a script in a page', 'iife', AS_SCRIPT],
    ['a script in a worker', 'iife', IN_WORKER],
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
