import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { openDevice } from '../../src/backend/open.js';
import { NETS, trainSteps } from '../support/nets/steps.js';
import { launch, NO_BROWSER } from './browser.js';
import { serveBundles } from './bundles.js';

const STEPS = 3;

describe('webgpu in Chromium', { skip: NO_BROWSER }, () => {
  let server: Server;
  let browser: Browser;
  before(async () => {
    server = await serveBundles(['test/support/page/training.js']);
    browser = await launch({ webgpu: true });
  });
  after(async () => {
    await browser?.close();
    server?.close();
  });

  for (const [kind, name] of [
    ['isolated', 'four layers'],
    ['plain', 'a transformer'],
  ] as const)
    it(`${name}: the losses of Node in a page (${kind})`, async (t) => {
      const page = await browser.newPage();
      const { port } = server.address() as AddressInfo;
      await page.goto(`http://127.0.0.1:${port}/${kind}/`);
      const got = await page.evaluate<{ adapter: string; losses: number[] } | undefined>(
        `import('./training.js').then(() => train('${name}', ${STEPS}))`,
      );
      await page.close();
      if (!got && process.env.PAPERWEIGHT_WEBGPU !== 'required')
        return t.skip('this Chromium has no WebGPU adapter');
      assert.ok(got, 'this Chromium has no WebGPU adapter');
      t.diagnostic(got.adapter);
      const { device } = await openDevice('wasm', { threads: 1 });
      try {
        const expected = await trainSteps(device, NETS[name], STEPS);
        assert.equal(got.losses.length, STEPS);
        for (const [step, loss] of got.losses.entries())
          assert.ok(
            Math.abs(loss - expected[step]!) <= 1e-4,
            `step ${step}: ${loss}, expected ${expected[step]}`,
          );
      } finally {
        await device.close();
      }
    });
});
